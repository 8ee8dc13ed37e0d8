"""`make demo`: a year of real purchases becomes profiles, audiences, a dataset and a file in a bucket, in about a minute.

Everything goes through the REST API of a server that is started for it, on this machine alone. Read `story.py` as the story,
`model.py` and `chapters.py` as its calls, `mapping.py` and `audiences.py` as what a retailer would write.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from muster.demo.client import Client
from muster.demo.failure import DemoFailed
from muster.demo.mapping import open_retail_data
from muster.demo.servers import muster_server, s3_server
from muster.demo.show import Show
from muster.demo.story import Story, tell

MARK = ".muster-demo"
"""Name of the empty file by which the demo knows a folder as its own."""


def main() -> int:
    """Run the demo; the exit code of the process: 0, 1 when something failed, 130 when interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m muster.demo", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("demo-data"), help="where all files go; emptied first [demo-data]"
    )
    folder = parser.parse_args().folder.resolve()
    # An end from outside is an end like any other: servers first.
    for signal_ in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_, _interrupt)
    show = Show()
    try:
        prepare(folder)
        _run(show, folder)
    except DemoFailed as failed:
        show.failure(str(failed))
        return 1
    except KeyboardInterrupt:
        show.failure("It was interrupted; its servers have ended.")
        return 130
    return 0


def prepare(folder: Path) -> None:
    """Empty the folder, if the demo made it. Raises `DemoFailed` rather than removing anybody else's files."""
    if folder.exists() and not folder.is_dir():
        raise DemoFailed(f"{folder} is no folder. Name another with --folder.")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise DemoFailed(f"{folder} holds files that are not the demo's. Name another with --folder.")
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("logs", "uploads", "results"):
        (folder / part).mkdir(parents=True)
    (folder / MARK).touch()


def _run(show: Show, folder: Path) -> None:
    logs = folder / "logs"
    with ExitStack() as running:
        with show.chapter("Start two servers"):
            data = running.enter_context(open_retail_data(datetime.now(UTC).date()))
            bucket = running.enter_context(s3_server(logs))
            address = running.enter_context(muster_server(folder / "server", logs, bucket))
            show.say(f"[bold]Muster[/] answers at {address}, a local S3 server at {bucket.endpoint}.")
            show.say(f"Both end with the demo. Their logs: {logs}")
        tell(Story(show, Client(address), data, bucket, folder))
    show.summary()


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
