"""Sequences: elements assigned to steps, each strictly later than the one before."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from muster.pql import bound
from muster.pql.bound import Bound
from muster.pql.emit.closures.compiler import Code, Compiler, Frame, Handler, plain
from muster.pql.temporal import INSTANT_MIN


@dataclass(frozen=True, slots=True)
class _Step:
    """A compiled step.

    `looks_back` says that its test mentions elements of earlier steps, `is_named` that a later step mentions its own.
    """

    slot: int
    time: Code
    test: Code
    count: int
    looks_back: bool
    is_named: bool


def _sequence(compiler: Compiler, node: bound.Sequence) -> Code:
    steps = _steps(compiler, node)
    array = compiler.code(node.array, ordered=any(step.is_named and step.count > 1 for step in steps))

    def happened(frame: Frame) -> bool:
        return _Search(frame, steps, array(frame) or []).follows(0, INSTANT_MIN - 1)

    return happened


def _steps(compiler: Compiler, node: bound.Sequence) -> list[_Step]:
    steps: list[_Step] = []
    earlier: set[int] = set()

    def compile_from(index: int) -> None:
        if index == len(node.steps):
            return
        step, slot = node.steps[index], compiler.slot()
        with compiler.bound_at(slot, step.variable):
            free = compiler.free(step.time) | compiler.free(step.test)
            is_named = any(step.variable.id in compiler.free(later) for later in node.steps[index + 1 :])
            time, test = compiler.code(step.time), compiler.code(step.test)
            steps.append(_Step(slot, time, test, step.count, bool(free & earlier), is_named))
            earlier.add(step.variable.id)
            compile_from(index + 1)

    with compiler.looping():
        compile_from(0)
    return steps


class _Search:
    """Tries all assignments, but no more of them than the steps can tell apart."""

    def __init__(self, frame: Frame, steps: list[_Step], elements: list[Any]) -> None:
        self._frame = frame
        self._steps = steps
        self._elements = elements
        self._fitting: dict[int, tuple[list[int], list[Any]]] = {}

    def follows(self, index: int, after: int) -> bool:
        """Whether the steps from `index` on can be filled with elements later than `after`."""
        if index == len(self._steps):
            return True
        step = self._steps[index]
        times, items = self._fit(index, step)
        start = bisect_right(times, after)
        # The name stands for the last of those chosen, so enough others are before it.
        first = start + step.count - 1
        if first >= len(times):
            return False
        if not step.is_named:
            # Nobody asks which element it was, so the earliest leaves the most room.
            return self.follows(index + 1, times[first])
        for time, item in zip(times[first:], items[first:], strict=True):
            self._frame[step.slot] = item
            if self.follows(index + 1, time):
                return True
        return False

    def _fit(self, index: int, step: _Step) -> tuple[list[int], list[Any]]:
        """The elements that fit a step, by time."""
        known = self._fitting.get(index)
        if known is None:
            frame, fitting = self._frame, []
            for item in self._elements:
                frame[step.slot] = item
                if step.test(frame) and (time := step.time(frame)) is not None:
                    fitting.append((time, item))
            fitting.sort(key=itemgetter(0))
            known = [time for time, _ in fitting], [item for _, item in fitting]
            if not step.looks_back:
                # The same whatever was chosen before.
                self._fitting[index] = known
        return known


HANDLERS: Mapping[type[Bound], Handler] = {bound.Sequence: plain(_sequence)}
