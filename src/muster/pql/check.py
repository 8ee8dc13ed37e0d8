"""The door for those who want to know everything that is wrong with a query, whatever its form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from muster.pql import json_read, parser, syntax
from muster.pql.bind import Binder, bind
from muster.pql.bound import BoundQuery
from muster.pql.errors import PqlError, PqlErrors
from muster.pql.types import ObjectType


def check(
    source: str | Mapping[str, Any] | syntax.Query,
    schema: ObjectType,
    *,
    entities: Mapping[str, ObjectType] | None = None,
    open_schema: bool = False,
) -> BoundQuery:
    """Read a query and bind it.

    What cannot be read does not hide what is wrong elsewhere: mistakes of form and of meaning come together.

    Args:
        source: Text; or the JSON form, as the node that the text of an `expression.value` holds; or a tree.
        schema: The fields of a profile; the events are its field `xEvent`.
        entities: Schemas of the entities that reference types name.
        open_schema: Accept fields that no schema declares.
    Raises:
        PqlErrors: What is wrong, in the order of the text or of the document.
    """
    order: Callable[[Sequence[PqlError]], Sequence[PqlError]] = tuple
    errors: tuple[PqlError, ...] = ()
    if isinstance(source, str):
        tree, errors = parser.read(source)
    elif isinstance(source, Mapping):
        tree, errors = json_read.read(source)
        order = json_read.document_order(source)
    else:
        tree = source
        excess = syntax.oversize(tree)
        if excess is not None:
            raise PqlErrors([PqlError.at(excess[0].start, "SYNTAX", excess[1])])
    if errors:
        # Such a tree means nothing, but what is wrong with its other parts can be found.
        binder = Binder(schema, entities or {}, open_schema)
        binder.query(tree)
        raise PqlErrors(order((*errors, *binder.errors)))
    try:
        return bind(tree, schema, entities=entities, open_schema=open_schema)
    except PqlErrors as found:
        raise PqlErrors(order(found.errors)) from None
