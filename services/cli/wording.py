"""Numbers, times and names in the words of a terminal. All pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from services.cli.answers import Run, Track

# What could move the cursor, hide text or turn its direction: names come from the tags of anybody's files.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def clean(text: object) -> str:
    """``text`` with each control character replaced by the sign for one that cannot be shown."""
    return _UNPRINTABLE.sub("\ufffd", str(text))


def count(number: int, noun: str) -> str:
    """``1 track``, ``2,000 tracks``, ``2 libraries``."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def duration(seconds: float) -> str:
    """``5 s``, ``3 min 20 s``, ``1 h 5 min``, ``2 d 3 h``."""
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    for unit, name, below, below_name in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // below
            return f"{whole // unit} {name}" + (f" {rest} {below_name}" if rest else "")
    raise AssertionError


def rate(per_minute: float | None) -> str:
    """``94/min``; empty while it is not known."""
    if per_minute is None:
        return ""
    return f"{per_minute:.1f}/min" if per_minute < 10 else f"{per_minute:,.0f}/min"


def moment(text: str | None) -> datetime | None:
    """A time of the API."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def local_time(text: str | None) -> str:
    """A time of the API on the clock of this machine."""
    found = moment(text)
    return found.astimezone().strftime("%Y-%m-%d %H:%M:%S") if found else ""


def ago(text: str | None, now: datetime | None = None) -> str:
    """``3 min ago``, in the largest unit alone."""
    found = moment(text)
    if found is None:
        return "never"
    seconds = ((now or datetime.now(UTC)) - found).total_seconds()
    return "just now" if seconds < 5 else " ".join(duration(seconds).split()[:2]) + " ago"


def size(number_of_bytes: float) -> str:
    """``12.3 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number_of_bytes < 1000:
            return f"{number_of_bytes:.0f} {unit}" if unit == "bytes" else f"{number_of_bytes:.1f} {unit}"
        number_of_bytes /= 1000
    return f"{number_of_bytes:.1f} TB"


def in_words(reason: str) -> str:
    """A reason code as words."""
    return clean(reason).replace("_", " ")


def track_name(track: Track) -> str:
    """``Artist - Title``."""
    title = clean(track["title"])
    return f"{clean(track['artist'])} - {title}" if track["artist"] else title


def progress_of(run: Run) -> tuple[int, int]:
    """(done, total): tracks that have come to an end, of those that were found so far."""
    totals = run["totals"]
    return totals["discovered"] - totals["remaining"], totals["discovered"]


def took(run: Run) -> float | None:
    """Seconds from the start of a run to its end."""
    started, ended = moment(run["started_at"] or run["requested_at"]), moment(run["ended_at"])
    return (ended - started).total_seconds() if started and ended else None


def progress_line(run: Run) -> str:
    """Where a run stands, on one line."""
    done, total = progress_of(run)
    listing = "" if run["listing_done"] else " found so far"
    parts = [f"{done:,} of {total:,}{listing}", rate(run["tracks_per_minute"])]
    if run["eta_s"] is not None and run["state"] == "running":
        parts.append(f"{duration(run['eta_s'])} left")
    if run["totals"]["failed"]:
        parts.append(f"{run['totals']['failed']:,} failed")
    if run["state"] in ("paused", "cancelled"):
        parts.append(run["state"])
    return ", ".join(part for part in parts if part)


def summary(run: Run) -> str:
    """How a run ended, on one line."""
    totals = run["totals"]
    if run["state"] == "completed" and not totals["discovered"]:
        return "No tracks found."
    if run["state"] == "completed" and [group["count"] for group in run["skips"] if group["reason"] == "unchanged"] == [
        totals["discovered"]
    ]:
        return f"Nothing to do: {count(totals['discovered'], 'track')} known and unchanged."
    words = {"completed": "Done", "cancelled": "Cancelled", "failed": "Failed"}
    parts = [f"{totals['analysed']:,} analysed"]
    parts += [f"{group['count']:,} {in_words(group['reason'])}" for group in run["skips"]]
    if totals["failed"]:
        parts.append(f"{totals['failed']:,} failed")
    text = f"{words.get(run['state'], run['state'])}: {count(totals['discovered'], 'track')}, {', '.join(parts)}"
    return f"{text}{_speed(run)}."


def _speed(run: Run) -> str:
    seconds = took(run)
    if seconds is None:
        return ""
    factor = run["realtime_factor"]
    times = (
        f" ({rate(run['tracks_per_minute'])}, {factor:,.0f} times real time)"
        if factor and run["totals"]["analysed"]
        else ""
    )
    return f", in {duration(seconds)}{times}"


def fields(values: Mapping[str, object]) -> str:
    """``name=value`` pairs: numbers and words as they are, lists by their length; ids, which are long, at the end."""
    parts = []
    for name, value in sorted(values.items(), key=lambda pair: pair[0].endswith("_id")):
        if isinstance(value, (list, tuple)):
            parts.append(f"{name}[{len(value)}]")
        elif isinstance(value, Mapping):
            continue
        else:
            parts.append(f"{name}={clean(value)}")
    return " ".join(parts)
