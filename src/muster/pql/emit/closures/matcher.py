"""The door: a query or one of its tests, compiled; then asked of any number of profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from muster.pql.bound import Bound, BoundQuery
from muster.pql.emit.closures import arrays, conditions, paths, scalars, sequences
from muster.pql.emit.closures.compiler import ENTITIES, MEMBERSHIPS, NOW, PROFILE, Code, Compiler, Frame
from muster.pql.interpret import Entities
from muster.pql.temporal import to_ms

_HANDLERS = {
    **paths.HANDLERS,
    **scalars.HANDLERS,
    **conditions.HANDLERS,
    **arrays.HANDLERS,
    **sequences.HANDLERS,
}


class Matcher:
    """A query compiled for one profile after another.

    It has no state: threads may share it, and what `at` gives.
    """

    def __init__(self, test: Code, template: Frame, fixed: tuple[tuple[int, Code], ...]) -> None:
        self._test = test
        self._template = template
        self._fixed = fixed

    def at(self, now: datetime, *, entities: Entities | None = None) -> Callable[..., bool]:
        """The query at one instant: a function of a profile and, where there are some, its memberships.

        Args:
            now: The instant of the evaluation; without a zone it is UTC.
            entities: Items that references lead to: entity → key → object.
        Returns:
            `matches(profile, memberships=None)`, with the inputs of `interpret.matches`. What depends on *now* alone
            is computed already.
        """
        template, test = self._template.copy(), self._test
        template[NOW] = to_ms(now.replace(tzinfo=UTC) if now.tzinfo is None else now)
        template[ENTITIES] = entities or {}
        for slot, code in self._fixed:
            template[slot] = code(template)

        def matches(profile: Mapping[str, Any], memberships: Mapping[str, bool] | None = None) -> bool:
            frame = template.copy()
            frame[PROFILE] = profile
            frame[MEMBERSHIPS] = memberships
            return bool(test(frame))

        return matches

    def __call__(
        self,
        profile: Mapping[str, Any],
        *,
        now: datetime,
        memberships: Mapping[str, bool] | None = None,
        entities: Entities | None = None,
    ) -> bool:
        """Whether a profile satisfies the query; as `interpret.matches`."""
        return self.at(now, entities=entities)(profile, memberships)


def compile_query(query: BoundQuery) -> Matcher:
    """The query as a function."""
    return compile_test(query.condition, query)


def compile_test(expression: Bound, query: BoundQuery) -> Matcher:
    """One test of a query as a function, such as the `expression` of an atom."""
    compiler = Compiler(query, _HANDLERS)
    test = compiler.code(expression)
    return Matcher(test, compiler.template(), tuple(compiler.fixed))
