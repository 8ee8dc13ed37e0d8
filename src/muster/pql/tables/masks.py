"""Boolean algebra over the masks of atoms, also while some of them are not known yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from muster.pql.plan import Always, And, Condition, Leaf, Not, Or

Mask = npt.NDArray[np.bool_]
"""One truth value a row."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known of a condition: who satisfies it for certain, and who possibly; (rows,) each."""

    certain: Mask
    possible: Mask


def combined(condition: Condition, masks: Mapping[str, Mask], row_count: int) -> Mask:
    """Who satisfies a condition whose atoms are all known."""
    outcome = bounds(condition, masks, row_count)
    assert not np.any(outcome.certain != outcome.possible), "an atom was left open"
    return outcome.certain


def bounds(condition: Condition, masks: Mapping[str, Mask], row_count: int) -> Bounds:
    """What the known atoms say of a condition; the others could be either."""
    match condition:
        case Always(value):
            mask = np.full(row_count, value, dtype=np.bool_)
            return Bounds(mask, mask)
        case Leaf(atom):
            if atom.key in masks:
                return Bounds(masks[atom.key], masks[atom.key])
            return Bounds(np.zeros(row_count, dtype=np.bool_), np.ones(row_count, dtype=np.bool_))
        case Not(operand):
            inner = bounds(operand, masks, row_count)
            return Bounds(~inner.possible, ~inner.certain)
        case And(operands):
            parts = [bounds(operand, masks, row_count) for operand in operands]
            return Bounds(
                reduce(np.logical_and, (part.certain for part in parts)),
                reduce(np.logical_and, (part.possible for part in parts)),
            )
        case Or(operands):
            parts = [bounds(operand, masks, row_count) for operand in operands]
            return Bounds(
                reduce(np.logical_or, (part.certain for part in parts)),
                reduce(np.logical_or, (part.possible for part in parts)),
            )
