"""Comparisons: two values, a value and a list, and the tests of text and of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from muster.pql.english.amounts import counted, is_many, some
from muster.pql.english.claims import Claim, Said, always
from muster.pql.english.phrases import constant_words, definite, full, is_own
from muster.pql.english.predicates import idiom, is_day, marked, names_for, one_of_values, order
from muster.pql.english.states import Predicate, state
from muster.pql.english.things import Collection, Constant, Count, Listing, Measure, Plain, Scene, Thing
from muster.pql.english.vocabulary import ORDER_TOTAL
from muster.pql.english.words import listed, quoted
from muster.pql.types import STRING

_MIRRORED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def compare(left: Thing, operator: str, right: Thing, scene: Scene, *, negated: bool = False) -> Said:
    """`left operator right`; for arrays, that some element compares so."""
    if is_many(left) and (is_many(right) or isinstance(right, Listing)):
        return _same_elements(left, operator, right, scene, negated=negated)
    if isinstance(left, Listing):
        if isinstance(right, Listing) or is_many(right):
            return _same_elements(right, operator, left, scene, negated=negated)
        if operator in ("=", "!="):
            return _one_of_list(right, operator, left, scene, negated=negated)
        return _list_first(left, operator, right, scene, negated=negated)
    if is_many(left):
        return _some_compare(left, operator, right, scene, negated=negated)
    if isinstance(right, Listing):
        return _one_of_list(left, operator, right, scene, negated=negated)
    if is_many(right):
        if operator in ("=", "!="):
            return _some_compare(right, operator, left, scene, negated=negated)

        def test(element: Thing, within: Scene) -> Said:
            return _single(left, operator, element, within, negated=False)

        return some(right, test, scene, negated=negated)
    return _single(left, operator, right, scene, negated=negated)


def _same_elements(left: Thing, operator: str, right: Thing, scene: Scene, *, negated: bool) -> Said:
    if isinstance(right, Listing):
        shown = f"exactly {full(right, scene)}, in any order" if right.items else "empty"
    else:
        shown = f"the same as {full(right, scene)}, in any order"
    return state(
        left,
        Predicate(shown, heavy=True),
        scene,
        strict=operator == "!=",
        negated=negated,
        other=right,
    )


def _one_of_list(left: Thing, operator: str, right: Listing, scene: Scene, *, negated: bool) -> Said:
    """A value beside a written list: some item of the list compares so."""
    if not right.items:
        return always(negated)
    shown = listed([full(item, scene, names_for(left)) for item in right.items], "or")
    predicate = {
        "=": Predicate(shown),
        "!=": Predicate(f"other than one of {shown}"),
    }.get(operator) or order(left, operator, Plain(text=f"one of {shown}"), scene)
    return state(left, predicate, scene, negated=negated)


def _list_first(left: Listing, operator: str, right: Thing, scene: Scene, *, negated: bool) -> Said:
    """A written list before a value: some item of it comes before or after the value."""
    if not left.items:
        return always(negated)
    shown = listed([full(item, scene) for item in left.items], "or")
    item = Plain(left.items[0].type, True, text=f"one of {shown}")
    return state(item, order(item, operator, right, scene), scene, negated=negated, other=right)


def _some_compare(many: Thing, operator: str, value: Thing, scene: Scene, *, negated: bool) -> Said:
    if operator == "=" and isinstance(value, Constant) and _is_stored(many, scene):
        assert isinstance(many, Collection)
        shown = constant_words(value.value, names_for(many))
        return Claim("with", f"the {many.noun.one} {shown}", lacks=negated)

    def test(element: Thing, within: Scene) -> Said:
        return _single(element, operator, value, within, negated=False)

    return some(many, test, scene, negated=negated)


def _is_stored(thing: Thing, scene: Scene) -> bool:
    """Whether a thing is an array of the subject as it is stored, so that its elements have a name of their own."""
    return isinstance(thing, Collection) and is_own(thing, scene) and not thing.tests and bool(thing.path)


def _single(left: Thing, operator: str, right: Thing, scene: Scene, *, negated: bool) -> Said:
    left, operator, right = _turned(left, operator, right, scene)
    if isinstance(left, Count) and isinstance(right, Constant) and isinstance(right.value, int):
        return counted(left, operator, right.value, scene, negated=negated)
    if operator in ("=", "!="):
        return _equal(left, right, scene, strict=operator == "!=", negated=negated)
    special = None if negated else _spent(left, operator, right, scene)
    if special is not None:
        return special
    predicate = order(left, operator, right, scene)
    return state(left, predicate, scene, negated=negated, other=right)


def _turned(left: Thing, operator: str, right: Thing, scene: Scene) -> tuple[Thing, str, Thing]:
    """The comparison as one speaks: of the subject first, and of written values last.

    The right side is converted to the type of the left. Where that is text and the other not, order depends on it.
    """
    written = isinstance(left, Constant) and not isinstance(right, Constant)
    foreign = isinstance(left, Plain) and isinstance(right, Plain) and not _is_own(left, scene)
    if not written and not (foreign and isinstance(right, Plain) and _is_own(right, scene)):
        return left, operator, right
    if operator not in ("=", "!=") and left.is_text != right.is_text:
        return left, operator, right
    return right, _MIRRORED[operator], left


def _is_own(thing: Plain, scene: Scene) -> bool:
    return thing.owner is scene.subject


def _equal(left: Thing, right: Thing, scene: Scene, *, strict: bool, negated: bool) -> Said:
    truth = _truth(left, right)
    if truth is not None and isinstance(left, Plain) and left.path:
        return marked(left, scene, value=truth != strict, negated=negated)
    if not strict and not negated:
        special = idiom(left, (right,), scene)
        if special is not None:
            return special
    if (
        isinstance(left, Plain)
        and isinstance(right, Plain)
        and left.text
        and right.text
        and not right.certain
    ):
        both = _is_own(left, scene) and _is_own(right, scene) and not left.certain
        if both and strict != negated:
            topics = f"{left.text} and {right.text}"
            said = "differ or are not both known" if negated else "are both known and differ"
            return Claim("whose", f"{topics} {said}", heavy=True)
    if isinstance(right, Constant) or (isinstance(right, Plain) and right.owner is None):
        shown = full(right, scene, names_for(left))
        if left.is_time and is_day(right) and not is_day(left):
            shown = f"exactly the start of {shown}"
        element = isinstance(left, Plain) and left.path == () and left.owner is scene.subject
        if element and strict and not negated and not left.is_boolean:
            return Claim("who", f"{scene.voice.are} not {shown}", short=f"other than {shown}")
        no = f"other than {shown}" if shown in ("yes", "no") else f"not {shown}"
        predicate = Predicate(shown, no, amount=not isinstance(right, Constant) or right.type != STRING)
    else:
        predicate = Predicate(f"the same as {full(right, scene)}")
    return state(left, predicate, scene, strict=strict, negated=negated, other=right)


def _truth(left: Thing, right: Thing) -> bool | None:
    """The truth value that a field is compared with, if that is what happens."""
    if not isinstance(right, Constant):
        return None
    if isinstance(right.value, bool):
        return right.value
    if left.is_boolean and right.value in ("true", "false"):
        return right.value == "true"
    return None


def _spent(left: Thing, operator: str, right: Thing, scene: Scene) -> Claim | None:
    """What people spent on purchases."""
    if not isinstance(left, Measure) or left.function != "sum" or scene.subject is not scene.profile:
        return None
    value, of = left.value, left.of
    if not (isinstance(value, Plain) and value.path == ORDER_TOTAL and of.owner is scene.profile):
        return None
    if of.within is not None or of.among:
        return None
    bought = definite(of, scene)
    if not bought.startswith("their purchases"):
        return None
    amount = order(left, operator, right, scene).yes
    return Claim("who", f"spent {amount} in total on {bought.removeprefix('their ')}", heavy=True)


# --- lists


def is_in(left: Thing, right: Thing, scene: Scene, *, strict: bool, negated: bool) -> Said:
    """`in`, and `notIn` if strict."""
    if is_many(left):
        positive = not strict and not negated
        if positive and isinstance(right, Listing) and right.items and _is_stored(left, scene):
            assert isinstance(left, Collection)
            shown = listed([full(item, scene) for item in right.items], "or")
            return Claim("with", f"the {left.noun.one} {shown}")

        def test(element: Thing, within: Scene) -> Said:
            return is_in(element, right, within, strict=strict, negated=False)

        return some(left, test, scene, negated=negated)
    if isinstance(right, Listing):
        if not strict and not negated:
            special = idiom(left, right.items, scene)
            if special is not None:
                return special
        return state(left, one_of_values(left, right.items, scene), scene, strict=strict, negated=negated)
    shown = full(right, scene)
    predicate = Predicate(f"among {shown}", f"not among {shown}")
    return state(left, predicate, scene, strict=strict, negated=negated, other=right)


# --- text


def text_test(
    subject: Thing, predicate: Predicate, scene: Scene, *, strict: bool, negated: bool, other: Thing
) -> Said:
    """A test of text; for arrays, that some element passes it."""
    if is_many(subject):

        def test(element: Thing, within: Scene) -> Said:
            return text_test(element, predicate, within, strict=strict, negated=False, other=other)

        return some(subject, test, scene, negated=negated)
    return state(subject, predicate, scene, strict=strict, negated=negated, other=other)


def text_words(thing: Thing, scene: Scene) -> str:
    """A text that another is looked for in; always between quotation marks if it is written out."""
    if isinstance(thing, Constant):
        return quoted(str(thing.value)) if isinstance(thing.value, str) else constant_words(thing.value)
    return full(thing, scene)


def like(subject: Thing, pattern: Thing, scene: Scene, *, negated: bool) -> Said:
    """`like`: in plain words where the pattern is a simple one."""
    predicate = _like(pattern, scene)
    return text_test(subject, predicate, scene, strict=False, negated=negated, other=pattern)


def _like(pattern: Thing, scene: Scene) -> Predicate:
    if not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
        return Predicate(f"the pattern in {full(pattern, scene)}", verb="match")
    text = pattern.value
    core = text.strip("%")
    if "_" not in core and "%" not in core and core:
        left, right = text.startswith("%"), text.endswith("%")
        verb = {(True, True): "contain", (True, False): "end with", (False, True): "start with"}.get(
            (left, right)
        )
        if verb is None:
            return Predicate(quoted(text))
        first, _, rest = verb.partition(" ")
        return Predicate(f"{rest} {quoted(core)}".strip(), verb=first)
    return Predicate(
        f"the pattern {quoted(text)}, where % is any text and _ any character", verb="match", heavy=True
    )


def equals(
    subject: Thing, values: Sequence[Thing], scene: Scene, *, ignoring_case: bool, strict: bool, negated: bool
) -> Said:
    """`equals` and `notEqualTo` with one or several texts."""
    if is_many(subject):

        def test(element: Thing, within: Scene) -> Said:
            return equals(element, values, within, ignoring_case=ignoring_case, strict=strict, negated=False)

        return some(subject, test, scene, negated=negated)
    if not ignoring_case and not strict and not negated:
        special = idiom(subject, values, scene)
        if special is not None:
            return special
    predicate = one_of_values(subject, values, scene)
    if ignoring_case:
        predicate = replace(
            predicate,
            yes=f"{predicate.yes} (ignoring case)",
            no=f"{predicate.no} (ignoring case)" if predicate.no else "",
        )
    other = next((value for value in values if not value.certain), None)
    return state(subject, predicate, scene, strict=strict, negated=negated, other=other)
