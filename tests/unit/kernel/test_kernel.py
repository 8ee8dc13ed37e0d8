"""Ids, clocks, pages and the printing of errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from muster.kernel.clock import BusinessClock, FixedClock, from_ms, iso, to_ms
from muster.kernel.errors import Invalid, MusterError, Problem, VersionMismatch
from muster.kernel.ids import RandomIds, SeededIds, derived_uuid
from muster.kernel.page import Page
from muster.kernel.version import Version


def test_the_same_seed_gives_the_same_ids() -> None:
    left, right = SeededIds(3), SeededIds(3)
    assert [left.uuid(), left.hex(24), left.ulid()] == [right.uuid(), right.hex(24), right.ulid()]


def test_ids_have_the_forms_of_the_api() -> None:
    ids = RandomIds()
    assert len(ids.uuid()) == 36
    assert len(ids.hex(24)) == 24
    assert len(ids.hex(5)) == 5
    assert len(ids.ulid()) == 26


def test_a_derived_id_is_the_same_for_the_same_names_and_depends_on_where_they_end() -> None:
    assert derived_uuid("flow", "a") == derived_uuid("flow", "a")
    assert derived_uuid("flow", "ab") != derived_uuid("flowa", "b")


def test_business_time_runs_ahead_of_wall_time_by_the_offset() -> None:
    wall = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock = BusinessClock(wall, lambda: 86_400_000)
    assert clock.now() == datetime(2026, 1, 2, tzinfo=UTC)


def test_instants_are_written_with_milliseconds_only_when_there_are_any() -> None:
    assert iso(from_ms(0)) == "1970-01-01T00:00:00Z"
    assert iso(from_ms(1)) == "1970-01-01T00:00:00.001Z"
    assert to_ms(from_ms(1_795_300_000_123)) == 1_795_300_000_123


def test_a_page_knows_whether_more_follows() -> None:
    assert Page(("a", "b"), 0, 2, 5).has_next
    assert not Page(("e",), 4, 2, 5).has_next
    assert Page((), 0, 2, 5).page_count == 3


def test_an_error_prints_its_docstring_with_its_fields() -> None:
    error = VersionMismatch("flow", "f", Version(3), Version(2))
    assert str(error) == "flow f is at version 3, not 2. Read it again, then retry."


def test_all_problems_of_an_input_are_told_with_their_places() -> None:
    error = Invalid((Problem("/name", "is required"), Problem("/n", "is no number")))
    assert str(error) == "/name: is required; /n: is no number"


def test_an_error_without_fields_prints_as_it_is() -> None:
    @dataclass(eq=False)
    class Plain(MusterError):
        """Nothing to fill in."""

    assert str(Plain()) == "Nothing to fill in."
