"""Checks of what runs: services, gateway, the index of vectors, and the read models against a rebuild."""

from __future__ import annotations

import asyncio
import os
import time

import asyncpg

from services.cli.answers import IndexState
from services.cli.client import ApiError, Unreachable
from services.cli.doctor.finding import Finding, Patient, note, ok, problem
from services.cli.progress import Pace, shown
from services.cli.wording import count
from services.up.datadir import load_state
from services.up.supervisor import SERVICES
from shared.embedding import SPACE
from shared.errors import ConfigurationError, StarlingError, StoreUnavailable

_CATCHES_UP_WITHIN_S = 3.0


async def services(patient: Patient) -> Finding:
    """Every process of ``starling up`` is alive. Services that somebody else keeps are not seen from here."""
    try:
        state = load_state(patient.settings.data_dir)
    except ConfigurationError:
        return note("'starling up' does not run on this data directory, so services were not looked for")
    processes = {**state.servers, **state.services}
    missing = {program.name for program in SERVICES} - state.services.keys()
    gone = sorted(missing | {name for name, pid in processes.items() if not _alive(pid)})
    if gone:
        return problem(f"{', '.join(gone)} do not run", "look at the output of 'starling up'; it starts them again")
    return ok(f"{', '.join(sorted(processes))} run")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def gateway(patient: Patient) -> Finding:
    """It answers, and says that all it needs is there."""
    try:
        async with patient.session.api() as api:
            parts = await api.ready()
    except (Unreachable, ApiError, ConfigurationError) as error:
        return problem(str(error))
    missing = [name for name, is_ready in parts.items() if not is_ready]
    if missing:
        return problem(f"{api.url} answers, but waits for {', '.join(missing)}", "see the checks named so")
    return ok(f"{api.url} answers and is ready")


async def index(patient: Patient) -> Finding:
    """The gateway can compare as many tracks as there are vectors, or is on its way there."""
    try:
        first, kept = await _vectors(patient)
        state, deadline = first, time.monotonic() + _CATCHES_UP_WITHIN_S
        while (not state["ready"] or state["vectors"] != kept) and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
            state, kept = await _vectors(patient)
    except StarlingError as error:
        return note(f"not looked at: {error}")
    except asyncpg.UndefinedTableError:
        return note("there are no vectors yet")
    held = f"it holds {state['vectors']:,} of {count(kept, 'vector')}"
    if state["ready"] and state["vectors"] == kept:
        return ok(f"{count(kept, 'vector')} to compare")
    if state != first:
        return note(f"{held} and is catching up")
    return problem(held, "if it stays so, restart the gateway, which loads them anew, and look at what it logs")


async def _vectors(patient: Patient) -> tuple[IndexState, int]:
    """What the gateway holds, and how many there are."""
    if patient.connection is None:
        raise StoreUnavailable("PostgreSQL cannot be reached")
    async with patient.session.api() as api:
        state = (await api.status())["index"]
    kept = await patient.connection.fetchval(
        "SELECT count(*) FROM track_vectors WHERE space = $1 AND NOT removed", SPACE
    )
    return state, int(kept)


async def rebuild(patient: Patient) -> Finding:
    """The read models are row for row what the archive says."""
    from services.projector.compare import compare

    with shown("Rebuilding aside", stderr=True) as display:
        pace = Pace("events")
        differences = await compare(patient.settings, lambda done, total: pace.show(display, done, total))
    if differences:
        return problem("; ".join(differences), "'starling replay' builds the read models anew; please report it")
    return ok("a rebuild gives the same rows")
