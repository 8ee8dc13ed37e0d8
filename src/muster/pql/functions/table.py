"""The table of methods and functions.

A handler gets the binder, the bound receiver, the call and what is seen there; it gives the bound expression or notes
an error. Arity, and where a lambda may stand, are checked before from the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from muster.pql import syntax
from muster.pql.bound import Bound

if TYPE_CHECKING:
    from muster.pql.bind import Binder, Env
from muster.pql.functions.arrays import ARRAYS
from muster.pql.functions.call import NOTHING, At, Method, check_call
from muster.pql.functions.free import FREE
from muster.pql.functions.maps import MAPS
from muster.pql.functions.text import TEXT

METHODS: Mapping[str, Method] = {**TEXT, **ARRAYS, **MAPS}
"""Every method of the language."""

assert METHODS.keys() >= syntax.ELEMENT_METHODS and FREE.keys() == syntax.FREE_FUNCTIONS


def apply_method(binder: Binder, receiver: Bound, node: syntax.Call, env: Env) -> Bound:
    """Bind a call of a method that exists."""
    method = METHODS[node.name]
    if not check_call(binder, node, method.least, method.most, method.lambdas):
        return NOTHING
    return method.handler(At(binder, node, env), receiver)


def apply_function(binder: Binder, node: syntax.Call, env: Env) -> Bound:
    """Bind a call of a free-standing function that exists."""
    count, handler = FREE[node.name]
    if not check_call(binder, node, count, count, ()):
        return NOTHING
    return handler(At(binder, node, env))
