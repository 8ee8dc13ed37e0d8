"""Translation of an expression between its text and its JSON form."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from muster import pql
from muster.api.context import Body, Here
from muster.api.door import Door
from muster.api.permissions import Permission
from muster.api.ups import shapes
from muster.api.ups.requests import explained
from muster.api.wire import reply
from muster.evaluate.expression import JSON, TEXT, compile_expression
from muster.kernel.errors import Invalid

door = Door("/data/core/ups", "Segment conversion")


@door.post("/segment/conversion", permission=Permission.VIEW_SEGMENTS)
@explained
def convert(request: Request, here: Here, body: Body) -> Response:
    """The same object with the expression in the other form; nothing is stored."""
    if not isinstance(body, dict):
        raise Invalid.at("", "a segment definition is needed as a JSON object")
    tree = compile_expression(here, body.get("expression")).tree
    expression: dict[str, Any] = dict(body["expression"])
    if expression["format"] == TEXT:
        value = json.dumps(pql.write_json(tree), ensure_ascii=False, separators=(",", ":"))
        expression |= {"format": JSON, "value": value}
    else:
        expression |= {"format": TEXT, "value": pql.print_text(tree)}
    return reply({**body, "expression": expression, **shapes.owner(here.scope)})
