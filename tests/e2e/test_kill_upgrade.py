"""A job that one build began is finished by the next one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.simulation.invariants import check_at_rest
from tests.simulation.server import SOURCE, installation
from tests.simulation.story import Story

# Each must be found once, so that the test says so when it changes nothing any more.
CHANGES = {
    "__init__.py": ('__version__ = "', '__version__ = "9.'),
    "worker.py": ('log.info("job_started")', 'log.info("job_started", build="newer")'),
    "pipeline.py": (
        'conversion = steps.run("convert"',
        'workspace.clock.now()\n    conversion = steps.run("convert"',
    ),
    "evaluate/segment_job.py": ("at = from_ms(frozen", "workspace.clock.now()\n    at = from_ms(frozen"),
}


def newer_build(folder: Path) -> Path:
    """A copy of the package with another version, whose steps do more than those of this one."""
    source = folder / "src"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (old, new) in CHANGES.items():
        file = source / "muster" / name
        text = file.read_text()
        assert text.count(old) == 1, f"{name}: {old}"
        file.write_text(text.replace(old, new))
    return source


@pytest.mark.parametrize("point", ["ingest_batch.convert", "segment_job.evaluate"])
def test_newer_build_finishes_the_job_in_flight(tmp_path: Path, point: str) -> None:
    workflow = point.partition(".")[0]
    with installation(tmp_path) as running:
        running.serve(point)
        story = Story(running)
        if workflow != "ingest_batch":
            story.stage("ingest_batch")
        story.begin(workflow)
        running.wait_crashed()
        running.kill("supervisor")
        before = running.log_text()

        running.update(newer_build(tmp_path / "newer"))
        running.serve()
        story.end(workflow)

        resumed = [line for line in running.log_text().removeprefix(before).splitlines() if "newer" in line]
        assert any(workflow.partition("_")[0] in line for line in resumed)
        entered = (3, 1, 1)
        if workflow == "ingest_batch":
            story.begin("segment_job")
            sizes, _ = story.end("segment_job")
        else:
            sizes, _ = story.end(workflow)
        assert tuple(size[0] for size in sizes.values()) == entered
        check_at_rest(running)
        running.stop()
