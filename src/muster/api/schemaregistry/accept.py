"""The `Accept` header of the Schema Registry, which chooses the form of the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from muster.api.errors import register_status
from muster.kernel.errors import MusterError

_FORMS = frozenset({"full", "notext", "desc", "deprecatefield", "deprecated", "id", "link", "v2", "flat"})
_MEDIA = re.compile(r"application/vnd\.adobe\.(xed|xdm)((?:-\w+)*)\+json")


@dataclass(eq=False)
class AcceptMissing(MusterError):
    """Accept header parameter is required"""


@dataclass(eq=False)
class AcceptUnknown(MusterError):
    """Unknown Accept media supplied: {media}. Send application/vnd.adobe.xed+json; version=1, or -full for resolved fields."""

    media: str


@dataclass(eq=False)
class VersionMissing(MusterError):
    """version must be supplied in the accept header: {media}; version=1"""

    media: str


register_status(AcceptMissing, 406)
register_status(AcceptUnknown, 406)
register_status(VersionMissing, 400)


@dataclass(frozen=True, slots=True)
class Form:
    """What the caller wants to see. `xed` and `xdm` mean the same here."""

    words: frozenset[str] = frozenset()

    @property
    def is_full(self) -> bool:
        """Whether references are followed."""
        return bool(self.words & {"full", "deprecatefield", "deprecated", "flat"})


def list_form(header: str | None) -> Form:
    """The form of a list: short entries unless the header asks for whole resources. Never refuses."""
    form, _, media = _read(header)
    if form is not None:
        return form
    return Form() if media == "application/json" else Form(frozenset({"id"}))


def read_form(header: str | None) -> Form:
    """The form of one resource.

    Raises:
        AcceptMissing: No header, or one that takes anything.
        AcceptUnknown: No form of this service.
        VersionMissing: A form of this service without the major version to read.
    Source: documented; `application/json` observed in the published request collections.
    """
    form, version, media = _read(header)
    if media in ("", "*/*"):
        raise AcceptMissing
    if media == "application/json":
        return Form()
    if form is None:
        raise AcceptUnknown(media)
    if not version:
        raise VersionMissing(media)
    return form


def _read(header: str | None) -> tuple[Form | None, str, str]:
    """Form, version and media type of the header's first entry that this service knows, else of its first entry."""
    first = ("", "")
    for entry in (header or "").split(","):
        media, *parameters = (part.strip() for part in entry.split(";"))
        values = dict(parameter.partition("=")[::2] for parameter in parameters)
        version = values.get("version", "").strip('" ')
        match = _MEDIA.fullmatch(media.lower())
        words = frozenset(match[2].split("-")[1:]) if match else frozenset()
        if match and words <= _FORMS:
            return Form(words), version, media
        first = first if first[0] else (media, version)
    return None, first[1], first[0]
