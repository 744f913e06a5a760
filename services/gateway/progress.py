"""From rows to runs: speed, time left, what failed and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from services.gateway.models.runs import FailedTrack, FailureGroup, Run, Scan, SkipGroup, Stages, Totals
from services.gateway.queries import runs

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection

_STAGES = ("fetch", "decode", "tempo", "key", "loudness", "embedding")
_SHORTEST_S = 5.0
"""Speed over less than this says nothing yet."""


async def to_runs(connection: Connection, rows: Sequence[Record]) -> list[Run]:
    """Rows of ``queries.runs`` with everything that belongs to them."""
    if not rows:
        return []
    ids = [row["run_id"] for row in rows]
    scans = await runs.scans(connection, ids)
    failed = [row["run_id"] for row in rows if row["failed"]]
    failures = await runs.failures(connection, failed) if failed else []
    moving = [row["run_id"] for row in rows if row["ended_at"] is None]
    lately = await runs.last_minute(connection, moving) if moving else {}
    now = datetime.now(UTC)
    return [
        _run(
            row,
            [scan for scan in scans if scan["run_id"] == row["run_id"]],
            [failure for failure in failures if failure["run_id"] == row["run_id"]],
            tracks_per_minute(row, lately.get(row["run_id"]), now),
            now,
        )
        for row in rows
    ]


def _run(row: Any, scans: Sequence[Any], failures: Sequence[Any], per_minute: float | None, now: datetime) -> Run:
    remaining = max(0, row["discovered"] - row["analysed"] - row["skipped"] - row["failed"])
    audio_s = row["audio_ms"] / 1000
    stages: dict[str, int] = json.loads(row["stages_ms"])
    return Run(
        id=row["run_id"],
        kind=row["kind"],
        state=row["state"],
        profile=row["profile"],
        scope=row["scope"],
        server_ids=row["server_ids"],
        requested_at=row["requested_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        totals=Totals(
            discovered=row["discovered"],
            analysed=row["analysed"],
            skipped=row["skipped"],
            failed=row["failed"],
            remaining=remaining,
        ),
        listing_done=row["listing_done"],
        tracks_per_minute=per_minute,
        eta_s=seconds_left(row["state"], remaining, per_minute),
        audio_s=round(audio_s, 1),
        realtime_factor=_realtime_factor(row, audio_s, now),
        stages_s=Stages(**{stage: round(stages.get(stage, 0) / 1000, 2) for stage in _STAGES}),
        failures=[_failure(failure) for failure in failures],
        skips=[SkipGroup(reason=reason, count=count) for reason, count in _most_first(json.loads(row["skips"]))],
        scans=[_scan(scan) for scan in scans],
    )


def tracks_per_minute(row: Any, lately: Any, now: datetime) -> float | None:
    """Of the last minute while the run goes on, of all its time once it has ended; None where nothing can be said."""
    if row["ended_at"] is not None:
        whole: float = (row["ended_at"] - (row["started_at"] or row["requested_at"])).total_seconds()
        return round(60.0 * int(row["analysed"]) / max(whole, 1.0), 1) if row["analysed"] else None
    if lately is None or row["state"] != "running":
        return None
    began = max(lately["since"], row["started_at"] or row["requested_at"])
    seconds: float = max((now - began).total_seconds(), _SHORTEST_S)
    return round(60.0 * int(lately["analysed"]) / seconds, 1)


def seconds_left(state: str, remaining: int, per_minute: float | None) -> float | None:
    """For what is known to be left; while the listing goes on it may still become more."""
    if state != "running" or not per_minute:
        return None
    return round(60 * remaining / per_minute, 1)


def _realtime_factor(row: Any, audio_s: float, now: datetime) -> float | None:
    if row["started_at"] is None or not audio_s:
        return None
    seconds: float = ((row["ended_at"] or now) - row["started_at"]).total_seconds()
    return round(audio_s / max(seconds, 1.0), 1)


def _most_first(skips: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(skips.items(), key=lambda item: (-item[1], item[0]))


def _failure(row: Any) -> FailureGroup:
    return FailureGroup(
        reason=row["reason"],
        count=row["count"],
        example_track_id=row["track_id"],
        example_title=row["title"],
        example_detail=row["detail"],
    )


def _scan(row: Any) -> Scan:
    return Scan(
        server_id=row["server_id"],
        state=row["state"],
        listed=row["listed"],
        reason=row["reason"],
        detail=row["detail"],
        problem_count=row["problem_count"],
        problems=row["problems"],
    )


def failed_track(row: Any) -> FailedTrack:
    """A row of ``queries.runs.failed``."""
    return FailedTrack(
        track_id=row["track_id"],
        title=row["title"],
        artist=row["artist"],
        reason=row["reason"] or "unknown",
        detail=row["detail"] or "",
        permanent=bool(row["permanent"]),
    )
