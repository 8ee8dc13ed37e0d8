"""Variables over arrays: `select`, quantifiers, and aggregates with variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from muster.pql import syntax
from muster.pql.english.amounts import counted, elements, exists, known, present
from muster.pql.english.claims import Claim, Said, conjuncts, describe, sentence
from muster.pql.english.phrases import definite, labelled, one_of, resolve
from muster.pql.english.things import Collection, Constant, Count, Measure, Referent, Scene, Thing
from muster.pql.english.words import Noun, label_words
from muster.pql.types import NUMBER


def selection(clauses: Sequence[syntax.Clause], scene: Scene) -> Collection:
    """The elements, or the combinations of elements, that a row of clauses chooses."""
    if len(clauses) == 1:
        return _chosen(clauses[0], scene)[0]
    within, parts, owners = scene, [], []
    heavy = False
    for clause in clauses:
        collection, within = _chosen(clause, within)
        owners.append(collection.owner)
        of = _of_whom(collection, scene)
        phrase = one_of(collection, scene, of=of, open_=True)
        parts.append(phrase.text)
        heavy = heavy or (phrase.heavy and clause is not clauses[-1])
    names = [label_words(clause.name) for clause in clauses]
    text = resolve(f"{', and ' if heavy else ' and '}".join(parts), names)
    element = Referent(Noun(f"combination of {text}", f"combinations of {text}"), None, "the combination")
    return Collection(None, True, element=element, owner=owners[0], parts=text)


def _chosen(clause: syntax.Clause, scene: Scene) -> tuple[Collection, Scene]:
    """The elements that one clause chooses, and the scene to the right of it."""
    source = elements(scene.value(clause.source), scene)
    label = label_words(clause.name)
    element = replace(source.element, label=label)
    collection = replace(source, element=element, label=label)
    within = scene.bind(clause.name, element)
    condition = clause.condition
    if condition is not None:
        collection = collection.where(lambda plural: within.about(element, plural=plural).says(condition))
    return collection, within


def _of_whom(collection: Collection, scene: Scene) -> str:
    owner = collection.owner
    return "" if owner is None or owner is scene.subject or collection.within else f"of {owner.label}"


# --- quantifiers


def quantified(node: syntax.Quantified, scene: Scene, *, negated: bool = False) -> Said:
    match node.quantifier:
        case "some":
            return exists(selection(node.clauses, scene), scene, negated=negated)
        case "none":
            return exists(selection(node.clauses, scene), scene, negated=not negated)
        case "one":
            return counted(
                Count(None, True, of=selection(node.clauses, scene)), "=", 1, scene, negated=negated
            )
    if len(node.clauses) > 1:
        text = f"this holds of {_for_each(node.clauses, scene)}"
        return Claim("where", f"it is not so that {text}" if negated else text, heavy=True)
    return _all(node.clauses[0], scene, negated=negated)


def _all(clause: syntax.Clause, scene: Scene, *, negated: bool) -> Said:
    condition = clause.condition
    if condition is None:
        return present(Constant(None, True, value=True), scene, negated=negated)
    collection, within = _chosen(replace(clause, condition=None), scene)
    if negated:
        strays = collection.where(
            lambda plural: within.about(collection.element, plural=plural).says(condition, negated=True)
        )
        return exists(strays, scene, negated=False)
    inside = within.about(collection.element, plural=True)
    said = inside.says(condition)
    if isinstance(said, Claim) and said.kind == "who" and said.text.startswith("are "):
        predicate = f"are all {said.text.removeprefix('are ')}"
    else:
        predicate = f"are all {describe(Noun('one', 'ones'), _parts(said), inside.voice).text}"
    subject = definite(replace(collection, label=""), scene)
    text = resolve(f"{subject}{labelled(collection.label)}, if any, {predicate}", [collection.label])
    own = f"{scene.voice.their} "
    if collection.owner is scene.subject and text.startswith(own):
        return Claim("whose", text.removeprefix(own), heavy=True)
    return Claim("where", text, heavy=True)


def _parts(said: Said) -> Sequence[Said]:
    return [replace(item, noun=None) if isinstance(item, Claim) else item for item in conjuncts(said)]


def _for_each(clauses: Sequence[syntax.Clause], scene: Scene) -> str:
    """For each of these, this, and for each of those, that."""
    clause, rest = clauses[0], clauses[1:]
    collection, within = _chosen(replace(clause, condition=None), scene)
    said = []
    if clause.condition is not None:
        inside = within.about(collection.element, plural=False)
        said.append(sentence(inside.says(clause.condition), inside.voice))
    if rest:
        said.append(f"{'of ' if said else 'this holds of '}{_for_each(rest, within)}")
    where = definite(replace(collection, label=""), scene)
    return f"each of {where} ({collection.label}): {', and '.join(said) or 'anything'}"


# --- aggregates


def aggregate(node: syntax.Aggregate, scene: Scene) -> Thing:
    """What is computed over the elements, or combinations, that clauses choose."""
    within = scene
    collections = []
    for clause in node.clauses:
        collection, within = _chosen(clause, within)
        collections.append(collection)
    chosen = collections[0] if len(collections) == 1 else selection(node.clauses, scene)
    value = node.value
    if value is None:
        return (
            Count(None, True, of=chosen)
            if node.function == "count"
            else _measure(node.function, chosen, None)
        )
    if len(collections) == 1:
        nested = not isinstance(value, syntax.Name | syntax.Field)
        chosen = replace(chosen, always_labelled=nested)
    inside = within.about(collections[-1].element, plural=True)
    if node.function == "count":
        if isinstance(value, syntax.Name):
            return Count(None, True, of=chosen)
        return Count(
            None,
            True,
            of=chosen.where(lambda plural: known(replace(inside, plural=plural).value(value), inside)),
        )
    return _measure(node.function, chosen, inside.value(value))


def _measure(function: str, of: Collection, value: Thing | None) -> Measure:
    return Measure(NUMBER, function == "sum", function=function, of=of, value=value)
