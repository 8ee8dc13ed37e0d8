"""Which fields a condition reads."""

from __future__ import annotations

from collections.abc import Mapping

from muster.pql import bound
from muster.pql.bound import PROFILE_ID, Bound, Variable, binders, children, free_variables
from muster.pql.errors import NOWHERE, Place

Path = tuple[str, ...]

_PASSING = (bound.Where, bound.Distinct, bound.Head, bound.Top, bound.GroupBy, bound.Values)
"""What gives elements of its source again, if only as the values of a map: their fields are read by whoever reads on."""


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
        for child in children(node):
            self.note(child, env)
        return None

    def _loop(
        self, node: Bound, variables: tuple[Variable, ...], env: Mapping[int, Path | None]
    ) -> Path | None:
        source, *bodies = children(node)
        path = self._path(source, env)
        inner = {**env, **{variable.id: path for variable in variables}}
        read = frozenset[int]().union(*(free_variables(body) for body in bodies))
        passes = isinstance(node, _PASSING)
        if path is not None and not passes and not read & {variable.id for variable in variables}:
            # Nobody looks at the elements: how many there are is what is read.
            self.found.add(path)
        for body in bodies[:-1]:
            self.note(body, inner)
        if isinstance(node, bound.Lift | bound.MapOver | bound.PairsOver):
            return self._path(bodies[-1], inner)
        self.note(bodies[-1], inner)
        return path if passes else None
