"""Due times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from muster.flows.schedule import FULL, INCREMENTAL, normalised_schedule, read_schedule
from muster.kernel.errors import Invalid

TODAY = date(2030, 1, 1)
START = datetime(2030, 1, 4, 17, tzinfo=UTC)


def schedule(frequency: str, **more: str) -> dict[str, str]:
    return {
        "frequency": frequency,
        "triggerType": "SCHEDULED",
        "startDate": "2030-01-04",
        "startTime": "17:00",
        **more,
    }


def dues(document: dict[str, str], count: int) -> list[datetime]:
    read = read_schedule(document)
    found: list[datetime] = []
    at: datetime | None = START - timedelta(days=1)
    while len(found) < count and at is not None and (at := read.next_due(at)) is not None:
        found.append(at)
    return found


def test_once_is_due_once() -> None:
    assert dues(schedule("ONCE"), 3) == [START]


def test_end_day_is_excluded() -> None:
    found = dues(schedule("DAILY", endDate="2030-01-11"), 20)

    assert len(found) == 7
    assert found[-1] == datetime(2030, 1, 10, 17, tzinfo=UTC)


def test_hours_count_from_the_start() -> None:
    hours = [at.hour for at in dues(schedule("EVERY_6_HOURS"), 4)]

    assert hours == [17, 23, 5, 11]


def test_month_falls_back_to_its_last_day() -> None:
    document = schedule("MONTHLY", startDate="2030-01-31")

    assert [(at.month, at.day) for at in dues(document, 4)] == [(1, 31), (2, 28), (3, 31), (4, 30)]


@pytest.mark.parametrize("frequency", ["DAILY", "WEEKLY", "MONTHLY", "EVERY_8_HOURS"])
def test_latest_due_is_the_last_of_the_next_ones(frequency: str) -> None:
    read, until = read_schedule(schedule(frequency)), START + timedelta(days=70, hours=3)
    walked = [at for at in dues(schedule(frequency), 500) if at <= until]

    assert read.latest_due(START, until) == walked[-1]
    assert read.latest_due(walked[-1], until) is None


def test_nothing_is_due_before_the_start_or_after_the_end() -> None:
    read = read_schedule(schedule("DAILY", endDate="2030-01-06"))

    assert read.latest_due(START - timedelta(days=9), START - timedelta(seconds=1)) is None
    assert read.latest_due(START, START + timedelta(days=9)) == datetime(2030, 1, 5, 17, tzinfo=UTC)
    assert read.next_due(datetime(2030, 1, 5, 17, tzinfo=UTC)) is None


def test_after_evaluation_has_no_times_but_days() -> None:
    read = read_schedule(
        {"frequency": "DAILY", "triggerType": "AFTER_SEGMENT_EVAL", "startDate": "2030-01-04"}
    )

    assert read.next_due(START) is None
    assert not read.allows_evaluation_at(datetime(2030, 1, 3, 23, tzinfo=UTC))
    assert read.allows_evaluation_at(datetime(2030, 1, 4, 1, tzinfo=UTC))


def test_first_selector_of_the_tutorial_may_omit_its_trigger() -> None:
    sent = {"frequency": "ONCE", "startDate": "2030-01-04", "startTime": "17:00"}

    assert normalised_schedule(sent, FULL, TODAY, "")["triggerType"] == "SCHEDULED"


def test_no_schedule_is_daily_at_midnight_from_today() -> None:
    made = normalised_schedule(None, FULL, TODAY, "")

    assert (made["frequency"], made["startDate"], made["startTime"]) == ("DAILY", "2030-01-01", "00:00")


def test_chained_is_once_after_an_evaluation() -> None:
    made = normalised_schedule({"frequency": "CHAINED", "startDate": "2030-01-04"}, FULL, TODAY, "")

    assert (made["frequency"], made["triggerType"]) == ("ONCE", "AFTER_SEGMENT_EVAL")


@pytest.mark.parametrize(
    ("document", "mode"),
    [
        (schedule("EVERY_3_HOURS"), FULL),
        (schedule("HOURLY"), FULL),
        (schedule("DAILY", triggerType="AFTER_SEGMENT_EVAL"), INCREMENTAL),
        (schedule("WEEKLY", triggerType="AFTER_SEGMENT_EVAL"), FULL),
        (schedule("DAILY", startDate="04.01.2030"), FULL),
        (schedule("DAILY", startTime=""), FULL),
        (schedule("DAILY", endDate="2030-01-04"), FULL),
    ],
)
def test_schedules_that_cannot_be_are_refused(document: dict[str, str], mode: str) -> None:
    with pytest.raises(Invalid):
        normalised_schedule(document, mode, TODAY, "")
