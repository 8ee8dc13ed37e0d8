"""A whole definition in words."""

from __future__ import annotations

from collections.abc import Mapping

from muster.pql import syntax
from muster.pql.english.claims import Claim, Said, lines
from muster.pql.english.conditions import condition
from muster.pql.english.fallback import holds
from muster.pql.english.things import Referent, Scene, Thing
from muster.pql.english.values import value
from muster.pql.english.vocabulary import PEOPLE
from muster.pql.types import ObjectType


class _Teller:
    """Values and conditions need each other; this is where they meet."""

    def value(self, node: syntax.Expr, scene: Scene) -> Thing:
        return value(node, scene)

    def condition(self, node: syntax.Expr, scene: Scene, *, negated: bool = False) -> Said:
        return condition(node, scene, negated=negated)


def in_english(
    query: syntax.Query, schema: ObjectType | None = None, *, names: Mapping[str, str] | None = None
) -> str:
    """The people whom a query chooses, in English: `women in Germany with 3 or more purchases in the last 30 days`.

    The words say neither more nor less than the query: of a negation they say what becomes of those of whom nothing
    is known, and where `and` meets `or`, the text is set in lines. What has no words is quoted as it is written.

    Args:
        query: Need not be bound; a query that `bind` refuses has words, too.
        schema: Tells arrays, maps, truth values and days apart. Without it a field counts as a single value unless it
            is a well-known array or the query uses it as one.
        names: The names of other definitions by their ids.
    Returns:
        A noun phrase without capital and stop; of several lines where one would not be clear.
    """
    profile = Referent(PEOPLE, schema, "the person", person=True)
    scene = Scene(_Teller(), names or {}, profile, profile, True, (profile,), {})
    if isinstance(query, syntax.Lambda):
        if len(query.parameters) != 1:
            return lines(PEOPLE, holds(query), scene.voice)
        scene, body = scene.bind(query.parameters[0], profile), query.body
    else:
        body = query
    said = scene.says(body)
    if isinstance(said, Claim) and said.always is not None:
        return "everyone" if said.always else "no one"
    return lines(PEOPLE, said, scene.voice)
