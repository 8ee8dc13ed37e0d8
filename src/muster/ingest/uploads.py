"""Files that a client sends into an open batch, whole or in parts. Rows say which file is current; bytes never change."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from muster.catalog.batches import BatchState, batch_in
from muster.catalog.files import KIND, add_file, file_id
from muster.kernel.errors import Invalid, MusterError, NotFound
from muster.storage.records import Document, Names, RecordsTransaction
from muster.storage.workspace import Workspace

NAME_MAX = 200

_COPY_BYTES = 8 << 20


@dataclass(eq=False)
class UploadTooLarge(MusterError):
    """The file is larger than {bytes_max} bytes. Send it in parts (action=INITIALIZE), or split it into several files."""

    bytes_max: int


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `first` to `last`, inclusive, of a file that comes in parts."""

    first: int
    last: int
    total: int | None
    path: str


class Uploads:
    """The files of one dataset in one open batch."""

    def __init__(self, workspace: Workspace, batch_id: str, dataset_id: str) -> None:
        self._workspace = workspace
        self._batch_id = batch_id
        self._dataset_id = dataset_id

    def check_open(self, name: str) -> None:
        """Refuse early what `put` would refuse, before the bytes are read.

        Raises:
            NotFound: The batch, or the dataset in it.
            BatchState: The batch takes no more files.
            Invalid: The name.
        """
        with self._workspace.records.read() as tx:
            self._check(tx, name)

    def put(self, name: str, source: Path) -> None:
        """Make a local file the upload of that name; an earlier one is replaced. Raises as `check_open`."""
        size = source.stat().st_size
        path = self._keep(source)
        with self._workspace.records.write() as tx:
            self._check(tx, name)
            replaced = self._add(tx, name, path, size)
        self._forget([replaced] if replaced else [])

    def begin(self, name: str) -> None:
        """Expect a file in parts; parts that came before are forgotten. Raises as `check_open`."""
        with self._workspace.records.write() as tx:
            self._check(tx, name)
            old = self._parts(tx, name) if tx.find(KIND, self._large_id(name)) else []
            self._write_parts(tx, name, [])
        self._forget([part.path for part in old])

    def add_part(self, name: str, first: int, last: int, total: int | None, source: Path) -> int:
        """Keep a part; the same range again replaces it. Gives its size.

        Raises:
            Invalid: The bytes are not as many as the range says.
            NotFound: The file was not begun.
        """
        size = source.stat().st_size
        if size != last - first + 1:
            raise Invalid.at(
                "Content-Range", f"bytes {first}-{last} are {last - first + 1}, the body has {size}"
            )
        path = self._keep(source)
        with self._workspace.records.write() as tx:
            self._check(tx, name)
            parts = self._parts(tx, name)
            replaced = [part for part in parts if (part.first, part.last) == (first, last)]
            kept = [part for part in parts if part not in replaced]
            self._write_parts(tx, name, [*kept, Part(first, last, total, path)])
        self._forget([part.path for part in replaced])
        return size

    def received(self, name: str) -> int:
        """How many bytes from the start are there without a gap. Raises `NotFound`."""
        with self._workspace.records.read() as tx:
            parts = self._parts(tx, name)
        end = 0
        for part in parts:
            if part.first > end:
                break
            end = max(end, part.last + 1)
        return end

    def finish(self, name: str) -> int:
        """Join the parts into the upload of that name. Gives its size.

        Raises:
            Invalid: A gap, an overlap, or fewer bytes than announced; the parts are kept, so that what is missing can follow.
        """
        with self._workspace.records.read() as tx:
            self._check(tx, name)
            parts = self._parts(tx, name)
        size = _checked_size(parts)
        with self._workspace.lake.spool() as folder:
            joined = folder / "joined"
            with joined.open("wb") as stream:
                for part in parts:
                    with self._workspace.lake.local(part.path).open("rb") as source:
                        shutil.copyfileobj(source, stream, _COPY_BYTES)
            path = self._keep(joined)
        with self._workspace.records.write() as tx:
            self._check(tx, name)
            replaced = self._add(tx, name, path, size)
            tx.remove(KIND, self._large_id(name))
        self._forget([part.path for part in parts] + ([replaced] if replaced else []))
        return size

    def _check(self, tx: RecordsTransaction, name: str) -> None:
        batch = batch_in(tx, self._batch_id)
        if batch.dataset_id != self._dataset_id:
            raise NotFound("dataset", f"{self._dataset_id} in batch {self._batch_id}")
        if batch.status != "loading":
            raise BatchState(batch.id, batch.status, "uploading a file", "loading")
        if (
            not name
            or len(name.encode()) > NAME_MAX
            or any(part in ("", ".", "..") for part in name.split("/"))
        ):
            raise Invalid.at("filePath", f"{name!r} is no file name of 1 to {NAME_MAX} bytes")

    def _add(self, tx: RecordsTransaction, name: str, path: str, size: int) -> str | None:
        return add_file(
            tx, self._batch_id, self._dataset_id, role="upload", name=name, path=path, byteCount=size
        )

    def _keep(self, source: Path) -> str:
        # A name of its own for each upload: files of the lake never change, and a client may send a name twice.
        path = f"batches/{self._batch_id}/uploads/{self._workspace.ids.uuid()}"
        self._workspace.lake.put(path, source)
        return path

    def _forget(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._workspace.lake.delete(path)

    def _large_id(self, name: str) -> str:
        return file_id(self._batch_id, "parts", name)

    def _parts(self, tx: RecordsTransaction, name: str) -> list[Part]:
        record = tx.find(KIND, self._large_id(name))
        if record is None:
            raise NotFound("file in parts", f"{name} (begin it with action=INITIALIZE)")
        return [Part(*part) for part in record.body["parts"]]

    def _write_parts(self, tx: RecordsTransaction, name: str, parts: Sequence[Part]) -> None:
        ordered = sorted(parts, key=lambda part: (part.first, part.last))
        body: Document = {
            "batchId": self._batch_id,
            "datasetId": self._dataset_id,
            "role": "parts",
            "name": name,
            "parts": [[part.first, part.last, part.total, part.path] for part in ordered],
        }
        id = self._large_id(name)
        if tx.find(KIND, id) is None:
            tx.add(KIND, id, body, Names(links=(("batch", self._batch_id),)))
        else:
            tx.replace(KIND, id, body)


def _checked_size(parts: Sequence[Part]) -> int:
    end = 0
    for part in parts:
        if part.first > end:
            raise Invalid.at("", f"bytes {end} to {part.first - 1} are missing")
        if part.first < end:
            raise Invalid.at("", f"bytes {part.first} to {end - 1} came twice, in different parts")
        end = part.last + 1
    totals = {part.total for part in parts if part.total is not None}
    if not parts or any(total != end for total in totals):
        expected = " or ".join(str(total) for total in sorted(totals)) or "some"
        raise Invalid.at("", f"{end} bytes came, {expected} were announced")
    return end
