"""The rows that failed, written down as they came, with what is wrong with each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import orjson

from muster.ingest.files import CorruptRow
from muster.ingest.problems import CORRUPT, RowProblem, as_code

PARSING, CONVERSION = "row_errors/parsing_errors_0.json", "row_errors/conversion_errors_0.json"
SAMPLE = "row_errors_sample.json"
_SAMPLE_MAX = 100
_EXAMPLES_MAX = 5


class Diagnostics:
    """Counts failed rows and, when asked to, writes them to files of one JSON object a line.

    Args:
        folder: Where the files are made; None when rows are only counted.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._streams: dict[str, IO[bytes]] = {}
        self._sampled = 0
        self.failed_count = 0
        self.counts: dict[str, int] = {}
        self.examples: list[str] = []

    def corrupt(self, file: str, row: CorruptRow) -> None:
        """Note a piece of a file that is no row."""
        error = {"code": as_code(CORRUPT), "row": row.number, "message": row.message}
        self._note(PARSING, {"_corrupt_record": row.text, "_errors": [error], "_filename": file}, (CORRUPT,))
        self._example(f"{file}, row {row.number}: {row.message}")

    def failed(
        self, file: str, number: int, original: dict[str, Any], problems: Sequence[RowProblem]
    ) -> None:
        """Note a row that cannot be taken."""
        errors = [
            {"code": as_code(problem.code), "column": problem.path, "row": number, "message": problem.message}
            for problem in problems
        ]
        record = {**original, "_errors": errors, "_filename": file}
        self._note(CONVERSION, record, [problem.code for problem in problems])
        self._example(f"{file}, row {number}: {'; '.join(problem.message for problem in problems)}")

    def close(self) -> dict[str, Path]:
        """The files by the names that readers ask for them under."""
        for stream in self._streams.values():
            stream.close()
        if self._folder is None:
            return {}
        return {name: self._folder / name.replace("/", "-") for name in sorted(self._streams)}

    def _note(self, name: str, record: dict[str, Any], codes: Sequence[str]) -> None:
        self.failed_count += 1
        for code in set(codes):
            self.counts[code] = self.counts.get(code, 0) + 1
        self._write(name, record)
        if self._sampled < _SAMPLE_MAX:
            self._sampled += 1
            self._write(SAMPLE, record)

    def _write(self, name: str, record: dict[str, Any]) -> None:
        if self._folder is None:
            return
        if name not in self._streams:
            self._streams[name] = (self._folder / name.replace("/", "-")).open("wb")
        self._streams[name].write(
            orjson.dumps(record, default=_plain, option=orjson.OPT_NON_STR_KEYS) + b"\n"
        )

    def _example(self, text: str) -> None:
        if len(self.examples) < _EXAMPLES_MAX:
            self.examples.append(text)


def _plain(value: Any) -> Any:
    """What JSON has no form for: bytes, decimals, the pairs that Arrow gives for maps."""
    return dict(value) if isinstance(value, list) else str(value)
