"""Checked rows between two passes: kept on disk until the types of all chunks are known, then written as Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from muster.ingest.inferred import fitted, merged_type, storable_type

ROW_GROUP_ROWS = 131_072
FILE_ROWS_MAX = 32 * ROW_GROUP_ROWS

_LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")


class RowSpool:
    """Rows of a batch in the order they came.

    Chunks differ in the columns that occur and in what is known of columns that no schema names; what is read back
    has one type for all. Memory is that of one chunk and one row group.

    Args:
        schema: The columns of the dataset's schema; those that occur have exactly these types, plus members that the
            schema does not name.
    """

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder = folder
        self._order = {name: position for position, name in enumerate(schema.names)}
        self._schema = schema
        self._types: dict[str, pa.DataType] = {}
        self._paths: list[Path] = []
        self._writer: pa.RecordBatchFileWriter | None = None
        self._written: pa.Schema | None = None
        self.row_count = 0

    def add(self, rows: pa.StructArray, keep: pa.BooleanArray | None = None) -> None:
        """Keep the rows of a chunk, or those of them that `keep` says.

        Columns of the others count as occurring: which rows fall into one chunk must not decide what a file holds.
        """
        for member in rows.type:
            self._types[member.name] = merged_type(self._known(member.name), member.type)
        if keep is not None:
            rows = rows.filter(keep)
        if not len(rows):
            return
        if rows.type.num_fields:
            batch = pa.RecordBatch.from_struct_array(rows)
        else:
            # Rows without any field are rows; a batch without columns could not say how many.
            batch = pa.RecordBatch.from_arrays([pa.nulls(len(rows))], names=[""])
        if self._writer is None or not batch.schema.equals(self._written):
            self._open(batch.schema)
        assert self._writer is not None
        self._writer.write_batch(batch)
        self.row_count += len(rows)

    def write(self, folder: Path) -> list[tuple[Path, int]]:
        """The rows as Parquet files, `part-0.parquet` and so on, each with its row count; none when there is no row."""
        self._close()
        schema = self._final_schema()
        if not self.row_count:
            return []
        files: list[tuple[Path, int]] = []
        writer: pq.ParquetWriter | None = None
        for table in _row_groups(self._read(schema), schema):
            if writer is None or files[-1][1] >= FILE_ROWS_MAX:
                if writer is not None:
                    writer.close()
                files.append((folder / f"part-{len(files)}.parquet", 0))
                writer = pq.ParquetWriter(files[-1][0], schema, compression="zstd")
            writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
            files[-1] = (files[-1][0], files[-1][1] + table.num_rows)
        if writer is not None:
            writer.close()
        return files

    def _known(self, name: str) -> pa.DataType:
        if name in self._types:
            return self._types[name]
        position = self._schema.get_field_index(name)
        return pa.null() if position < 0 else self._schema.field(position).type

    def _final_schema(self) -> pa.Schema:
        """Columns of the schema in its order, then the others by name."""
        if not self._types:
            return pa.schema([self._schema.field(0)])
        names = sorted(self._types, key=lambda name: (self._order.get(name, len(self._order)), name))
        return pa.schema([pa.field(name, storable_type(self._types[name])) for name in names])

    def _open(self, schema: pa.Schema) -> None:
        self._close()
        self._paths.append(self._folder / f"rows-{len(self._paths)}.arrow")
        self._writer = pa.ipc.new_file(self._paths[-1], schema, options=_LZ4)
        self._written = schema

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _read(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for path in self._paths:
            with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
                for index in range(reader.num_record_batches):
                    yield _with_columns(reader.get_batch(index), schema)


def _with_columns(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = []
    for member in schema:
        position = batch.schema.get_field_index(member.name)
        if position < 0:
            columns.append(pa.nulls(batch.num_rows, member.type))
        else:
            columns.append(fitted(batch.column(position), member.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _row_groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows in tables of exactly one row group, so that files do not depend on the size of chunks."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        while count >= ROW_GROUP_ROWS:
            table = pa.Table.from_batches(held, schema)
            yield table.slice(0, ROW_GROUP_ROWS)
            rest = table.slice(ROW_GROUP_ROWS)
            held, count = rest.to_batches(), rest.num_rows
    if count:
        yield pa.Table.from_batches(held, schema)
