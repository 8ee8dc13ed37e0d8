"""When an audience of a flow is exported. Times are UTC; pure arithmetic, no clock."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from muster.flows.errors import refused
from muster.storage.records import Document

FULL = "DAILY_FULL_EXPORT"
INCREMENTAL = "FIRST_FULL_THEN_INCREMENTAL"
SCHEDULED = "SCHEDULED"
AFTER_EVALUATION = "AFTER_SEGMENT_EVAL"

_STEPS = {
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(days=7),
    "EVERY_3_HOURS": timedelta(hours=3),
    "EVERY_6_HOURS": timedelta(hours=6),
    "EVERY_8_HOURS": timedelta(hours=8),
    "EVERY_12_HOURS": timedelta(hours=12),
}
_FULL_FREQUENCIES = ("ONCE", "DAILY", "WEEKLY", "MONTHLY")
_FREQUENCIES = ("ONCE", "MONTHLY", *_STEPS)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The due times of one audience in one flow.

    Attributes:
        frequency: `ONCE`, `DAILY`, `WEEKLY`, `MONTHLY` or `EVERY_n_HOURS`.
        start: The first due time; hourly steps count from it.
        end: No due time at or after this instant. The end day itself is excluded.
        after_evaluation: Runs when a segment job has ended instead of at times.
    """

    frequency: str
    start: datetime
    end: datetime | None
    after_evaluation: bool

    def latest_due(self, after: datetime, until: datetime) -> datetime | None:
        """The last due time in (after, until]; of several missed ones only this counts."""
        if self.after_evaluation:
            return None
        last = self._last_at_or_before(until)
        return last if last is not None and last > after else None

    def next_due(self, after: datetime) -> datetime | None:
        """The first due time later than an instant, or None when there is no more."""
        if self.after_evaluation:
            return None
        if after < self.start:
            return self._within(self.start)
        if self.frequency == "ONCE":
            return None
        if self.frequency == "MONTHLY":
            return self._within(self._month(self._months_to(after) + 1))
        step = _STEPS[self.frequency]
        return self._within(self.start + ((after - self.start) // step + 1) * step)

    def allows_evaluation_at(self, instant: datetime) -> bool:
        """Whether a segment job that ends at this instant leads to an export."""
        return self.after_evaluation and self.start <= instant and self._within(instant) is not None

    def _last_at_or_before(self, until: datetime) -> datetime | None:
        if self.end is not None and until >= self.end:
            until = self.end - timedelta(milliseconds=1)
        if until < self.start:
            return None
        if self.frequency == "ONCE":
            return self.start
        if self.frequency == "MONTHLY":
            return self._month(self._months_to(until))
        step = _STEPS[self.frequency]
        return self.start + (until - self.start) // step * step

    def _months_to(self, instant: datetime) -> int:
        months = (instant.year - self.start.year) * 12 + instant.month - self.start.month
        return months if self._month(months) <= instant else months - 1

    def _month(self, months: int) -> datetime:
        year, month = divmod(self.start.year * 12 + self.start.month - 1 + months, 12)
        # Day 31 falls back to the last day of a shorter month.
        day = min(self.start.day, calendar.monthrange(year, month + 1)[1])
        return self.start.replace(year=year, month=month + 1, day=day)

    def _within(self, instant: datetime) -> datetime | None:
        return instant if self.end is None or instant < self.end else None


def read_schedule(document: Mapping[str, Any]) -> Schedule:
    """The schedule of a normalised selector."""
    end = document.get("endDate")
    starts = datetime.combine(
        date.fromisoformat(document["startDate"]), _time(document.get("startTime", "00:00")), UTC
    )
    ends = (
        datetime.combine(date.fromisoformat(end), time(), UTC)
        if end and document["frequency"] != "ONCE"
        else None
    )
    after_evaluation = document.get("triggerType") == AFTER_EVALUATION
    if after_evaluation:
        starts = starts.replace(hour=0, minute=0)
    return Schedule(document["frequency"], starts, ends, after_evaluation)


def normalised_schedule(document: Any, export_mode: str, today: date, path: str) -> Document:
    """A schedule with its defaults filled in, checked together with the export mode.

    Raises:
        FlowInvalid: A value that is none of the documented ones, or a pair that is not allowed.
    """
    if document is None:
        document = {"frequency": "DAILY", "startDate": today.isoformat(), "startTime": "00:00"}
    if not isinstance(document, Mapping):
        raise refused("1419-400", "schedule is an object", path)
    schedule = dict(document)
    if str(schedule.get("frequency", "")).upper() == "CHAINED":
        schedule |= {"frequency": "ONCE", "triggerType": AFTER_EVALUATION}
    schedule["frequency"] = str(schedule.get("frequency", "DAILY")).upper()
    schedule["triggerType"] = str(schedule.get("triggerType") or SCHEDULED).upper()
    schedule.setdefault("startDate", today.isoformat())
    _check(schedule, export_mode, path)
    return schedule


def _check(schedule: Mapping[str, Any], export_mode: str, path: str) -> None:
    frequency, trigger = schedule["frequency"], schedule["triggerType"]
    if frequency not in _FREQUENCIES:
        raise refused("1419-400", f"frequency {frequency!r} is none of {', '.join(_FREQUENCIES)}", path)
    if trigger not in (SCHEDULED, AFTER_EVALUATION):
        raise refused(
            "1419-400", f"triggerType {trigger!r} is neither {SCHEDULED} nor {AFTER_EVALUATION}", path
        )
    if export_mode == FULL and frequency not in _FULL_FREQUENCIES:
        raise refused("1419-400", f"{FULL} allows {', '.join(_FULL_FREQUENCIES)}, not {frequency}", path)
    if trigger == AFTER_EVALUATION and (export_mode != FULL or frequency not in ("ONCE", "DAILY")):
        raise refused("1419-400", f"{AFTER_EVALUATION} goes with {FULL}, ONCE or DAILY", path)
    if trigger == SCHEDULED and not schedule.get("startTime"):
        raise refused("1419-400", f"startTime is required with {SCHEDULED}", path)
    try:
        read = read_schedule(schedule)
    except (ValueError, TypeError) as error:
        raise refused("1419-400", "dates are YYYY-MM-DD and startTime is HH:mm", path) from error
    if read.end is not None and read.end <= read.start.replace(hour=0, minute=0):
        raise refused("1419-400", "endDate is not after startDate", path)


def _time(text: str) -> time:
    return time.fromisoformat(text).replace(tzinfo=None)
