"""What can be spoken of: somebody or something, its fields, arrays and what is computed from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from muster.pql import syntax
from muster.pql.english.claims import Said, Voice
from muster.pql.english.words import Noun
from muster.pql.types import BOOLEAN, STRING, TEMPORAL, Type


@dataclass(frozen=True, slots=True, eq=False)
class Referent:
    """One whom conditions speak of: the profile, or an element of an array. Two are equal only if they are one.

    `label` says who is meant where somebody else is spoken of: `the person`, or the letter of a variable.
    """

    noun: Noun
    type: Type | None
    label: str
    person: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """A value. `certain` is one that is never missing."""

    type: Type | None = None
    certain: bool = False

    @property
    def is_boolean(self) -> bool:
        return self.type == BOOLEAN

    @property
    def is_text(self) -> bool:
        return self.type == STRING

    @property
    def is_time(self) -> bool:
        return self.type in TEMPORAL


@dataclass(frozen=True, slots=True)
class Plain(Thing):
    """A single value: a field of its owner, or a text that stands alone.

    `path` leads from the owner to a stored field; it is empty for the owner itself, None for what is computed. `field`
    is the path of the field whose values have names, whoever it is a field of.
    """

    text: str = ""
    owner: Referent | None = None
    plural: bool = False
    path: tuple[str, ...] | None = None
    field: tuple[str, ...] = ()
    moment: str = ""
    """`day` for a day that is written out, `instant` for now."""


@dataclass(frozen=True, slots=True)
class Constant(Thing):
    """A value that is written out."""

    value: str | int | float | bool = ""


@dataclass(frozen=True, slots=True)
class Listing(Thing):
    """An array that is written out."""

    items: tuple[Thing, ...] = ()


Test = Callable[[bool], Said]
"""What is said of an element; asked for one (False) or many (True) of them."""


@dataclass(frozen=True, slots=True)
class Collection(Thing):
    """Elements of an array that pass some tests.

    `owner` has the array; None if nobody does. `within` are the elements whose arrays these are, taken together.
    `among` names what the elements are taken from where that is no plain array: `their 2 latest events`. `label` is the
    letter an element goes by. `parts` says of what each element is a combination. A hollow collection is missing when
    it has no elements.
    """

    element: Referent = Referent(Noun("", ""), None, "")
    owner: Referent | None = None
    path: tuple[str, ...] = ()
    tests: tuple[Test, ...] = ()
    different: bool = False
    rank: str = ""
    among: str = ""
    within: Collection | None = None
    label: str = ""
    always_labelled: bool = False
    hollow: bool = False
    parts: str = ""

    @property
    def noun(self) -> Noun:
        return self.element.noun

    def where(self, test: Test) -> Collection:
        return replace(self, tests=(*self.tests, test), certain=True)


@dataclass(frozen=True, slots=True)
class Lifted(Thing):
    """A value of every element, taken together; missing where no element has it."""

    base: Collection = Collection()
    inner: Thing = Thing()


@dataclass(frozen=True, slots=True)
class Count(Thing):
    """How many elements."""

    of: Collection = Collection()


@dataclass(frozen=True, slots=True)
class Measure(Thing):
    """The sum, average, least or greatest of the values of a collection's elements."""

    function: str = "sum"
    of: Collection = Collection()
    value: Thing | None = None


@dataclass(frozen=True, slots=True)
class Groups(Thing):
    """A collection, grouped by a key of its elements."""

    of: Collection = Collection()
    key: Callable[[], Thing] = Thing


class Teller(Protocol):
    """Whoever finds the words for parts of a query."""

    def value(self, node: syntax.Expr, scene: Scene) -> Thing: ...

    def condition(self, node: syntax.Expr, scene: Scene, *, negated: bool = False) -> Said: ...


@dataclass(frozen=True, slots=True)
class Scene:
    """Of whom a part of a query speaks, and what names mean there.

    `subject` is whom conditions describe; `scopes` are those whose fields may be written bare, the innermost last.
    """

    teller: Teller
    names: Mapping[str, str]
    profile: Referent
    subject: Referent
    plural: bool
    scopes: tuple[Referent, ...]
    variables: Mapping[str, Referent | Thing]

    @property
    def voice(self) -> Voice:
        return Voice(self.subject.person, self.plural)

    @property
    def scope(self) -> Referent:
        return self.scopes[-1]

    def about(self, subject: Referent, *, plural: bool) -> Scene:
        """The same place, speaking of another subject."""
        return replace(self, subject=subject, plural=plural)

    def enter(self, element: Referent, *, plural: bool) -> Scene:
        """Inside the scope of an element."""
        return replace(self, subject=element, plural=plural, scopes=(*self.scopes, element))

    def bind(self, name: str, meaning: Referent | Thing) -> Scene:
        return replace(self, variables={**self.variables, name: meaning})

    def value(self, node: syntax.Expr) -> Thing:
        return self.teller.value(node, self)

    def says(self, node: syntax.Expr, *, negated: bool = False) -> Said:
        return self.teller.condition(node, self, negated=negated)

    def label(self, noun: Noun) -> str:
        """A name for a new scope that none around it has: `the event`, `the second event`."""
        taken = {scope.label for scope in self.scopes}
        ordinals = ("", "second ", "third ", "fourth ", "fifth ")
        labels = (f"the {ordinal}{noun.one}" for ordinal in ordinals)
        numbered = f"{noun.one} {len(self.scopes)}"
        return next((label for label in labels if label not in taken), numbered)
