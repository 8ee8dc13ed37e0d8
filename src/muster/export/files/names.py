"""Names of exported files: templates with macros, extensions, numbers of parts, folders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from muster.kernel.errors import Invalid
from muster.kernel.scope import Scope

NAME_BYTES_MAX = 255
DEFAULT_DATE_FORMAT = "YYYYMMdd_HHmmss"

_MACRO = re.compile(r"%DATETIME\((?P<format>[^)%]*)\)%|DATETIME\((?P<bare>[^)%]*)\)|%(?P<name>[^%]*)%")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f/\\]")
_DATE_TOKEN = re.compile(r"Y+|y+|D+|d+|M+|m+|H+|h+|s+|S+|'[^']*'|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Named:
    """What the macros of a template stand for.

    Attributes:
        at: The run's time; all parts of one run share it.
    """

    destination: str
    audience_id: str
    audience_name: str
    flow_id: str
    flow_name: str
    scope: Scope
    at: datetime

    def macros(self) -> Mapping[str, str]:
        return {
            "DESTINATION_NAME": self.destination,
            "DESTINATION": self.destination,
            "SEGMENT_ID": self.audience_id,
            "SEGMENT_NAME": self.audience_name,
            "DESTINATION_INSTANCE_ID": self.flow_id,
            "DESTINATION_INSTANCE_NAME": self.flow_name,
            "ORGANIZATION_NAME": self.scope.org_id.split("@", 1)[0],
            "SANDBOX_NAME": self.scope.sandbox_name,
            "DATETIME": formatted(self.at, DEFAULT_DATE_FORMAT),
            "TIMESTAMP": str(int(self.at.timestamp())),
        }


def file_name(template: str, named: Named, extension: str, part: int) -> str:
    """The name of one file of a run.

    Args:
        extension: With its dot, such as `.csv.gz`.
        part: From 1; the first has no number.
    Raises:
        Invalid: The template gives an empty name.
    """
    stem = _FORBIDDEN.sub("_", _rendered(template, named)).strip()
    if not stem.strip("."):
        raise Invalid.at("filenameTemplate", f"{template!r} gives an empty file name")
    tail = (f"_{part}" if part > 1 else "") + extension
    return _cut(stem, NAME_BYTES_MAX - len(tail.encode())) + tail


def folder_name(path: str, named: Named) -> str:
    """The folder of a target, its macros rendered; a name inside a macro never makes a further folder."""
    parts = [_FORBIDDEN.sub("_", _rendered(part, named)) for part in path.split("/")]
    if ".." in parts:
        raise Invalid.at("params.path", "a folder never leaves its root by ..")
    return "/".join(_cut(part, NAME_BYTES_MAX) for part in parts)


def extension(file_type: str, compression: str) -> str:
    """`.csv`, `.csv.gz`, `.gz.parquet` …"""
    packed = compression == "GZIP"
    if file_type == "PARQUET":
        return ".gz.parquet" if packed else ".parquet"
    plain = {"CSV": ".csv", "TAB_DELIMITED": ".txt", "JSON": ".json"}[file_type]
    return plain + (".gz" if packed else "")


def formatted(at: datetime, format_: str) -> str:
    """A UTC instant in the letters of file name templates.

    `YYYY` is the calendar year, never the year of the week. A lower-case `mm` means minutes, unless it stands where
    only a month can: before any hour, in a format without `MM`.
    """
    has_month, hour_seen = "M" in format_, False
    written = []
    for token in _DATE_TOKEN.findall(format_ or DEFAULT_DATE_FORMAT):
        letter = token[0]
        if letter in "Yy":
            written.append(f"{at.year:04d}"[-2:] if len(token) == 2 else f"{at.year:04d}")
        elif letter == "M" or (letter == "m" and not has_month and not hour_seen):
            written.append(f"{at.month:0{len(token)}d}")
            has_month = True
        elif letter in "Dd":
            written.append(f"{at.day:0{len(token)}d}")
        elif letter in "Hh":
            hour_seen = True
            written.append(f"{at.hour:0{len(token)}d}")
        elif letter == "m":
            written.append(f"{at.minute:0{len(token)}d}")
        elif letter == "s":
            written.append(f"{at.second:0{len(token)}d}")
        elif letter == "S":
            written.append(f"{at.microsecond // 1000:03d}")
        else:
            written.append(token.strip("'") if letter == "'" else token)
    return "".join(written)


def _rendered(template: str, named: Named) -> str:
    macros = named.macros()

    def value(match: re.Match[str]) -> str:
        for group in ("format", "bare"):
            if match[group] is not None:
                return formatted(named.at, match[group])
        # Text between percent signs that is no macro is copied without them.
        return macros.get(match["name"], match["name"])

    return _MACRO.sub(value, template)


def _cut(text: str, bytes_max: int) -> str:
    return text.encode()[:bytes_max].decode("utf-8", "ignore")
