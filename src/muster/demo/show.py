"""What appears on the screen: chapters with their times, tables, and numbers that were compared."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from muster.demo.failure import DemoFailed


class Show:
    """The screen of one run of the demo."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._chapters: list[tuple[str, float]] = []
        self._began = time.monotonic()
        self._compared = 0

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """A part of the story: its title, then what it says, then how long it took."""
        self._console.print(f"\n[bold cyan]{len(self._chapters) + 1}  {title}[/]")
        began = time.monotonic()
        with self._console.status(f"{title} …"):
            yield
        took = time.monotonic() - began
        self._chapters.append((title, took))
        self._console.print(f"   [dim]{took:.1f} s[/]")

    def say(self, sentence: str) -> None:
        """A line of the chapter; may hold rich's markup."""
        self._console.print(f"   {sentence}", soft_wrap=True)

    def heading(self, sentence: str) -> None:
        """A sentence between chapters."""
        self._console.print(f"\n[bold cyan]{sentence}[/]", soft_wrap=True)

    def code(self, text: str) -> None:
        """Text as it is, for copying."""
        indented = "\n".join(f"   {line}" for line in text.splitlines())
        self._console.print(escape(indented), soft_wrap=True, style="green")

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = ()
    ) -> None:
        """Rows under headings; the columns whose positions are in `numbers` are aligned to the right."""
        table = Table(box=None, padding=(0, 2, 0, 3), header_style="dim")
        for position, column in enumerate(columns):
            table.add_column(column, justify="right" if position in numbers else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        self._console.print(table)

    def agree(self, what: str, **counts: int) -> None:
        """Compare numbers of the same thing from different places. Raises `DemoFailed` when they differ."""
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{count:,} {where.replace('_', ' ')}" for where, count in counts.items())
            raise DemoFailed(f"{what} should be one number, and is {told}.")
        self._compared += 1

    def summary(self) -> None:
        """All chapters with their times."""
        self.heading("Where the time went")
        self.table(
            ["chapter", "seconds"], [[title, f"{took:.1f}"] for title, took in self._chapters], numbers=[1]
        )
        total = time.monotonic() - self._began
        self.say(
            f"[bold]{total:.1f} s in all[/]; {self._compared} numbers were compared with a second source, all agree."
        )

    def failure(self, sentence: str) -> None:
        """Why the demo stops."""
        self._console.print(f"\n[bold red]The demo stopped.[/] {escape(sentence)}", soft_wrap=True)


def size_text(byte_count: int) -> str:
    """A size as people say it."""
    return f"{byte_count / 1e6:.1f} MB" if byte_count >= 1e6 else f"{byte_count / 1e3:.1f} kB"
