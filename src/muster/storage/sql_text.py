"""Quoting, and the one statement they share, for the few places that write SQL for the column engine as text."""

from __future__ import annotations

from pathlib import Path


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string."""
    return "'" + text.replace("'", "''") + "'"


def sorted_copy(relation: str, order: str, file: Path, *, group_rows: int) -> str:
    """The statement that writes a relation to a Parquet file in an order."""
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group_rows}"
    return f"COPY (SELECT * FROM ({relation}) ORDER BY {order}) TO {literal(str(file))} ({options})"  # noqa: S608
