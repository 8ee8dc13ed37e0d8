"""How long a call takes, and the table that says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.table import Table

T = TypeVar("T")
CONSOLE = Console(highlight=False)


@contextmanager
def timed() -> Iterator[list[float]]:
    """The seconds that the block took, in a list of one, once it has ended."""
    spent = [0.0]
    start = time.perf_counter()
    yield spent
    spent[0] = time.perf_counter() - start


def best_of(call: Callable[[], T], times: int = 3) -> float:
    """The best of some runs, in seconds: what the machine does besides only ever adds."""
    best = float("inf")
    for _ in range(times):
        with timed() as spent:
            call()
        best = min(best, spent[0])
    return best


class Figures:
    """One table of figures, printed row by row as they come."""

    def __init__(self, title: str) -> None:
        self._table = Table("what", "time", "rate or ratio", title=title, title_justify="left")

    def row(self, what: str, seconds: float, rate: str) -> None:
        """Add a figure, and show that it is there: the whole takes minutes."""
        CONSOLE.print(f"[dim]{what}: {seconds:.3f} s[/dim]")
        self._table.add_row(what, f"{seconds:.3f} s", rate)

    def show(self) -> None:
        """Print the table."""
        CONSOLE.print(self._table)
