"""What the demo does when something is not as it should be."""

from __future__ import annotations

import importlib.util
from datetime import date
from pathlib import Path

import pytest

from muster.demo.__main__ import MARK, prepare
from muster.demo.failure import DemoFailed
from muster.demo.mapping import open_retail_data
from muster.demo.show import Show, size_text


def test_foreign_files_are_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(DemoFailed, match="not the demo's"):
        prepare(tmp_path)

    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_own_folder_is_emptied(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    prepare(folder)
    (folder / "results" / "old.csv").write_text("old")

    prepare(folder)

    assert sorted(path.name for path in folder.iterdir()) == [MARK, "logs", "results", "uploads"]
    assert not list((folder / "results").iterdir())


def test_numbers_that_differ_stop_the_demo_and_say_where_each_is_from() -> None:
    show = Show()
    show.agree("The size", in_the_job=3, in_the_file=3)

    with pytest.raises(DemoFailed, match="The size should be one number, and is 3 in the job, 4 in the file"):
        show.agree("The size", in_the_job=3, in_the_file=4)


def test_missing_data_is_told_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with (
        pytest.raises(DemoFailed, match=r"pip install muster-cdp\[demo\]"),
        open_retail_data(date(2026, 3, 1)),
    ):
        pass


def test_sizes_read_as_people_say_them() -> None:
    assert [size_text(size) for size in (900, 19_900, 14_457_219)] == ["0.9 kB", "19.9 kB", "14.5 MB"]
