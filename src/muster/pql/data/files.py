"""Files of people: which form they have, and what is said of those that cannot be read."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Form = Literal["json", "lines", "parquet", "arrow", "csv"]
_FORMS: Mapping[str, Form] = {
    ".json": "json",
    ".jsonl": "lines",
    ".ndjson": "lines",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".csv": "csv",
    ".tsv": "csv",
}
_FORM_HINT = "Known are .json, .jsonl, .ndjson, .parquet, .arrow, .feather, .ipc, .csv and .tsv"


@dataclass(eq=False)
class UnreadableData(Exception):
    """{path}, line {line}: {problem}. {remedy}."""

    path: Path
    problem: str
    remedy: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"{self.path}, line {self.line}" if self.line else str(self.path)
        return f"{where}: {self.problem}. {self.remedy}."


def form_of(path: Path) -> Form:
    """What a file is: its ending says so, else its first bytes. Raises `UnreadableData` when neither does."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    if suffixes and suffixes[-1] in _FORMS:
        return _FORMS[suffixes[-1]]
    head = read_bytes(path, 64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    if head.startswith((b"{", b"[")):
        return "json"
    raise UnreadableData(path, "the name does not say what the file is", _FORM_HINT)


def check_readable(path: Path) -> None:
    """Raise `UnreadableData` when there is no such file or it may not be read."""
    read_bytes(path, 1)


def read_bytes(path: Path, byte_count: int = -1) -> bytes:
    """The first bytes of a file, or all, unpacked where gzip packed them. Raises `UnreadableData`."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            return file.read(byte_count)
    except FileNotFoundError as error:
        raise UnreadableData(path, "there is no such file", "Give the path of a file with people") from error
    except (OSError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnreadableData(
            path, f"the file cannot be read ({reason})", "Give a file that can be"
        ) from error
