"""The first of the README's two commands, in a copy of the checkout that has nothing made in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 1200


@pytest.mark.skipif(
    os.environ.get("MUSTER_TEST_DEMO") != "1",
    reason="installs everything anew and runs for minutes; MUSTER_TEST_DEMO=1 asks for it",
)
@pytest.mark.timeout(TIMEOUT_S + 60)
def test_demo_runs_in_a_fresh_checkout_and_leaves_no_process(tmp_path: Path) -> None:
    checkout = tmp_path / "muster"
    for name in _files_of_the_project():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, checkout / name)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MUSTER_", "PYTHON"))}
    done = subprocess.run(
        ["make", "demo"],
        cwd=checkout,
        env=kept,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "1,469,307" in done.stdout
    assert _processes_of(checkout) == []


def _files_of_the_project() -> list[str]:
    """What version control holds, as it is now in the working tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _processes_of(checkout: Path) -> list[str]:
    """Command lines of processes that were started below a folder, or by a program in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
                started_in = os.readlink(entry / "cwd")
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if str(checkout) in line or started_in.startswith(str(checkout)):
                found.append(line)
    return found
