"""Which fields a condition reads."""

from __future__ import annotations

from collections.abc import Mapping

from muster.pql import bound
from muster.pql.bound import PROFILE_ID, Bound, Variable
from muster.pql.errors import NOWHERE, Place
from muster.pql.traversal import binders, children, free_variables

Path = tuple[str, ...]

_PASSING = (bound.Where, bound.Distinct, bound.Head, bound.Top, bound.GroupBy, bound.Values)
"""What gives elements of its source again, if only in groups: their fields are read by whoever reads on."""
_MEASURING = (bound.Count, bound.Keys, bound.NonEmpty, bound.Present)


def paths_read(node: Bound) -> frozenset[Path]:
    """Field paths that are read, from the profile down. A map counts as one field; a reference ends a path."""
    return frozenset(places_read(node))


def places_read(node: Bound) -> dict[Path, Place]:
    """As `paths_read`, each with the place of the last name where it is first read."""
    reader = _Reader()
    reader.note(node, {PROFILE_ID: ()})
    return {path: reader.places.get(path, NOWHERE) for path in reader.found if path}


class _Reader:
    def __init__(self) -> None:
        self.found: set[Path] = set()
        self.places: dict[Path, Place] = {}
        self._groups: set[int] = set()

    def note(self, node: Bound, env: Mapping[int, Path | None]) -> None:
        """Visit an expression and note the path it ends in."""
        path = self._path(node, env)
        if path is not None:
            self.found.add(path)

    def _path(self, node: Bound, env: Mapping[int, Path | None]) -> Path | None:
        """Visit an expression; its own path is left to whoever reads on from it."""
        if isinstance(node, Variable):
            return env.get(node.id)
        if isinstance(node, bound.Member):
            path = self._path(node.object, env)
            if path is None:
                return None
            path = (*path, node.name)
            self.places.setdefault(path, node.place)
            return path
        if isinstance(node, bound.Entry):
            self.note(node.key, env)
            return self._path(node.map, env)
        if isinstance(node, bound.Follow):
            self.note(node.reference, env)
            return None
        variables = binders(node)
        if not variables:
            return self._plain(node, env)
        return self._loop(node, variables, env)

    def _plain(self, node: Bound, env: Mapping[int, Path | None]) -> Path | None:
        if isinstance(node, bound.Sequence):
            path = self._path(node.array, env)
            for step in node.steps:
                env = {**env, step.variable.id: path}
                self.note(step.time, env)
                self.note(step.test, env)
            return None
        if isinstance(node, _PASSING):
            return self._path(next(iter(children(node))), env)
        if isinstance(node, _MEASURING) and self._is_grouped(next(iter(children(node)))):
            # Which groups there are, and how large they are, was seen when they were made.
            self._path(next(iter(children(node))), env)
            return None
        for child in children(node):
            self.note(child, env)
        return None

    def _loop(
        self, node: Bound, variables: tuple[Variable, ...], env: Mapping[int, Path | None]
    ) -> Path | None:
        source, *bodies = children(node)
        path = self._path(source, env)
        inner: dict[int, Path | None] = {**env, **{variable.id: path for variable in variables}}
        read = frozenset[int]().union(*(free_variables(body) for body in bodies))
        passes = isinstance(node, _PASSING)
        own = {variable.id for variable in variables}
        if self._is_grouped(source):
            self._groups |= own
            if isinstance(node, bound.PairsOver | bound.MapEntries):
                # The key of a group is text that was read when the group was made.
                inner[node.key_variable.id] = None
        selects = passes and not isinstance(node, bound.GroupBy)
        if path is not None and not selects and not read & own:
            # Nobody looks at the elements: how many there are is what is read.
            self.found.add(path)
        for body in bodies[:-1]:
            self.note(body, inner)
        if isinstance(node, bound.Lift | bound.MapOver | bound.PairsOver):
            return self._path(bodies[-1], inner)
        self.note(bodies[-1], inner)
        return path if passes else None

    def _is_grouped(self, node: Bound) -> bool:
        """Whether the value is a map of groups, one of its groups, or some elements of one."""
        while isinstance(node, bound.Entry | bound.Values | bound.Where | bound.Top):
            node = next(iter(children(node)))
        return isinstance(node, bound.GroupBy) or (isinstance(node, Variable) and node.id in self._groups)
