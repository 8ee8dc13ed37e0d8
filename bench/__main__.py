"""Speed and memory of the path, each figure beside what it is compared with, in one run.

python -m bench store [persons] [events] [definitions]
python -m bench language [persons] [events]
python -m bench                                          both, with the sizes that the figures in the docs have
"""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path

from bench import language
from bench.measure import CONSOLE, Figures, best_of, timed
from bench.store import BenchStore, build_store
from muster.evaluate.bucket import BucketEvaluation, Planned
from muster.profiles.bucket import BucketReader


def main() -> None:
    """Measure what is asked for."""
    what, *sizes = sys.argv[1:] or ["all"]
    given = [int(text) for text in sizes]
    if what in ("language", "all"):
        language.measure(*[*given, *(1_000_000, 10_000_000)[len(given) :]][:2])
    if what in ("store", "all"):
        _store(*[*given, *(200_000, 2_000_000, 200)[len(given) :]][:3])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    CONSOLE.print(f"peak memory of this process: {peak:,.0f} MiB")


def _store(persons: int, events: int, count: int) -> None:
    """Build a store, measure, print one table."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Figures(f"The store: {persons:,} persons, {events:,} events, {count} definitions")
        with timed() as loading:
            store = build_store(Path(folder), persons, events)
        figures.row(
            "batches laid over the store", loading[0], f"{(persons + events) / loading[0]:,.0f} rows/s"
        )
        planned = store.definitions(count)
        together = best_of(lambda: _evaluate(store, planned))
        figures.row(
            f"{count} definitions in one job",
            together,
            f"{together / count * 1000:.1f} ms a definition",
        )
        sample = planned[:20]
        alone = best_of(lambda: [_evaluate(store, [definition]) for definition in sample])
        each = alone / len(sample)
        figures.row(f"{len(sample)} of them one job each", alone, f"{each * 1000:.1f} ms a definition")
        statements = best_of(lambda: store.by_statements(len(sample)))
        by_statement = statements / len(sample)
        figures.row(
            f"{len(sample)} of them as one SQL statement each",
            statements,
            f"{by_statement * 1000:.1f} ms a definition; together is {by_statement / (together / count):.1f} times faster",
        )
        sequence = store.sequence()
        together = best_of(lambda: _evaluate(store, [sequence]))
        alone = best_of(lambda: _evaluate(store, [sequence], one_by_one_max=persons), 1)
        figures.row(
            "a sequence of events, people as columns",
            together,
            f"{alone / together:.1f} times as fast as one by one",
        )
        lookups = best_of(store.look_up_hundred)
        figures.row("100 entities by identity", lookups, f"{lookups * 10:.1f} ms an entity")
        figures.show()
        store.close()


def _evaluate(store: BenchStore, planned: list[Planned], **limits: int) -> int:
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
                **limits,
            )
            members += sum(int(mask.sum()) for mask in evaluation.members(planned).values())
    return members


main()
