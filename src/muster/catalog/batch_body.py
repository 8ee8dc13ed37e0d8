"""The body that opens a batch: what a client may send, checked."""

from __future__ import annotations

from typing import Any

from muster.kernel.errors import Invalid, Problem
from muster.storage.records import Document

FORMATS = ("json", "parquet", "csv")
_ONE_CHARACTER = ("delimiter", "quote", "escape")


def checked(body: Any) -> Document:
    """The stored form: `datasetId` and `inputFormat` filled in, diagnostics mirrored into the tags.

    Raises:
        Invalid: All that is wrong, with paths.
    """
    if not isinstance(body, dict):
        raise Invalid.at("", "a batch is a JSON object with datasetId")
    problems: list[Problem] = []
    document: Document = {"datasetId": body.get("datasetId")}
    if not isinstance(document["datasetId"], str) or not document["datasetId"]:
        problems.append(Problem("/datasetId", "the id of a dataset is needed"))
    document["inputFormat"] = _input_format(body.get("inputFormat"), problems)
    document["tags"] = _tags(body.get("tags"), problems)
    _diagnostics(body, document, problems)
    _replay(body, document, problems)
    if isinstance(body.get("externalId"), str) and body["externalId"]:
        document["externalId"] = body["externalId"]
    elif body.get("externalId") is not None:
        problems.append(Problem("/externalId", "must be text"))
    if problems:
        raise Invalid(tuple(problems))
    return document


def _input_format(given: Any, problems: list[Problem]) -> Document:
    # The public workshop opens its batches without a format and uploads Parquet.
    if given is None:
        return {"format": "parquet"}
    if not isinstance(given, dict):
        problems.append(Problem("/inputFormat", "must be an object with format"))
        return {}
    form = dict(given)
    form["format"] = str(form.get("format", "parquet")).lower()
    if form["format"] not in FORMATS:
        problems.append(Problem("/inputFormat/format", f"{form['format']!r} is none of {', '.join(FORMATS)}"))
    for name in ("isMultiLineJson", "header"):
        if isinstance(form.get(name), str) and form[name].lower() in ("true", "false"):
            form[name] = form[name].lower() == "true"
        if name in form and not isinstance(form[name], bool):
            problems.append(Problem(f"/inputFormat/{name}", "must be true or false"))
    if form["format"] == "csv" and form.get("header") is False:
        problems.append(Problem("/inputFormat/header", "CSV files need a header, which names the fields"))
    for name in _ONE_CHARACTER:
        if name in form and (not isinstance(form[name], str) or len(form[name].encode()) != 1):
            problems.append(Problem(f"/inputFormat/{name}", "must be one ASCII character"))
    if "charset" in form and not _is_charset(form["charset"]):
        problems.append(Problem("/inputFormat/charset", f"{form['charset']!r} is no known character set"))
    return form


def _is_charset(name: Any) -> bool:
    try:
        return bool("".encode(name) == b"" or name)
    except (LookupError, TypeError):
        return False


def _tags(given: Any, problems: list[Problem]) -> Document:
    if given is None:
        return {}
    if not isinstance(given, dict):
        problems.append(Problem("/tags", "tags are an object of lists of text"))
        return {}
    return {name: values if isinstance(values, list) else [values] for name, values in given.items()}


def _diagnostics(body: Document, document: Document, problems: list[Problem]) -> None:
    enabled = body.get("enableErrorDiagnostics", False)
    percentage = body.get("partialIngestionPercentage", body.get("partialIngestionPercent", 0))
    if not isinstance(enabled, bool):
        problems.append(Problem("/enableErrorDiagnostics", "must be true or false"))
    if isinstance(percentage, bool) or not isinstance(percentage, int | float) or not 0 <= percentage <= 100:
        problems.append(Problem("/partialIngestionPercentage", "must be a number from 0 to 100"))
        return
    document["enableErrorDiagnostics"] = enabled
    document["partialIngestionPercentage"] = percentage
    if enabled:
        document["tags"]["acp_enableErrorDiagnostics"] = ["true"]
    if percentage:
        document["tags"]["acp_partialIngestionPercent"] = [f"{percentage:g}"]


def _replay(body: Document, document: Document, problems: list[Problem]) -> None:
    replay = body.get("replay")
    if not replay:
        return
    predecessors = replay.get("predecessors") if isinstance(replay, dict) else None
    if not isinstance(predecessors, list) or not all(isinstance(name, str) and name for name in predecessors):
        problems.append(Problem("/replay/predecessors", "must be a list of batch ids"))
    elif replay.get("reason", "replace") != "replace":
        problems.append(Problem("/replay/reason", f"{replay['reason']!r} is not replace"))
    else:
        document["replay"] = {"predecessors": predecessors, "reason": "replace"}
