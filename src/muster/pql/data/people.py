"""A file → `People`: which form it has, and what it says of schema, entities and *now*."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muster.pql.data.files import UnreadableData, form_of, read_bytes
from muster.pql.data.inference import infer_object
from muster.pql.interpret import Entities
from muster.pql.notation import read_object
from muster.pql.temporal import parse_iso
from muster.pql.types import ObjectType
from muster.pql.values import instant_of

if TYPE_CHECKING:
    import pyarrow as pa

_ROW_HINT = "Each person is a JSON object"


@dataclass(frozen=True, slots=True)
class People:
    """Profiles, and what it takes to ask them.

    Attributes:
        path: The file they come from.
        profiles: JSON-like rows, or an Arrow table with a column per field; the events are `xEvent`.
        schema: The fields: those that the caller gave, else the file's, else what the values show.
        entity_schemas: Fields of the entities that references lead to, by entity.
        entities: Their items: entity → key → object.
        now: The instant the data was made for; only a fixtures document has one.
        id_key: A key of the rows that names the person and is no field; only fixtures have one.
        notes: Sentences for whoever should know how the data was read.
    """

    path: Path
    profiles: Sequence[Mapping[str, Any]] | pa.Table
    schema: ObjectType
    entity_schemas: Mapping[str, ObjectType]
    entities: Entities
    now: datetime | None = None
    id_key: str | None = None
    notes: tuple[str, ...] = ()


def read_people(path: Path, *, schema: ObjectType | None = None) -> People:
    """Read the people in a file.

    The ending says what the file is, and its first bytes where there is no ending that says it: JSON lines, an array
    of objects, a fixtures document (an object with `profiles`, and `now`, `schema` and `entities` if it has them),
    Parquet, Arrow (file or stream) or CSV. Any of the texts may be compressed with gzip.

    Args:
        path: The file.
        schema: Types of the fields; wins over the file's own. Without either, the schema is inferred from JSON and CSV,
            and what the columns hold in Parquet and Arrow.
    Raises:
        UnreadableData: There is no such file, or it is not what it should be.
    """
    form = form_of(path)
    if form in ("json", "lines"):
        text = _read_text(path)
        document = _rows_of_lines(path, text) if form == "lines" else _document(path, text)
        return _people_of_document(path, document, schema)
    # Arrow takes most of a second to import, and people in JSON need none of it.
    from muster.pql.data.tables import read_table

    table, found = read_table(path, form, schema)
    return People(path, table, found, {}, {})


def read_schema(path: Path) -> ObjectType:
    """The schema in a file: the notation `{"object": {…}}`, or a document that has it as `schema`."""
    document = _json_file(path)
    if isinstance(document, dict) and "schema" in document:
        document = document["schema"]
    return _schema(path, document)


def read_entities(path: Path, people: People) -> People:
    """The people with the entities in a file: name → `{"schema": …, "items": {key: object}}`."""
    document = _json_file(path)
    if isinstance(document, dict) and isinstance(document.get("entities"), dict):
        document = document["entities"]
    return _with_entities(people, path, document)


# --- bytes and text


def _read_text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableData(path, f"byte {error.start:,} is no UTF-8", "Text must be UTF-8") from error


# --- JSON


def _parse(path: Path, text: str, line: int, remedy: str) -> Any:
    """The JSON value that a text is; `line` is the number of its first line."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"this is no JSON, {error.msg[0].lower()}{error.msg[1:]} at column {error.colno}"
        raise UnreadableData(path, problem, remedy, line + error.lineno - 1) from error
    except RecursionError as error:
        raise UnreadableData(path, "the JSON is nested too deeply", remedy, line) from error
    except ValueError as error:
        # Python refuses to read integers of thousands of digits.
        raise UnreadableData(path, f"this is no JSON we read: {error}", remedy, line) from error


def _json_file(path: Path) -> Any:
    return _parse(path, _read_text(path), 1, "The file holds one JSON document")


def _document(path: Path, text: str) -> Any:
    """The document that a file is; JSON lines under the name of a document are taken as what they are."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    try:
        several = isinstance(json.loads(first), dict) and len(text.strip()) > len(first.strip())
    except (ValueError, RecursionError):
        several = False
    if several:
        return _rows_of_lines(path, text)
    return _parse(
        path, text, 1, "The file holds an array of people, a fixtures document, or one person a line"
    )


def _rows_of_lines(path: Path, text: str) -> list[Any]:
    def rows() -> Iterator[Any]:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                row = _parse(path, line, number, f"{_ROW_HINT} on a line of its own")
                if not isinstance(row, dict):
                    raise UnreadableData(
                        path, f"this is {_named(row)}", f"{_ROW_HINT} on a line of its own", number
                    )
                yield row

    return list(rows())


def _named(value: Any) -> str:
    """What a JSON value is, in a sentence."""
    names: Mapping[type, str] = {
        dict: "an object",
        list: "an array",
        str: "text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")


# --- documents


def _people_of_document(path: Path, document: Any, schema: ObjectType | None) -> People:
    if isinstance(document, dict):
        if "profiles" in document:
            return _people_of_fixtures(path, document, schema)
        document = [document]
    if not isinstance(document, list):
        raise UnreadableData(path, f"this is {_named(document)}", f"{_ROW_HINT}; several stand in an array")
    for number, row in enumerate(document, 1):
        if not isinstance(row, dict):
            raise UnreadableData(path, f"item {number} is {_named(row)}", _ROW_HINT)
    if schema is not None:
        return People(path, document, schema, {}, {})
    inferred = infer_object(document)
    return People(path, document, inferred.schema, {}, {}, notes=inferred.notes)


def _people_of_fixtures(path: Path, document: Mapping[str, Any], schema: ObjectType | None) -> People:
    rows = document["profiles"]
    if not isinstance(rows, list):
        raise UnreadableData(path, f"`profiles` is {_named(rows)}", f"It is an array. {_ROW_HINT}")
    if schema is None and "schema" in document:
        schema = _schema(path, document["schema"])
    people = replace(_people_of_document(path, rows, schema), now=_now(path, document.get("now")))
    if "id" not in people.schema.fields:
        people = replace(people, id_key="id")
    return _with_entities(people, path, document.get("entities") or {})


def _now(path: Path, text: Any) -> datetime | None:
    if text is None:
        return None
    moment = parse_iso(text) if isinstance(text, str) else None
    if moment is None:
        remedy = 'It is an instant in ISO form, "2024-03-10T05:45:30Z"'
        raise UnreadableData(path, f"`now` is {json.dumps(text)}", remedy)
    return instant_of(moment)


def _schema(path: Path, node: Any) -> ObjectType:
    try:
        return read_object(node)
    except ValueError as error:
        raise UnreadableData(
            path, f"the schema cannot be read: {error}", "A schema names the type of every field"
        ) from error


def _with_entities(people: People, path: Path, document: Any) -> People:
    schemas = dict(people.entity_schemas)
    entities = dict(people.entities)
    notes = people.notes
    remedy = 'Each entity is {"schema": …, "items": {key: object}}'
    if not isinstance(document, dict):
        raise UnreadableData(path, f"the entities are {_named(document)}", f"They have names. {remedy}")
    for name, entity in document.items():
        items = entity.get("items") if isinstance(entity, dict) else None
        if not isinstance(items, dict) or not all(isinstance(item, dict) for item in items.values()):
            raise UnreadableData(path, f"the entity {name} has no items", remedy)
        entities[name] = items
        if "schema" in entity:
            schemas[name] = _schema(path, entity["schema"])
        else:
            inferred = infer_object(items.values())
            schemas[name] = inferred.schema
            notes += tuple(f"{name}: {note}" for note in inferred.notes)
    return replace(people, entity_schemas=schemas, entities=entities, notes=notes)
