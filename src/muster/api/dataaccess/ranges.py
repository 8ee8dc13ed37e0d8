"""Files as answers: streamed, whole or one range of bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from fastapi.responses import Response
from starlette.responses import StreamingResponse

from muster.api.errors import register_status
from muster.api.wire import Params
from muster.kernel.errors import MusterError

_BLOCK = 1 << 20
_MEDIA_TYPE = "application/octet-stream"
_RANGE = re.compile(r"(?:bytes\s*=\s*)?(\d{0,18})-(\d{0,18})")


@dataclass(eq=False)
class RangeRefused(MusterError):
    """Bytes {range} are outside of the file, which has {size}."""

    range: str
    size: int


register_status(RangeRefused, 416)


def file_head(path: Path) -> Response:
    """What a download would say of a file, without its bytes."""
    headers = {"Content-Length": str(path.stat().st_size), "Accept-Ranges": "bytes"}
    return Response(headers=headers, media_type=_MEDIA_TYPE)


def file_reply(request: Request, path: Path) -> Response:
    """The bytes of a file: 206 with the range that the `Range` header, or a parameter `range`, asks for; else 200.

    A range that cannot be read, or several at once, give the whole file, as HTTP allows.

    Raises:
        RangeRefused: It begins behind the end of the file.
    """
    size = path.stat().st_size
    asked = request.headers.get("range") or Params(request).text("range") or ""
    bounds = _bounds(asked, size)
    headers = {"Accept-Ranges": "bytes"}
    if bounds is None:
        headers["Content-Length"] = str(size)
        return StreamingResponse(_blocks(path, 0, size), headers=headers, media_type=_MEDIA_TYPE)
    first, last = bounds
    headers["Content-Length"] = str(last - first + 1)
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    blocks = _blocks(path, first, last - first + 1)
    return StreamingResponse(blocks, 206, headers=headers, media_type=_MEDIA_TYPE)


def _bounds(asked: str, size: int) -> tuple[int, int] | None:
    found = _RANGE.fullmatch(asked.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        first, last = max(size - int(found[2]), 0), size - 1
    else:
        first, last = int(found[1]), min(int(found[2]) if found[2] else size - 1, size - 1)
        if found[2] and int(found[2]) < first:
            return None
    if first >= size:
        raise RangeRefused(asked, size)
    return first, last


def _blocks(path: Path, start: int, count: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(start)
        while count > 0 and (block := stream.read(min(_BLOCK, count))):
            count -= len(block)
            yield block
