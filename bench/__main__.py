"""Speed and memory of the path, each figure beside what it is compared with, in one run.

python -m bench [persons] [events] [definitions]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from bench.store import BenchStore, build_store
from muster.evaluate.bucket import BucketEvaluation, Planned
from muster.profiles.bucket import BucketReader

T = TypeVar("T")

_console = Console(highlight=False)


def main() -> None:
    """Build a store, measure, print one table."""
    persons, events, count = [int(text) for text in (*sys.argv[1:4], "200000", "2000000", "200")[:3]]
    with tempfile.TemporaryDirectory() as folder:
        table = Table("what", "time", "rate or ratio")
        _console.print(f"{persons:,} persons, {events:,} events, {count} definitions")
        with _timed() as loading:
            store = build_store(Path(folder), persons, events)
        _row(
            table, "batches laid over the store", loading[0], f"{(persons + events) / loading[0]:,.0f} rows/s"
        )
        planned = store.definitions(count)
        together = _measure(lambda: _evaluate(store, planned))
        _row(
            table,
            f"{count} definitions in one job",
            together,
            f"{together / count * 1000:.1f} ms a definition",
        )
        sample = planned[:20]
        alone = _measure(lambda: [_evaluate(store, [definition]) for definition in sample])
        each = alone / len(sample)
        _row(table, f"{len(sample)} of them one job each", alone, f"{each * 1000:.1f} ms a definition")
        statements = _measure(lambda: store.by_statements(len(sample)))
        by_statement = statements / len(sample)
        _row(
            table,
            f"{len(sample)} of them as one SQL statement each",
            statements,
            f"{by_statement * 1000:.1f} ms a definition; together is {by_statement / (together / count):.1f} times faster",
        )
        lookups = _measure(store.look_up_hundred)
        _row(table, "100 entities by identity", lookups, f"{lookups * 10:.1f} ms an entity")
        _console.print(table)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        _console.print(f"peak memory of this process: {peak:,.0f} MiB")
        store.close()


def _evaluate(store: BenchStore, planned: list[Planned]) -> int:
    members = 0
    for bucket in store.snapshot.buckets:
        reader = BucketReader(bucket, store.workspace.lake)
        with store.workspace.engine.cursor() as cursor:
            evaluation = BucketEvaluation(
                cursor,
                reader,
                now=store.now,
                stored=lambda id_: store.nobody(reader),  # noqa: B023 - called within this turn of the loop
                stored_map=lambda _: {},
            )
            members += sum(int(mask.sum()) for mask in evaluation.members(planned).values())
    return members


def _measure(call: Callable[[], T]) -> float:
    """The best of three runs, in seconds: what the machine does besides only ever adds."""
    best = float("inf")
    for _ in range(3):
        with _timed() as spent:
            call()
        best = min(best, spent[0])
    return best


@contextmanager
def _timed() -> Iterator[list[float]]:
    spent = [0.0]
    start = time.perf_counter()
    yield spent
    spent[0] = time.perf_counter() - start


def _row(table: Table, what: str, seconds: float, rate: str) -> None:
    table.add_row(what, f"{seconds:.2f} s", rate)


main()
