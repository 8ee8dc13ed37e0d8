"""`occurs`: conditions on time, rewritten into comparisons of instants.

Nothing is subtracted. The anchor is moved by the distance, and the time is compared with the bound that results.
"""

from __future__ import annotations

from dataclasses import dataclass

from muster.pql import syntax
from muster.pql.bound import Bound, Compare, Operator, PeriodEdge, Shift, conjunction, disjunction
from muster.pql.types import DATE


@dataclass(frozen=True, slots=True)
class Span:
    """What an anchor stands for: from `start` up to `end`; an instant has no end."""

    start: Bound
    end: Bound | None
    period: bool = False


def period_span(period: syntax.Period) -> Span:
    """The calendar unit that a period names."""
    start = PeriodEdge(period.which, period.unit, "start")
    return Span(start, PeriodEdge(period.which, period.unit, "end"), period=True)


def value_span(anchor: Bound) -> Span:
    """A day has a start and an end; a date-time is one moment."""
    return Span(anchor, Shift(anchor, 1, "day") if anchor.type == DATE else None)


def _is(time: Bound, operator: Operator, bound: Bound) -> Bound:
    return Compare(operator, time, bound, "instant")


def within(time: Bound, span: Span) -> Bound:
    """`occurs on`."""
    if span.end is None:
        return _is(time, "=", span.start)
    return conjunction(_is(time, ">=", span.start), _is(time, "<", span.end))


def between(time: Bound, lower: Span, upper: Span) -> Bound:
    """`occurs between`: both days are inside."""
    last = _is(time, "<=", upper.start) if upper.end is None else _is(time, "<", upper.end)
    return conjunction(_is(time, ">=", lower.start), last)


def beside(time: Bound, direction: str, span: Span) -> Bound:
    """`occurs before`, `after`, `from`. A day counts as its first moment for `after`, a period as its end."""
    if direction == "before":
        return _is(time, "<", span.start)
    if direction == "from":
        return _is(time, ">=", span.start)
    if span.period and span.end is not None:
        return _is(time, ">=", span.end)
    return _is(time, ">", span.start)


def distant(time: Bound, when: syntax.Distance, span: Span) -> Bound:
    """`occurs ⋈ N unit before`, `after` or `from`."""
    comparison, amount, unit, direction = when.comparison, when.amount, when.unit, when.direction
    end = span.end if span.period and span.end is not None else span.start
    before, after = Shift(span.start, -amount, unit), Shift(end, amount, unit)
    if direction == "from":
        return _around(time, comparison, before, after)
    if direction == "before":
        return _one_side(time, comparison, span.start, before, ("<=", "<", ">=", ">"))
    return _one_side(time, comparison, end, after, (">=", ">", "<=", "<"))


def _around(time: Bound, comparison: str, before: Bound, after: Bound) -> Bound:
    match comparison:
        case "<=":
            return conjunction(_is(time, ">=", before), _is(time, "<=", after))
        case "<":
            return conjunction(_is(time, ">", before), _is(time, "<", after))
        case ">=":
            return disjunction(_is(time, "<=", before), _is(time, ">=", after))
        case ">":
            return disjunction(_is(time, "<", before), _is(time, ">", after))
        case "=":
            return disjunction(_is(time, "=", before), _is(time, "=", after))
    return conjunction(_is(time, "!=", before), _is(time, "!=", after))


def _one_side(
    time: Bound,
    comparison: str,
    anchor: Bound,
    bound: Bound,
    operators: tuple[Operator, Operator, Operator, Operator],
) -> Bound:
    """`operators`: on this side of the anchor or at it; beyond it; on the anchor's side of the bound; nearer."""
    side, beyond, near_or_at, near = operators
    match comparison:
        case "<=":
            return conjunction(_is(time, near_or_at, bound), _is(time, side, anchor))
        case "<":
            return conjunction(_is(time, near, bound), _is(time, side, anchor))
        case ">=":
            return _is(time, side, bound)
        case ">":
            return _is(time, beyond, bound)
        case "=":
            return _is(time, "=", bound)
    return conjunction(_is(time, side, anchor), _is(time, "!=", bound))
