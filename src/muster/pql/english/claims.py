"""What is said of somebody or something, and how sayings are put together so that they read in one way only.

A claim can be read in three positions: behind a noun (`people with a purchase`), as a relative clause beside others
(`who have a purchase`), and as a sentence (`they have a purchase`). Claims are joined by `and` and `or` into a tree;
what reads in one way goes into one phrase, the rest becomes a list of lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from muster.pql.english.words import Noun, listed

_NEGATIONS = ("not ", "neither ", "none ", "other ")
ITEMS_MAX = 4
"""Clauses in one phrase; more become lines."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Of whom a claim speaks: people or things, one or many."""

    person: bool
    plural: bool

    def verb(self, one: str, many: str) -> str:
        return many if self.plural else one

    @property
    def who(self) -> str:
        return "who" if self.person else "that"

    @property
    def they(self) -> str:
        return self.verb("it", "they")

    @property
    def their(self) -> str:
        return self.verb("its", "their")

    @property
    def are(self) -> str:
        return self.verb("is", "are")

    @property
    def have(self) -> str:
        return self.verb("has", "have")


@dataclass(frozen=True, slots=True)
class Claim:
    """One saying.

    The kind says how `text` continues: *whose* text, *with* text, *who* text (a verb in the voice it was made for), or
    *where* text, a whole sentence. `short` may stand directly behind the noun, before everything else; `alone` only if
    there is nothing else. `noun` may replace the noun itself. A heavy text ends in clauses of its own, to which more
    could seem to belong. `topic` is the beginning of `text` that another claim may share; a compound text is already
    joined by a word that another joint could be taken for. `always` says that it holds of all, or of none.
    """

    kind: Literal["whose", "with", "who", "where"]
    text: str
    short: str = ""
    alone: str = ""
    noun: Noun | None = None
    heavy: bool = False
    lacks: bool = False
    topic: str = ""
    compound: Literal["and", "or", ""] = ""
    always: bool | None = None

    def relative(self, voice: Voice) -> str:
        """Behind a noun and beside other clauses."""
        match self.kind:
            case "whose":
                return f"whose {self.text}"
            case "with":
                return f"{voice.who} {self._has(voice)}"
            case "who":
                return f"{voice.who} {self.text}"
        return f"{'for whom' if voice.person else 'where'} {self.text}"

    def behind(self, voice: Voice) -> str:
        """Directly behind a noun, alone."""
        if self.short or self.alone:
            return self.short or self.alone
        if self.kind == "with" and voice.person:
            return f"{'without' if self.lacks else 'with'} {self.text}"
        return self.relative(voice)

    def sentence(self, voice: Voice) -> str:
        match self.kind:
            case "whose":
                return f"{voice.their} {self.text}"
            case "with":
                return f"{voice.they} {self._has(voice)}"
            case "who":
                return f"{voice.they} {self.text}"
        return self.text

    def _has(self, voice: Voice) -> str:
        if self.lacks:
            return f"{voice.verb('does', 'do')} not have {self.text}"
        return f"{voice.have} {self.text}"


@dataclass(frozen=True, slots=True)
class Joint:
    """Sayings that all hold, or of which one holds; flat: none of them is a joint of the same operator."""

    operator: Literal["and", "or"]
    items: tuple[Said, ...]


Said = Claim | Joint


def always(true: bool) -> Claim:
    """What holds of all, or of none."""
    return Claim("where", f"this is {'always' if true else 'never'} true", always=true)


class Phrase(NamedTuple):
    """Text, and whether it ends in clauses to which more could seem to belong."""

    text: str
    heavy: bool = False


def joint(operator: Literal["and", "or"], items: Iterable[Said]) -> Said:
    """All, or one, of some sayings. There is at least one."""
    flat: list[Said] = []
    for item in items:
        flat += item.items if isinstance(item, Joint) and item.operator == operator else (item,)
    if operator == "and":
        flat = [item for item in flat if not _is_trivial(item)] or flat[:1]
    flat = [_weighed(item, operator) for item in _merged(flat, operator)]
    return flat[0] if len(flat) == 1 else Joint(operator, tuple(flat))


def _merged(items: Sequence[Said], operator: Literal["and", "or"]) -> list[Said]:
    """The sayings, those of one topic as one: `whose score is at least 5 and less than 9`."""
    topics: dict[tuple[str, str], list[Claim]] = {}
    merged: list[Said] = []
    for item in items:
        if not isinstance(item, Claim) or not _may_merge(item, operator):
            merged.append(item)
            continue
        same = topics.setdefault((item.kind, item.topic), [])
        if not same:
            merged.append(item)
        same.append(item)
    for same in topics.values():
        if len(same) > 1:
            merged[merged.index(same[0])] = _one_topic(same, operator)
    return merged


def _may_merge(claim: Claim, operator: str) -> bool:
    if claim.heavy or claim.lacks or claim.compound not in ("", operator):
        return False
    return bool(claim.topic) or claim.kind == "with"


def _one_topic(claims: Sequence[Claim], operator: Literal["and", "or"]) -> Claim:
    first = claims[0]
    predicates = [claim.text.removeprefix(first.topic).strip() for claim in claims]
    verb = predicates[0].split(" ")[0]
    guard = f"{verb} known and "
    if predicates[0].startswith(guard):
        # Known once is known for all that follows.
        rest = [predicate.removeprefix(guard) for predicate in predicates[1:]]
        predicates = [
            predicates[0],
            *(f"{verb} {text}" if text.startswith(_NEGATIONS) else text for text in rest),
        ]
    elif verb in ("is", "are") and all(predicate.startswith(f"{verb} ") for predicate in predicates):
        predicates = [predicates[0], *(predicate.removeprefix(f"{verb} ") for predicate in predicates[1:])]
    text = f"{first.topic} {listed(predicates, operator)}".strip()
    return Claim(first.kind, text, topic=first.topic, compound=operator)


def _is_trivial(item: Said) -> bool:
    return isinstance(item, Claim) and item.always is True


def _weighed(item: Said, operator: str) -> Said:
    if isinstance(item, Claim) and item.compound not in ("", operator):
        return replace(item, heavy=True)
    return item


def conjuncts(said: Said) -> tuple[Said, ...]:
    return said.items if isinstance(said, Joint) and said.operator == "and" else (said,)


def is_heavy(said: Said) -> bool:
    return isinstance(said, Joint) or said.heavy


# --- one phrase


class _Parts(NamedTuple):
    """A conjunction, sorted by where it goes: noun, directly behind it, clauses."""

    noun: Noun
    shorts: tuple[str, ...]
    clauses: tuple[Said, ...]


def _sort(noun: Noun, said: Sequence[Said]) -> _Parts:
    head: Noun | None = None
    shorts: list[str] = []
    clauses: list[Said] = []
    for item in said:
        if _is_trivial(item):
            continue
        if isinstance(item, Claim) and item.noun is not None and head is None:
            head = item.noun
        elif isinstance(item, Claim) and item.short:
            shorts.append(item.short)
        else:
            clauses.append(item)
    clauses.sort(key=is_heavy)
    return _Parts(head or noun, tuple(shorts), tuple(clauses))


def describe(noun: Noun, said: Sequence[Said], voice: Voice, *, label: str = "") -> Phrase:
    """A noun and all that is said of it, without an article; `label` goes right behind it."""
    parts = _sort(noun, said)
    pieces = [parts.noun.form(plural=voice.plural) + label, *parts.shorts]
    if parts.clauses:
        pieces.append(_clauses(parts.clauses, voice, prefer_with=not parts.shorts or len(parts.clauses) == 1))
    return Phrase(" ".join(pieces), bool(parts.clauses))


def _clauses(clauses: Sequence[Said], voice: Voice, *, prefer_with: bool) -> str:
    """Clauses behind a noun; the light ones come first, so that nothing follows a heavy one."""
    if len(clauses) == 1 and prefer_with:
        (only,) = clauses
        return only.behind(voice) if isinstance(only, Claim) else _alternatives(only, voice)
    if sum(map(is_heavy, clauses)) > 1:
        head = "for whom" if voice.person else "where"
        return f"{head} {sentence(Joint('and', tuple(clauses)), voice)}"
    return listed([_relative(clause, voice) for clause in clauses], "and")


def _relative(said: Said, voice: Voice) -> str:
    if isinstance(said, Claim):
        return said.relative(voice)
    return f"{'for whom' if voice.person else 'where'} {sentence(said, voice)}"


def _alternatives(said: Joint, voice: Voice) -> str:
    """Alternatives that are the only thing said of a noun."""
    claims = [item for item in said.items if isinstance(item, Claim)]
    if said.operator == "and" or len(claims) < len(said.items) or sum(map(is_heavy, claims)) > 1:
        return _relative(said, voice)
    claims.sort(key=is_heavy)
    texts = [claim.relative(voice) for claim in claims]
    return f"{listed(texts[:-1], 'or')}, or {texts[-1]}" if claims[-1].heavy else listed(texts, "or")


def sentence(said: Said, voice: Voice) -> str:
    """What is said, as a sentence without capital and stop. Parentheses keep what could be read in two ways."""
    if isinstance(said, Claim):
        return said.sentence(voice)
    heavy = sum(map(is_heavy, said.items)) > 1
    texts = []
    for item in sorted(said.items, key=is_heavy):
        text = enclosed(item, voice)
        loose = (heavy and is_heavy(item)) or f" {said.operator} " in text
        texts.append(f"({text})" if loose and not text.startswith("(") else text)
    opening = "either " if said.operator == "or" else ""
    return opening + listed(texts, said.operator)


def enclosed(said: Said, voice: Voice) -> str:
    """The sentence, in parentheses if it has parts that could be taken apart."""
    text = sentence(said, voice)
    return f"({text})" if isinstance(said, Joint) or said.compound else text


# --- lines


def lines(noun: Noun, said: Said, voice: Voice) -> str:
    """A noun and all that is said of it: in one phrase if that reads in one way only, otherwise in lines."""
    if not _tangled(said):
        return describe(noun, conjuncts(said), voice).text
    parts = _sort(noun, conjuncts(said))
    head = " ".join((parts.noun.form(plural=voice.plural), *parts.shorts))
    block = _block(noun, joint("and", parts.clauses), voice, 0)
    return f"{head} {voice.who} {voice.verb('matches', 'match')} {block}"


def _block(noun: Noun, said: Said, voice: Voice, indent: int) -> str:
    """`all of:` or `any of:` and a line for each item."""
    assert isinstance(said, Joint)
    rows = [f"{'all' if said.operator == 'and' else 'any'} of:"]
    for item in said.items:
        if isinstance(item, Joint) and (item.operator == "or" or _tangled(item)):
            text = _block(noun, item, voice, indent + 1)
        elif said.operator == "or":
            text = describe(noun, conjuncts(item), voice).text
        else:
            text = describe(Noun("", ""), [_as_clause(item)], voice).text.strip()
        rows.append(f"{'  ' * indent}- {text}")
    return "\n".join(rows)


def _as_clause(said: Said) -> Said:
    return replace(said, noun=None) if isinstance(said, Claim) else said


def _tangled(said: Said) -> bool:
    """Whether a phrase would need parentheses, or be too long to follow."""
    if isinstance(said, Claim):
        return False
    clauses = said.items if said.operator == "or" else _sort(Noun("", ""), said.items).clauses
    if sum(map(is_heavy, clauses)) > 1 or (said.operator == "and" and len(clauses) > ITEMS_MAX):
        return True
    return any(isinstance(item, Joint) and (said.operator == "or" or _tangled(item)) for item in clauses)
