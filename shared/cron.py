"""Times of schedules: cron expressions of five fields, read in a time zone.

Fields are minute, hour, day of the month, month and day of the week, with ``*``, lists, ranges, steps, names of months
and days, and ``L`` for the last day; ``@hourly``, ``@daily``, ``@weekly``, ``@monthly`` and ``@yearly`` stand for the
usual ones. When clocks go forward, a time that does not exist falls on the next one that does; when they go back, a
time that comes twice counts once.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from shared.errors import InvalidInput

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def check(cron: str, timezone: str) -> None:
    """Raises ``InvalidInput`` (field ``cron`` or ``timezone``) when a schedule could not be kept."""
    if next_at(cron, timezone, datetime.now(UTC)) is None:
        raise InvalidInput("cron", f"{cron!r} names a time that never comes; check day and month")


def next_at(cron: str, timezone: str, after: datetime) -> datetime | None:
    """The first due time behind ``after`` (which has a time zone), in UTC; None when there is none within 50 years.
    Raises ``InvalidInput`` (field ``cron`` or ``timezone``)."""
    fields = _fields(cron)
    try:
        times = CronSim(fields, after.astimezone(_zone(timezone)))
        # Where clocks go back, the same wall time is named again although it has passed.
        return next((due for found in times if (due := found.astimezone(UTC)) > after), None)
    except CronSimError as error:
        raise InvalidInput("cron", f"{cron!r} cannot be read ({str(error).lower()})") from None


def _fields(cron: str) -> str:
    text = cron.strip()
    if text.startswith("@"):
        known = _ALIASES.get(text.lower())
        if known is None:
            raise InvalidInput("cron", f"{cron!r} is not known; use one of {', '.join(_ALIASES)}, or five fields")
        return known
    fields = text.split()
    if len(fields) != 5:
        raise InvalidInput(
            "cron", f"{cron!r} has {len(fields)} fields; give five: minute, hour, day, month, day of the week"
        )
    fields[4] = re.sub(r"-sun\b", "-7", fields[4], flags=re.IGNORECASE)  # a range may end with the last day of a week
    return " ".join(fields)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    if name not in _zones():
        raise InvalidInput("timezone", f"{name!r} is not a time zone; give a name such as Europe/Berlin or UTC")
    return ZoneInfo(name)
