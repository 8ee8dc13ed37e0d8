"""Instants and calendar arithmetic: UTC, whole milliseconds, years 1 to 9999, weeks from Monday.

Inside, an instant is an integer: milliseconds since 1970-01-01T00:00:00Z.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from typing import Literal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
FIXED_UNITS = {
    "millisecond": 1,
    "second": 1_000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 604_800_000,
}
"""Milliseconds of the units that always last the same."""
MONTHS = {"month": 1, "year": 12, "decade": 120, "century": 1_200, "millennium": 12_000}
"""Months of the units that are steps in the calendar."""

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def to_ms(value: date) -> int:
    """The instant of a date-time, or of a day's first moment."""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return (value - _EPOCH) // _MILLISECOND


INSTANT_MIN = to_ms(datetime.min.replace(tzinfo=UTC))
INSTANT_MAX = to_ms(datetime.max.replace(tzinfo=UTC))


def from_ms(instant: int) -> datetime:
    """The aware UTC date-time of an instant within the representable years."""
    return _EPOCH + timedelta(milliseconds=instant)


def normalize(value: datetime) -> datetime | None:
    """The date-time in UTC, cut to milliseconds; without a zone it is UTC already. None beyond the years."""
    try:
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000)


def parse_iso(text: str) -> date | datetime | None:
    """Read `YYYY-MM-DD` or `YYYY-MM-DDThh:mm[:ss[.fff]]` with zone or none (UTC); None for anything else."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        if hour is None:
            return date(int(year), int(month), int(day))
        millisecond = int((fraction or "0")[:3].ljust(3, "0"))
        naive = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), millisecond * 1000
        )
        offset = timedelta()
        if zone not in (None, "Z"):
            hours, minutes = int(zone[1:3]), int(zone[-2:])
            if hours > 23 or minutes > 59:
                return None
            offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
        return (naive - offset).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def text_of(value: date) -> str:
    """`YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ss.fffZ`."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z".rjust(24, "0")
    return value.isoformat()


def shift(instant: int, amount: int, unit: str) -> int:
    """Move an instant. Calendar steps keep the day of the month or take the last; the end of time stops them."""
    if unit in FIXED_UNITS:
        return _clamp(instant + amount * FIXED_UNITS[unit])
    moment = from_ms(instant)
    months = moment.year * 12 + moment.month - 1 + amount * MONTHS[unit]
    year, month = months // 12, months % 12 + 1
    if year < 1:
        return INSTANT_MIN
    if year > 9999:
        return INSTANT_MAX
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return to_ms(moment.replace(year=year, month=month, day=day))


def _clamp(instant: int) -> int:
    return max(INSTANT_MIN, min(INSTANT_MAX, instant))


def period_edge(now: int, which: str, unit: str, edge: Literal["start", "end"]) -> int:
    """First moment of this, the last or the next calendar unit, or the first moment after it."""
    steps = {"last": -1, "this": 0, "next": 1}[which] + (edge == "end")
    if unit in ("month", *FIXED_UNITS):
        return shift(_start_of(now, unit), steps, unit)
    # The unit that would begin with a year 0 is shorter; those after it still begin with a year that ends in zeros.
    years = MONTHS[unit] // 12
    year = from_ms(now).year // years * years + steps * years
    if year < 1:
        return INSTANT_MIN
    return to_ms(date(year, 1, 1)) if year <= 9999 else INSTANT_MAX


def _start_of(now: int, unit: str) -> int:
    moment = from_ms(now)
    if unit == "month":
        return to_ms(date(moment.year, moment.month, 1))
    if unit == "week":
        midnight = now - now % FIXED_UNITS["day"]
        return _clamp(midnight - moment.weekday() * FIXED_UNITS["day"])
    return now - now % FIXED_UNITS[unit]


def moment(word: str, now: datetime) -> date | int:
    """The value of `now`, `today`, `currentYear` … at an instant."""
    day = now.date()
    match word:
        case "now":
            return now
        case "today":
            return day
        case "yesterday":
            return day - timedelta(days=1)
        case "tomorrow":
            return day + timedelta(days=1)
        case "currentYear":
            return now.year
        case "currentMonth":
            return now.month
        case "currentDayOfMonth":
            return now.day
    raise ValueError(f"no moment {word}")
