"""The clock: appends what schedules start when they are due.

What is appended is one unit whose id is derived from schedule and due time, so a time is kept once, whoever keeps it
and however often. Times that were missed are made up for by one late firing, which counts for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from services.coordinator.policies import chains, schedules
from services.coordinator.policies.schedules import Schedule
from shared import postgres
from shared.archive import archived_until
from shared.commands import ImportPlays, StartAnalysis
from shared.cron import next_at
from shared.errors import Conflict, InvalidInput
from shared.events import AnalysisRequested, ClusteringOptions, Event, ScheduleFired
from shared.follower import Follower
from shared.messages import derived_id
from shared.streams import Streams, Unit

if TYPE_CHECKING:
    from shared.postgres import Connection, Pool

log = structlog.get_logger(__name__)

LATE_AFTER = timedelta(minutes=1)
_NO_LIBRARY = "There is no library to look at; connect one first."

_SERVERS = """
SELECT s.server_id, s.name, (SELECT count(*) FROM runs r WHERE s.server_id = ANY(r.server_ids)) AS earlier,
       EXISTS (SELECT 1 FROM runs r WHERE s.server_id = ANY(r.server_ids)
                AND r.state IN ('requested', 'running', 'paused')) AS busy
  FROM servers s
 WHERE NOT s.removed AND ($1::uuid[] IS NULL OR s.server_id = ANY($1))
 ORDER BY s.added_at, s.server_id
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A connected library; ``earlier`` is how many analyses it has had, ``busy`` that one is under way."""

    server_id: UUID
    name: str
    earlier: int
    busy: bool


@dataclass(frozen=True, slots=True)
class Firing:
    """A schedule whose time has come."""

    schedule: Schedule
    due_at: datetime
    late: bool

    @property
    def unit_id(self) -> UUID:
        """The same for the same time of the same schedule."""
        return derived_id("schedule", self.schedule.schedule_id, self.due_at.isoformat())

    @property
    def run_id(self) -> UUID:
        """The run that is started."""
        return derived_id("run", self.unit_id)

    def fired(self, run_id: UUID | None, problem: str | None = None) -> ScheduleFired:
        """The event that says so."""
        return ScheduleFired(
            schedule_id=self.schedule.schedule_id,
            due_at=self.due_at,
            kind=self.schedule.kind,
            run_id=run_id,
            late=self.late,
            problem=problem,
        )


class Scheduler:
    """Looks now and then; ``follower`` says how much of the log the rows of the schedules know."""

    def __init__(
        self,
        streams: Streams,
        pool: Pool,
        follower: Follower,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._streams = streams
        self._pool = pool
        self._follower = follower
        self._clock = clock
        self._know_from: int | None = None

    async def look(self) -> int:
        """Start what is due; how many schedules fired. After a start nothing fires before everything that had happened
        until then is known: some of it may be firings. Raises ``StoreUnavailable``."""
        if self._know_from is None:
            async with postgres.translated(), self._pool.acquire(timeout=10.0) as connection:
                self._know_from = max(await self._streams.log.last(), await archived_until(connection))
        if self._follower.position < self._know_from:
            return 0
        now = self._clock()
        async with postgres.translated(), self._pool.acquire(timeout=10.0) as connection:
            firings = [firing for one in await schedules.enabled(connection) if (firing := _due(one, now))]
            units = [await _unit(connection, firing) for firing in firings]
        return sum([await self._append(unit, now) for unit in units])

    async def _append(self, unit: Unit, now: datetime) -> int:
        events = [replace(event, occurred_at=now) for event in unit.events]
        try:
            appended = await self._streams.log.append(replace(unit, events=events))
        except Conflict:
            # Somebody has just started an analysis; the read models will say so in a moment.
            return 0
        if not appended.repeated:
            log.info("schedule_fired", unit=str(unit.id))
        return 0 if appended.repeated else 1


def _due(schedule: Schedule, now: datetime) -> Firing | None:
    try:
        due_at = next_at(schedule.cron, schedule.timezone, schedule.kept_until)
    except InvalidInput as error:
        log.error("schedule_unusable", schedule=str(schedule.schedule_id), error=str(error))
        return None
    if due_at is None or due_at > now:
        return None
    return Firing(schedule, due_at, late=now - due_at > LATE_AFTER)


async def _unit(connection: Connection, firing: Firing) -> Unit:
    schedule = firing.schedule
    given = schedule.parameters
    match schedule.kind:
        case "sync":
            return chains.sync(
                firing.unit_id, given.playlist_ids, given.server_ids, extra=[firing.fired(firing.run_id)]
            )
        case "clustering":
            return chains.clustering(firing.unit_id, _options(firing), extra=[firing.fired(firing.run_id)])
        case "listening":
            return _listening(firing, await _servers(connection, given.server_ids))
        case "analysis":
            return _analysis(firing, await _servers(connection, given.server_ids), None)
        case "refresh":
            then = _options(firing).model_copy(update={"save": True, "sync": True})
            return _analysis(firing, await _servers(connection, given.server_ids), then)


def _options(firing: Firing) -> ClusteringOptions:
    """The clustering that is asked for, of the schedule's libraries unless it names its own."""
    given = firing.schedule.parameters
    if given.clustering.server_ids:
        return given.clustering
    return given.clustering.model_copy(update={"server_ids": given.server_ids})


async def _servers(connection: Connection, named: Sequence[UUID]) -> list[Server]:
    async with postgres.translated_reading():
        rows = await connection.fetch(_SERVERS, list(named) or None)
    return [Server(**dict(row)) for row in rows]


def _analysis(firing: Firing, servers: Sequence[Server], then: ClusteringOptions | None) -> Unit:
    """An analysis of the libraries that have none under way. Two at a time would hear everything twice."""
    free = tuple(server for server in servers if not server.busy)
    busy = ", ".join(server.name for server in servers if server.busy)
    problem = f"Being analysed already, so not started again: {busy}." if busy else None
    if not free:
        return chains.unit(firing.unit_id, [firing.fired(None, problem or _NO_LIBRARY)], [])
    profile, scope = firing.schedule.parameters.profile, firing.schedule.parameters.scope
    ids = tuple(server.server_id for server in free)
    requested = AnalysisRequested(run_id=firing.run_id, server_ids=ids, profile=profile, scope=scope, then=then)
    command = StartAnalysis(run_id=firing.run_id, server_ids=ids, profile=profile, scope=scope)
    unit = chains.unit(firing.unit_id, [requested, firing.fired(firing.run_id, problem)], [command])
    # The gateway expects the same of the analyses that people start: of two that decide at once, one is refused.
    expect = {f"analysis:{server.server_id}:{server.earlier}": 0 for server in free}
    return Unit(unit.id, events=unit.events, commands=unit.commands, expect=expect)


def _listening(firing: Firing, servers: Sequence[Server]) -> Unit:
    """One import for each library, all of one run."""
    if not servers:
        return chains.unit(firing.unit_id, [firing.fired(None, _NO_LIBRARY)], [])
    events: list[Event] = [firing.fired(firing.run_id)]
    imports = [ImportPlays(run_id=firing.run_id, server_id=server.server_id) for server in servers]
    return chains.unit(firing.unit_id, events, imports)
