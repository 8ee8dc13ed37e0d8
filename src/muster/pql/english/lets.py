"""Names that a query gives to values."""

from __future__ import annotations

from dataclasses import replace

from muster.pql import syntax
from muster.pql.english.amounts import is_many
from muster.pql.english.paths import taken_from
from muster.pql.english.phrases import full
from muster.pql.english.things import Collection, Plain, Scene, Thing
from muster.pql.english.tree import mentions, nodes
from muster.pql.english.words import label_words

_USES_MAX = 4
_NODES_MAX = 30


def let_scene(let: syntax.Let, scene: Scene) -> tuple[Scene, str]:
    """The scene in which the name means its value, and what has to be said before; nothing if it is empty.

    A small value is said wherever it is used. A larger one, or one that uses such a name itself, goes by its name:
    said at each place, a text could double with every `let` inside a `let`.
    """
    thing = scene.value(let.value)
    inside = list(nodes(let.value))
    nested = any(
        isinstance(node, syntax.Name) and isinstance(scene.variables.get(node.name), Thing) for node in inside
    )
    uses = mentions(let.body, let.name)
    if not nested and (uses <= 1 or (uses <= _USES_MAX and len(inside) <= _NODES_MAX)):
        return scene.bind(let.name, thing), ""
    label = label_words(let.name)
    return scene.bind(let.name, _named(thing, label)), f"with {label} standing for {full(thing, scene)}"


def _named(thing: Thing, name: str) -> Thing:
    if isinstance(thing, Collection):
        return replace(thing, tests=(), within=None, different=False, among=name)
    if is_many(thing):
        return taken_from(name)
    return Plain(thing.type, thing.certain, text=name)
