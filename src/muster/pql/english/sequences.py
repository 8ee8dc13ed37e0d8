"""Sequences of events."""

from __future__ import annotations

from muster.pql import syntax
from muster.pql.english.amounts import elements
from muster.pql.english.claims import Phrase, Said, conjuncts, describe
from muster.pql.english.phrases import definite, has, labelled, resolve
from muster.pql.english.things import Plain, Referent, Scene
from muster.pql.english.times import happened, phrase_of
from muster.pql.english.vocabulary import TIMESTAMP, field_words
from muster.pql.english.words import label_words, number_words, with_article


def sequence(node: syntax.Chain, scene: Scene, *, negated: bool = False) -> Said:
    """That events follow each other as the steps say."""
    collection = elements(scene.value(node.array), scene)
    steps, within = [], scene
    for step in node.steps:
        element = Referent(collection.noun, collection.element.type, label_words(step.name))
        within = within.bind(step.name, element)
        steps.append(_step(step, node.time, element, within))
    order = "" if node.time == TIMESTAMP else f" in the order of their {field_words(node.time)}"
    source = (
        f" among {definite(collection, scene)}"
        if collection.tests or collection.among or collection.within
        else ""
    )
    names = [label_words(step.name) for step in node.steps]
    text = resolve(", and later ".join(steps), names)
    if scene.subject is not scene.profile:
        text = f"({text})"
    if len(steps) == 1 and not order and not source:
        return has(collection, Phrase(f"no {_bare(text)}" if negated else text, True), scene)
    kind = "no sequence" if negated else "this sequence"
    text = f"{kind} of {collection.noun.many}{source}{order}: {text}"
    return has(collection, Phrase(text, True), scene)


def _bare(text: str) -> str:
    return text.removeprefix("a ").removeprefix("an ")


def _step(step: syntax.Step, time: tuple[str, ...], element: Referent, scene: Scene) -> str:
    """An event, or several, and when: `3 or more searches in the last 12 hours`."""
    plural = step.count is not None and step.count > 1
    inside = scene.enter(element, plural=plural)
    said = [item for condition in (step.what, *step.where) for item in conjuncts(inside.says(condition))]
    moment = Plain(None, True, text=field_words(time), owner=element, path=time)
    for when in step.when:
        phrase, _ = phrase_of(when, inside)
        said.append(happened(moment, phrase, inside))
    label = labelled(element.label)
    text = describe(element.noun, said, inside.voice, label=label).text
    if not plural:
        return with_article(text)
    assert step.count is not None
    return f"{number_words(step.count)} or more {text}"
