"""Due times of schedules: names, aliases, time zones, and the two nights a year on which clocks are moved."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.cron import check, next_at
from shared.errors import InvalidInput


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "timezone", "after", "due"),
    [
        ("30 3 * * *", "UTC", "2026-01-01T03:30", "2026-01-02T03:30"),
        ("30 3 * * *", "UTC", "2026-01-01T03:29:59", "2026-01-01T03:30"),
        ("*/15 * * * *", "UTC", "2026-01-01T10:01", "2026-01-01T10:15"),
        ("0 6 * jan,Jul mon-FRI", "UTC", "2026-01-31T00:00", "2026-07-01T06:00"),
        ("0 6 * * fri-sun", "UTC", "2026-01-03T07:00", "2026-01-04T06:00"),
        ("0 0 L * *", "UTC", "2028-02-01T00:00", "2028-02-29T00:00"),
        ("@daily", "UTC", "2026-01-01T00:00", "2026-01-02T00:00"),
        ("@Weekly", "UTC", "2026-01-01T00:00", "2026-01-04T00:00"),
        ("@hourly", "Asia/Kolkata", "2026-01-01T00:00", "2026-01-01T00:30"),
        ("@monthly", "UTC", "2026-01-01T00:00", "2026-02-01T00:00"),
        ("@yearly", "America/New_York", "2026-01-02T00:00", "2027-01-01T05:00"),
        ("0 8 * * *", "Europe/Berlin", "2026-07-01T00:00", "2026-07-01T06:00"),
    ],
)
def test_the_next_due_time(cron: str, timezone: str, after: str, due: str) -> None:
    assert next_at(cron, timezone, _at(after)) == _at(due)


def test_a_time_that_is_left_out_when_clocks_go_forward_falls_on_the_next_one() -> None:
    due = next_at("30 2 * * *", "Europe/Berlin", _at("2026-03-28T12:00"))
    assert due == _at("2026-03-29T01:00")  # 03:00 in Berlin, where 02:30 does not exist
    assert next_at("30 2 * * *", "Europe/Berlin", due) == _at("2026-03-30T00:30")


def test_a_time_that_comes_twice_when_clocks_go_back_counts_once() -> None:
    due = next_at("30 2 * * *", "Europe/Berlin", _at("2026-10-24T12:00"))
    assert due == _at("2026-10-25T00:30")
    assert next_at("30 2 * * *", "Europe/Berlin", due) == _at("2026-10-26T01:30")
    assert next_at("30 2 * * *", "Europe/Berlin", _at("2026-10-25T01:10")) == _at("2026-10-26T01:30")


def test_every_due_time_lies_behind_the_one_before() -> None:
    for cron in ("*/30 * * * *", "0 1,2,3 * * *", "* 2 * * *"):
        at = _at("2026-10-24T22:00")
        for _ in range(300):
            following = next_at(cron, "Europe/Berlin", at)
            assert following is not None and following > at
            at = following


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("0 0 0 * * *", "6 fields"),
        ("61 * * * *", "bad minute"),
        ("0 0 30 2 *", "bad day-of-month"),
        ("0 0 * * moonday", "bad day-of-week"),
        ("*/0 * * * *", "bad minute"),
        ("@reboot", "use one of"),
    ],
)
def test_an_expression_that_cannot_be_kept_is_refused_by_name(cron: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        check(cron, "UTC")
    assert refused.value.field == "cron"


def test_a_date_that_never_comes_is_refused() -> None:
    with pytest.raises(InvalidInput, match="never comes"):
        check("0 0 */8 * mon#5", "UTC")


@pytest.mark.parametrize("timezone", ["", "Mars/Olympus", "Europe", "../etc/passwd", "/etc/localtime", "right/UTC"])
def test_a_time_zone_that_does_not_exist_is_refused_by_name(timezone: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check("@daily", timezone)
    assert refused.value.field == "timezone"
