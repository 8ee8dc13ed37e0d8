"""What is said of a part that has no words: the part itself, as it is written."""

from __future__ import annotations

from muster.pql import syntax
from muster.pql.english.claims import Claim
from muster.pql.english.things import Plain
from muster.pql.functions import FREE, METHODS
from muster.pql.printer import print_text


def formula(node: syntax.Expr) -> Plain:
    """The value of a part, quoted."""
    return Plain(text=f"the value of `{print_text(node)}`")


def holds(node: syntax.Query, *, negated: bool = False) -> Claim:
    """That a part is true, quoted."""
    return Claim("where", f"`{print_text(node)}` is {'not ' if negated else ''}true")


def is_well_formed(call: syntax.Call) -> bool:
    """Whether there is such a function, and it takes these arguments. A query that was not bound may hold any."""
    if call.receiver is None:
        if call.name not in FREE or len(call.arguments) != FREE[call.name][0]:
            return False
        lambdas: tuple[int, ...] = ()
    else:
        method = METHODS.get(call.name)
        if method is None or not method.least <= len(call.arguments) <= method.most:
            return False
        lambdas = method.lambdas
    return all(
        not isinstance(argument, syntax.Lambda) or (index == 0 and len(argument.parameters) in lambdas)
        for index, argument in enumerate(call.arguments)
    )
