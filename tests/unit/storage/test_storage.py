"""The lake, the seal and the settings."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from muster.kernel.clock import FixedClock
from muster.kernel.errors import Invalid, NotFound
from muster.settings import Settings, as_environment, read_settings
from muster.storage.business_time import BusinessTime, ClockBackwards
from muster.storage.database import Database
from muster.storage.lake import ScopedLake
from muster.storage.local_lake import LocalLake
from muster.storage.sealing import Seal, SealBroken, read_or_make_key


def test_a_file_put_into_the_lake_is_read_back_and_leaves_its_spool(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path / "lake")
    with lake.spool() as spool:
        made = spool / "x.txt"
        made.write_text("rows")
        lake.put("a/b/x.txt", made)
        assert not made.exists()
    assert lake.local("a/b/x.txt").read_text() == "rows"
    assert list(lake.paths("a")) == ["a/b/x.txt"]
    lake.delete("a/b/x.txt")
    with pytest.raises(NotFound):
        lake.local("a/b/x.txt")


@pytest.mark.parametrize("path", ["../2/secret", "a/../../2/secret", "/etc/passwd"])
def test_a_scope_cannot_leave_its_folder(tmp_path: Path, path: str) -> None:
    lake = LocalLake(tmp_path / "lake")
    other = tmp_path / "lake" / "2"
    other.mkdir()
    (other / "secret").write_text("theirs")
    with pytest.raises(NotFound):
        ScopedLake(lake, 1).local(path)


def test_a_sealed_row_cannot_be_opened_at_another_place() -> None:
    seal = Seal("key")
    sealed = seal.close({"secretKey": "hunter2"}, context="1/a")
    assert seal.open(sealed, context="1/a") == {"secretKey": "hunter2"}
    assert b"hunter2" not in sealed
    with pytest.raises(SealBroken):
        seal.open(sealed, context="1/b")


def test_the_key_file_is_private_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    key = read_or_make_key(path)
    assert read_or_make_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_default() -> None:
    environment = {"MUSTER_PORT": "9000", "MUSTER_EMULATOR": "true", "MUSTER_LEASE_S": "2.5"}
    settings = read_settings(environment, port=9001, host=None)
    assert (settings.port, settings.host, settings.emulator, settings.lease_s) == (
        9001,
        "127.0.0.1",
        True,
        2.5,
    )


def test_settings_survive_the_way_to_a_child_process() -> None:
    settings = Settings(data_dir=Path("/tmp/x"), emulator=True, port=1, client_secret="s")
    assert read_settings(as_environment(settings)) == settings


def test_all_settings_that_cannot_be_are_named() -> None:
    with pytest.raises(Invalid, match=r"MUSTER_PORT: 'x' is no int; MUSTER_EMULATOR: 'maybe' is no bool"):
        read_settings({"MUSTER_PORT": "x", "MUSTER_EMULATOR": "maybe"})


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"MUSTER_EMULATOR": "1", "MUSTER_HOST": "0.0.0.0"}, "loopback"),
        ({"MUSTER_WORKERS": "2"}, "PostgreSQL"),
        ({"MUSTER_TLS_CERT": "a.pem"}, "go together"),
        ({"MUSTER_DATABASE_URL": "mysql://x"}, "postgresql"),
        ({"MUSTER_CRASH_AT": "a.b"}, "emulator"),
    ],
)
def test_settings_that_cannot_work_together_are_refused(environment: dict[str, str], reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        read_settings(environment)


def test_business_time_goes_forward_only_and_is_the_same_in_every_process(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/clock.db")
    database.migrate()
    wall = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    here = BusinessTime(database, wall, monotonic=lambda: 0.0)
    here.set(datetime(2030, 1, 1, tzinfo=UTC))
    there = BusinessTime(database, wall)
    assert there.clock().now() == datetime(2030, 1, 1, tzinfo=UTC)
    with pytest.raises(ClockBackwards):
        there.set(datetime(2029, 1, 1, tzinfo=UTC))
    database.close()
