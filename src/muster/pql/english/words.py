"""English words: numbers of nouns, articles, lists, quotation marks, and names in camel case as words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_IRREGULAR = {
    "person": "people",
    "man": "men",
    "woman": "women",
    "child": "children",
    "series": "series",
    "media": "media",
    "news": "news",
    "diagnosis": "diagnoses",
    "alias": "aliases",
    "status": "statuses",
    "bonus": "bonuses",
    "bus": "buses",
    "day of birth": "days of birth",
}
_SINGULARS = {many: one for one, many in _IRREGULAR.items()}
_UNCOUNTED = frozenset(("bonus", "status", "address", "class", "business", "access", "gps", "sms", "process"))
_VOWEL_SOUND = re.compile(
    r"[aeio]|u(?!ni|s[ae]|rl|k\b|til)|hour|honest|(?-i:[FHLMNRSX](?=[A-Z])|[AEIO][A-Z])", re.I
)
_CONSONANT_SOUND = re.compile(r"one\b|once\b|eu|URL|U[A-Z]")
_PARTS = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[^\W\d_A-Z]+|[A-Z]|\d+")
_ONE_WORD = re.compile(r"[^\W\d_][\w.@+/-]*\w|\d+")
# Words that would read as part of the sentence and not as a value.
_LITTLE_WORDS = """a all and any are both but either exactly for in is it its known less more neither no none nor not of on
one or other same than that the their they this to true false unknown who whose with"""
_LITTLE = frozenset(_LITTLE_WORDS.split())


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun, alone or in a group of words, for one and for many."""

    one: str
    many: str

    def form(self, *, plural: bool) -> str:
        return self.many if plural else self.one


def noun(one: str) -> Noun:
    """A noun with its regular plural, or the irregular one that is known."""
    return Noun(one, pluralise(one))


def pluralise(text: str) -> str:
    """Many of what `text` is one of; the last word changes."""
    if text in _IRREGULAR:
        return _IRREGULAR[text]
    head, space, word = text.rpartition(" ")
    return head + space + _plural(word)


def _plural(word: str) -> str:
    lower = word.lower()
    if lower in _IRREGULAR:
        return _IRREGULAR[lower]
    if is_plural(word):
        return word
    if re.search(r"(s|x|z|ch|sh)$", lower):
        return f"{word}es"
    if re.search(r"[^aeiou]y$", lower):
        return f"{word[:-1]}ies"
    return f"{word}s"


def is_plural(text: str) -> bool:
    """Whether the last word looks like a plural."""
    word = text.rpartition(" ")[2].lower()
    if word in _UNCOUNTED or word.endswith(("ss", "us", "is")):
        return False
    return word in _SINGULARS or (len(word) > 2 and word.endswith("s"))


def singularise(text: str) -> str:
    """One of what `text` names many of; a word that is no plural becomes an entry of it."""
    head, space, word = text.rpartition(" ")
    lower = word.lower()
    if lower in _SINGULARS:
        return head + space + _SINGULARS[lower]
    if not is_plural(word):
        return f"{text} entry"
    if re.search(r"(ss|x|z|ch|sh)es$", lower):
        return head + space + word[:-2]
    if lower.endswith("ies") and len(word) > 4:
        return f"{head}{space}{word[:-3]}y"
    return head + space + word[:-1]


def with_article(text: str) -> str:
    """The text after `a` or `an`, whichever one says."""
    vowel = _VOWEL_SOUND.match(text) and not _CONSONANT_SOUND.match(text)
    return f"{'an' if vowel else 'a'} {text}"


def listed(items: Sequence[str], word: str) -> str:
    """`a, b and c`, with `word` before the last."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def quoted(text: str) -> str:
    """The text between quotation marks; what cannot be seen is written as an escape."""
    shown = "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}" for character in text
    )
    return f"“{shown}”"


def value_word(text: str) -> str:
    """A text as a value in a sentence; between quotation marks unless it is one ordinary word."""
    return text if _ONE_WORD.fullmatch(text) and text.lower() not in _LITTLE else quoted(text)


def number_words(value: float) -> str:
    """A number: thousands apart from ten thousand on, so that years stay years; whole doubles without point."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))
    return repr(value)


def name_words(name: str) -> str:
    """A field's name as words: `homeAirport` is `home airport`; the underscore of a tenant is dropped."""
    if not name.replace("_", "a").isalnum():
        return quoted(name)
    parts = _PARTS.findall(name)
    if "".join(parts) != name.replace("_", ""):
        return name
    return " ".join(part if part.isupper() and len(part) > 1 else part.lower() for part in parts) or name


def label_words(name: str) -> str:
    """A variable's name as a name in a sentence, in quotation marks where it could be taken for a word."""
    plain = name.isidentifier() and (len(name) > 1 or name.isupper()) and name.lower() not in _LITTLE - {"a"}
    return name if plain else quoted(name)


def possessive(text: str) -> str:
    """Whose something is: `the person's`."""
    return f"{text}'" if text.endswith("s") and is_plural(text) else f"{text}'s"
