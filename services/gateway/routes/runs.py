"""Analysis runs: start, watch, cancel, pause, resume."""

from __future__ import annotations

from uuid import UUID

from services.gateway import idempotency
from services.gateway.endpoints import Call, Endpoint, Reply
from services.gateway.intake import Control, run_id_of
from services.gateway.models.common import Accepted, PageQuery, Query, read_cursor, read_id, read_place, write_cursor
from services.gateway.models.runs import FailedTracks, NewAnalysis, Run, RunAccepted, RunList
from services.gateway.problems import ProblemError
from services.gateway.progress import failed_track, to_runs
from services.gateway.queries import runs, servers
from services.gateway.state import Gateway
from shared import positions
from shared.errors import Conflict, NotFound


async def start_analysis(call: Call[None, NewAnalysis]) -> Reply:
    """Listen to what is new or changed. The same Idempotency-Key gives the same run."""
    gateway, wanted = call.gateway, call.body
    unit_id = idempotency.unit_id(call.request)
    run_id = run_id_of(unit_id)
    if await _exists(gateway, run_id):
        appended = await gateway.intake.repeat(unit_id)
    else:
        earlier = await _free_libraries(gateway, wanted.server_id, run_id)
        scope = "all" if wanted.force else wanted.scope
        try:
            appended = await gateway.intake.start_analysis(unit_id, earlier, wanted.profile, scope)
        except Conflict:
            await gateway.intake.catch_up()
            await _free_libraries(gateway, wanted.server_id, run_id)
            raise
    accepted = RunAccepted(run_id=run_id, position=positions.text(appended.position))
    return Reply(accepted, 202, {"Location": f"/api/v1/runs/{run_id}"})


async def _exists(gateway: Gateway, run_id: UUID) -> bool:
    async with gateway.reading() as connection:
        return await runs.one(connection, run_id) is not None


async def _free_libraries(gateway: Gateway, server_id: UUID | None, run_id: UUID) -> dict[UUID, int]:
    """The libraries to analyse, and how many runs each has had. Raises ``ProblemError`` when there is none, or when
    one has a run already."""
    chosen = await _chosen(gateway, server_id)
    async with gateway.reading() as connection:
        # Counted first: a run that appears between the two statements is then seen by the second, or by the append.
        earlier = await runs.counts(connection, chosen)
        active = [row["run_id"] for row in await runs.active(connection, chosen) if row["run_id"] != run_id]
    if active:
        raise ProblemError(
            409,
            "This library is being analysed already; wait for that run, or cancel it.",
            reason="run_active",
            extra={"run_id": active[0]},
        )
    return earlier


async def _chosen(gateway: Gateway, server_id: UUID | None) -> list[UUID]:
    """A library that was added a moment ago may not be visible yet, so look twice before saying no."""
    for attempt in (1, 2):
        async with gateway.reading() as connection:
            known = await servers.ids(connection)
        chosen = known if server_id is None else [server for server in known if server == server_id]
        if chosen or attempt == 2:
            break
        await gateway.intake.catch_up()
    if chosen:
        return chosen
    if server_id is not None:
        raise ProblemError(404, f"There is no library {server_id}.", reason="no_server")
    raise ProblemError(409, "There is no library yet; connect a folder or a server first.", reason="no_server")


async def list_runs(call: Call[PageQuery, None]) -> RunList:
    """All runs, newest first."""
    limit = call.query.limit
    behind = read_place(call.query.cursor)
    async with call.gateway.reading() as connection:
        rows = await runs.page(connection, behind, limit + 1)
        items = await to_runs(connection, rows[:limit])
    more = len(rows) > limit
    last = rows[limit - 1] if more else None
    cursor = write_cursor(last["requested_at"].isoformat(), last["run_id"]) if last else None
    return RunList(items=items, next_cursor=cursor)


async def get_run(call: Call[Query, None]) -> Run:
    """How far a run is."""
    run_id = call.id("run_id")
    async with call.gateway.reading() as connection:
        row = await runs.one(connection, run_id)
        if row is None:
            raise NotFound(f"there is no run {run_id}")
        return (await to_runs(connection, [row]))[0]


async def list_failures(call: Call[PageQuery, None]) -> FailedTracks:
    """The tracks of a run that could not be analysed."""
    run_id, limit = call.id("run_id"), call.query.limit
    values = read_cursor(call.query.cursor, str)
    async with call.gateway.reading() as connection:
        if await runs.one(connection, run_id) is None:
            raise NotFound(f"there is no run {run_id}")
        rows = await runs.failed(connection, run_id, read_id(values[0]) if values else None, limit + 1)
    more = len(rows) > limit
    return FailedTracks(
        items=[failed_track(row) for row in rows[:limit]],
        next_cursor=write_cursor(rows[limit - 1]["track_id"]) if more else None,
    )


async def cancel_run(call: Call[None, None]) -> Accepted:
    """End a run. What was analysed stays; what is left counts as skipped."""
    return await _control(call, "cancel")


async def pause_run(call: Call[None, None]) -> Accepted:
    """Hold a run. Tracks in work are finished first."""
    return await _control(call, "pause")


async def resume_run(call: Call[None, None]) -> Accepted:
    """Go on with a paused run."""
    return await _control(call, "resume")


async def _control(call: Call[None, None], action: Control) -> Accepted:
    gateway, run_id = call.gateway, call.id("run_id")
    version = await gateway.streams.log.version(f"run:{run_id}")
    flag = (await gateway.streams.run_states([run_id])).get(run_id)
    state = await _state(gateway, run_id)
    refusal = refuse(action, state, flag)
    if refusal is not None:
        raise ProblemError(409, refusal, reason="wrong_state", extra={"run_id": run_id})
    appended = await gateway.intake.control(run_id, action, version)
    return Accepted(position=positions.text(appended.position))


async def _state(gateway: Gateway, run_id: UUID) -> str:
    """As the read model says. A run that was requested a moment ago may not be visible yet."""
    for attempt in (1, 2):
        async with gateway.reading() as connection:
            row = await runs.one(connection, run_id)
        if row is not None:
            return str(row["state"])
        if attempt == 1:
            await gateway.intake.catch_up()
    raise NotFound(f"there is no run {run_id}")


def refuse(action: Control, state: str, flag: str | None) -> str | None:
    """Why a run cannot be cancelled, paused or resumed now. ``flag`` is what its workers were told last; it is never
    behind, ``state`` may be."""
    if state not in runs.ACTIVE or flag == "cancelled":
        ended = "cancelled" if flag == "cancelled" else state
        return f"This run has ended ({ended})."
    match action:
        case "pause" if flag == "paused":
            return "This run is paused already."
        case "resume" if flag != "paused" and state != "paused":
            return "This run is not paused."
    return None


ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/v1/analysis",
        start_analysis,
        "Analysis",
        "Start an analysis run",
        RunAccepted,
        202,
        body=NewAnalysis,
        problems=(404, 409),
        headers={"Location": "The run."},
        request_headers=idempotency.HEADER,
    ),
    Endpoint("GET", "/api/v1/runs", list_runs, "Analysis", "List the runs", RunList, query=PageQuery),
    Endpoint("GET", "/api/v1/runs/{run_id}", get_run, "Analysis", "Show a run", Run, query=Query),
    Endpoint(
        "GET",
        "/api/v1/runs/{run_id}/failures",
        list_failures,
        "Analysis",
        "List what failed in a run",
        FailedTracks,
        query=PageQuery,
    ),
    *(
        Endpoint(
            "POST", f"/api/v1/runs/{{run_id}}/{word}", handler, "Analysis", summary, Accepted, 202, problems=(409,)
        )
        for word, handler, summary in (
            ("cancel", cancel_run, "Cancel a run"),
            ("pause", pause_run, "Pause a run"),
            ("resume", resume_run, "Resume a run"),
        )
    ),
)
