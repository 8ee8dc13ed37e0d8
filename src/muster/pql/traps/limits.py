"""How large a query should be: guard rails that are told, and refuse nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from muster.pql import syntax
from muster.pql.bound import Bound
from muster.pql.errors import Place, PqlWarning
from muster.pql.paths import Path, places_read
from muster.pql.types import ArrayType, ObjectType, Type

CONDITIONS_MAX = 50
STEPS_MAX = 3
AGGREGATIONS_MAX = 3
ARRAY_DEPTH_MAX = 2
LIST_VALUES_MAX = 250


class Sizes:
    """Measures the parts of a query as they are shown to it, in order."""

    def __init__(self) -> None:
        self._aggregations: list[Place] = []
        self._found: list[PqlWarning] = []

    def see(self, node: syntax.Node) -> None:
        """Measure a part, without what it is made of."""
        match node:
            case syntax.Aggregate():
                self._aggregations.append(node.place)
            case syntax.Call(receiver, name) if receiver is not None and name in syntax.AGGREGATES:
                self._aggregations.append(node.place)
            case syntax.Chain(_, _, steps) if len(steps) > STEPS_MAX:
                message = f"the sequence has {len(steps)} steps, more than {STEPS_MAX}"
                self._found.append(PqlWarning("LONG_SEQUENCE", message, steps[STEPS_MAX].place))
            case syntax.ArrayLiteral(items) if len(items) > LIST_VALUES_MAX:
                message = f"the list has {len(items)} values, more than {LIST_VALUES_MAX}"
                self._found.append(PqlWarning("LONG_LIST", message, node.place))

    def warnings(
        self, condition: Bound, conditions: Sequence[Place], schema: ObjectType
    ) -> Iterator[PqlWarning]:
        """What is beyond a limit; `conditions` are the places of those that contain no others."""
        yield from self._found
        if len(conditions) > CONDITIONS_MAX:
            message = f"the query has {len(conditions)} conditions, more than {CONDITIONS_MAX}"
            yield PqlWarning("MANY_CONDITIONS", message, conditions[CONDITIONS_MAX])
        if len(self._aggregations) > AGGREGATIONS_MAX:
            message = f"the query has {len(self._aggregations)} aggregations, more than {AGGREGATIONS_MAX}"
            yield PqlWarning("MANY_AGGREGATIONS", message, self._aggregations[AGGREGATIONS_MAX])
        for path, place in places_read(condition).items():
            depth = _array_depth(schema, path)
            if depth > ARRAY_DEPTH_MAX:
                message = f"{'.'.join(path)} lies in arrays nested {depth} deep, more than {ARRAY_DEPTH_MAX}"
                yield PqlWarning("DEEP_ARRAYS", message, place)


def _array_depth(schema: Type, path: Path) -> int:
    """How many arrays one goes through on a path, its last field included; `xEvent` is one."""
    type_, depth = schema, 0
    for name in path:
        if not isinstance(type_, ObjectType) or name not in type_.fields:
            break
        type_ = type_.fields[name]
        while isinstance(type_, ArrayType):
            type_, depth = type_.element, depth + 1
    return depth
