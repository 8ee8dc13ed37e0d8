"""Memberships packed into a file and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from muster.profiles.identity import NO_ROW, Identity, IdentityIndex, hash_of_xid, write_index
from muster.profiles.packs import Members, Pack, nobody, write_pack


def members(rows: int, since: dict[int, int], left: dict[int, int], own: dict[int, int]) -> Members:
    mask = np.zeros(rows, dtype=np.bool_)
    mask[list(since)] = True

    def numbers(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
        return np.array(values, dtype=np.uint32)

    return Members(
        mask,
        numbers([since[row] for row in sorted(since)]),
        numbers(sorted(left)),
        numbers([left[row] for row in sorted(left)]),
        numbers(sorted(own)),
        numbers([own[row] for row in sorted(own)]),
    )


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Eleven persons; audience `a` has three members and one who left, `b` has nobody."""
    path = tmp_path / "pack.arrow"
    audiences = {"a": members(11, {0: 3, 8: 1, 10: 2}, {4: 2}, {8: 0}), "b": nobody(11)}
    write_pack(path, audiences, row_count=11, generation=2)
    return Pack(path)


def test_what_was_packed_is_read_back(pack: Pack) -> None:
    found = pack.members("a")
    assert np.flatnonzero(found.mask).tolist() == [0, 8, 10]
    assert found.since.tolist() == [3, 1, 2]
    assert (found.left_rows.tolist(), found.left_at.tolist()) == ([4], [2])
    assert (found.own_rows.tolist(), found.own_since.tolist()) == ([8], [0])
    assert (pack.row_count, pack.generation, pack.definitions) == (11, 2, ["a", "b"])


@pytest.mark.parametrize(
    ("row", "said"),
    [(0, ("in", 3)), (8, ("in", 1)), (10, ("in", 2)), (4, ("left", 2)), (5, None), (99, None)],
)
def test_one_person_is_read_without_the_others(pack: Pack, row: int, said: tuple[str, int] | None) -> None:
    assert pack.of_row("a", row) == said


def test_an_audience_that_the_pack_does_not_speak_of_has_nobody(pack: Pack) -> None:
    assert not pack.members("c").mask.any()
    assert pack.of_row("c", 0) is None


def test_a_pack_read_for_a_bucket_that_grew_says_nothing_of_the_new_rows(pack: Pack) -> None:
    grown = pack.members("a").resized(20)
    assert np.flatnonzero(grown.mask).tolist() == [0, 8, 10]
    assert len(grown.mask) == 20


def test_namespaces_compare_without_case_and_values_exactly() -> None:
    assert Identity("Email", "a@x").hash == Identity("email", "a@x").hash
    assert Identity("Email", "a@x").hash != Identity("Email", "A@x").hash
    assert Identity("a", "b\0c").hash == Identity("a", "b\0c").hash


def test_a_public_id_is_read_back_and_nonsense_is_none() -> None:
    identity = Identity("Email", "a@x")
    assert hash_of_xid(identity.xid) == identity.hash
    assert hash_of_xid("short") is None


def test_the_newest_index_has_the_last_word(tmp_path: Path) -> None:
    a, b, c = (Identity("Email", name).hash for name in "abc")
    write_index(tmp_path / "base.npy", [a, b], [0, 1])
    write_index(tmp_path / "run.npy", [b], [NO_ROW])
    index = IdentityIndex([tmp_path / "base.npy", tmp_path / "run.npy"])
    assert index.rows([a, b, c]).tolist() == [0, NO_ROW, NO_ROW]
