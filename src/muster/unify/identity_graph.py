"""Who is who: identities that rows name together belong to one person, whatever order they come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from muster.unify.rows import RowIdentities


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A person whom the store holds. `founded` orders persons by age."""

    bucket: int
    row: int
    hash: bytes
    founded: int


@dataclass(slots=True)
class Person:
    """A person after a batch: whom it was before, and what the batch adds.

    Attributes:
        hash: Founding identity.
        founded: Ordinal of the founding; the lower is the older.
        known: As whom the store held the person; None for a new one.
        absorbed: Younger persons of the store who turned out to be this one.
        new_identities: Positions of identities that the store did not hold.
    """

    hash: bytes
    founded: int
    known: KnownPerson | None
    absorbed: list[KnownPerson] = field(default_factory=list)
    new_identities: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Assignment:
    """The persons of a batch, and which identity belongs to whom; -1 where to nobody."""

    persons: list[Person]
    person_of: npt.NDArray[np.int64]


def assign(
    rows: RowIdentities, known: Sequence[KnownPerson | None], *, ordinal: int, linked: bool
) -> Assignment:
    """Bring identities together into persons.

    The oldest person of the store keeps its id and absorbs the others; where there is none, the identity that came first
    founds one. The outcome does not depend on the order of the links.

    Args:
        known: Whose each identity is in the store already; one entry an identity.
        ordinal: Of this commit; newly founded persons are younger than all before.
        linked: Whether rows link identities at all; without, each primary identity is a person.
    """
    count = len(rows.identities)
    sets = _DisjointSets(count)
    if linked:
        for left, right in rows.links.tolist():
            sets.join(left, right)
        representatives: dict[bytes, int] = {}
        for position, person in enumerate(known):
            if person is not None:
                sets.join(position, representatives.setdefault(person.hash, position))
    persons: list[Person] = []
    person_of = np.full(count, -1, dtype=np.int64)
    numbers: dict[int, int] = {}
    for position, hash_ in enumerate(rows.hashes):
        if not linked and not rows.is_primary[position] and known[position] is None:
            continue
        root = sets.root(position)
        number = numbers.get(root)
        if number is None:
            number = numbers[root] = len(persons)
            persons.append(Person(hash_, (ordinal << 32) | position, None))
        person_of[position] = number
        _admit(persons[number], position, known[position])
    return Assignment(persons, person_of)


def _admit(person: Person, position: int, known: KnownPerson | None) -> None:
    if known is None:
        person.new_identities.append(position)
        return
    if person.known is None:
        person.known, person.hash, person.founded = known, known.hash, known.founded
        return
    if known.hash == person.known.hash or any(known.hash == other.hash for other in person.absorbed):
        return
    if known.founded < person.known.founded:
        person.absorbed.append(person.known)
        person.known, person.hash, person.founded = known, known.hash, known.founded
    else:
        person.absorbed.append(known)


class _DisjointSets:
    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def root(self, item: int) -> int:
        parents = self._parents
        while parents[item] != item:
            parents[item] = parents[parents[item]]
            item = parents[item]
        return item

    def join(self, left: int, right: int) -> None:
        left, right = self.root(left), self.root(right)
        # The smaller position becomes the root, so that the outcome is the same for any order of joins.
        if left < right:
            self._parents[right] = left
        elif right < left:
            self._parents[left] = right
