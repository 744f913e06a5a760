"""Checks of Redis and PostgreSQL: reachable, safe, and read to the end."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from services.cli.doctor.finding import Finding, Patient, note, ok, problem
from services.cli.wording import count, duration
from shared import positions, postgres
from shared.archive import archived
from shared.errors import ConfigurationError, StoreUnavailable
from shared.follower import FOLLOWERS
from shared.streams import Streams
from shared.streams.work import GROUP

if TYPE_CHECKING:
    from shared.postgres import Connection

_SKEW_S = 2.0
_MOVES_WITHIN_S = 2.0
_MANY = 1000
_OLDEST_POSTGRES = 14
_START = "start Starling with its own servers ('starling up'), or set {} to one of yours"


async def redis(patient: Patient) -> Finding:
    """It answers, and keeps what it acknowledges."""
    if not patient.settings.redis_url.get_secret_value():
        return problem("no server is configured, and none was started here", _START.format("REDIS_URL"))
    streams = Streams(patient.settings)
    try:
        await streams.check()
    except ConfigurationError as error:
        patient.streams = streams
        return problem(str(error), "change the server's configuration; the README's chapter on servers has all of it")
    except StoreUnavailable as error:
        await streams.close()
        return problem(str(error), "see that the server is up and REDIS_URL leads to it; 'starling up' brings its own")
    patient.streams = streams
    info: Any = await streams.client.info("server")
    name = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info.get('redis_version')}"
    return ok(f"{name} answers and syncs what it acknowledges ({patient.settings.durability})")


async def postgresql(patient: Patient) -> Finding:
    """It answers, lets us in, and is recent enough."""
    if not patient.settings.postgres_host:
        return problem("no server is configured, and none was started here", _START.format("POSTGRES_HOST"))
    try:
        patient.connection = await postgres.open_connection(patient.settings)
    except ConfigurationError as error:
        return problem(str(error), "set POSTGRES_HOST, _PORT, _USER, _PASSWORD and _DB")
    except StoreUnavailable as error:
        return problem(
            str(error), "see that the server is up and POSTGRES_HOST leads to it; 'starling up' brings its own"
        )
    version = patient.connection.get_server_version()
    if version.major < _OLDEST_POSTGRES:
        return problem(f"PostgreSQL {version.major} is too old", f"use PostgreSQL {_OLDEST_POSTGRES} or later")
    return ok(f"PostgreSQL {version.major}.{version.minor} answers")


async def clock(patient: Patient) -> Finding:
    """All clocks show the same time: positions carry the one of Redis, times in events that of each service."""
    streams, connection = _both(patient)
    began = time.time()
    seconds, micros = await streams.client.time()
    moment = await connection.fetchval("SELECT clock_timestamp()")
    spent = time.time() - began
    skews = {"Redis": seconds + micros / 1e6 - began, "PostgreSQL": moment.timestamp() - began}
    for name, skew in skews.items():
        if not -_SKEW_S < skew < _SKEW_S + spent:
            return problem(
                f"the clock of {name} is {duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} this machine's",
                "let both machines take the time from the network (NTP)",
            )
    return ok("this machine, Redis and PostgreSQL show the same time")


async def groups(patient: Patient) -> Finding:
    """Every work stream has its group, and whoever holds a command renews its lease."""
    client, keys = _streams(patient).client, _streams(patient).keys
    missing, pending, workers = [], 0, set[bytes]()
    abandoned = 0
    lease_ms = round(patient.settings.lease_s * 1000)
    for stream in keys.all_work_streams():
        found: Any = await client.xinfo_groups(stream) if await client.exists(stream) else []
        group = next((entry for entry in found if entry["name"] == GROUP.encode()), None)
        if group is None:
            missing.append(stream)
            continue
        pending += group["pending"]
        workers |= {entry["name"] for entry in await client.xinfo_consumers(stream, GROUP)}
        late: Any = await client.xpending_range(stream, GROUP, min="-", max="+", count=100, idle=2 * lease_ms)
        abandoned += len(late)
    if missing:
        return problem(
            f"no consumer group on {', '.join(missing)}", "start the service that reads it; it creates its group"
        )
    if abandoned:
        return problem(
            f"{count(abandoned, 'command')} in the hands of a worker that is gone",
            "start that service: another worker takes them over after a lease",
        )
    return ok(f"{count(pending, 'command')} in hand, {count(len(workers), 'worker')} known")


async def dead_letters(patient: Patient) -> Finding:
    """Nothing has been given up."""
    backlog = await _streams(patient).backlog()
    waiting = ", ".join(f"{number:,} {name}" for name, number in backlog.items() if name != "dead")
    if backlog["dead"]:
        return problem(
            f"{count(backlog['dead'], 'command')} given up",
            "'starling dead list' says why, 'starling dead retry --all' sends them back to work",
        )
    return ok(f"none; waiting: {waiting}")


async def read_models(patient: Patient) -> Finding:
    """The tables are there, and were made by a release with the same read models as this one."""
    from services.projector import schema

    connection, live = _connection(patient), patient.settings.read_schema
    missing = [name for name in ("event_log", "follower_positions") if not await _is_there(connection, name)]
    if missing:
        return problem(f"no table {' or '.join(missing)} yet", "start the projector; it creates what is missing")
    if not await schema.is_current(connection, live):
        return problem(
            f"the read models in schema {live} are missing or from another release",
            "start the projector of this release, or run 'starling replay'",
        )
    return ok(
        f"schema {live} is of this release (version {schema.version()}), {await archived(connection):,} events kept"
    )


async def _is_there(connection: Connection, table: str) -> bool:
    return await connection.fetchval("SELECT to_regclass($1)", table) is not None


async def followers(patient: Patient) -> Finding:
    """Projector and coordinator have read the log to its end, or are on their way."""
    streams, connection = _both(patient)
    if not await _is_there(connection, "follower_positions"):
        return note("nobody has followed the log yet", "start projector and coordinator")
    last = await streams.log.last()
    read_to = await connection.fetchval("SELECT max(position) FROM follower_positions") or positions.START
    if read_to > last:
        return problem(
            f"the log ends at {positions.text(last)}, before {positions.text(read_to)}, which has been read",
            "the Redis-protocol server has lost data or its clock was set back: look at its log and disk",
        )
    behind = await _behind(connection, last)
    deadline = time.monotonic() + _MOVES_WITHIN_S
    first = dict(behind)
    while behind and behind == first and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        behind = await _behind(connection, last)
    if not behind:
        return ok(f"{' and '.join(FOLLOWERS)} have read the log to {positions.text(last)}")
    stuck = [name for name, position in behind.items() if first.get(name) == position]
    if stuck:
        lags = [f"{name} is {await _lag(streams, behind[name])} behind and does not move" for name in stuck]
        return problem("; ".join(lags), f"start {' and '.join(stuck)} if need be, and look at what they log")
    return note("; ".join([f"{name} is {await _lag(streams, at)} behind, catching up" for name, at in behind.items()]))


async def _behind(connection: Connection, last: int) -> dict[str, int]:
    """Position of each follower that has not come to ``last``."""
    rows = await connection.fetch("SELECT name, position FROM follower_positions")
    at = dict.fromkeys(FOLLOWERS, positions.START) | {row["name"]: int(row["position"]) for row in rows}
    return {name: at[name] for name in FOLLOWERS if at[name] < last}


async def _lag(streams: Streams, position: int) -> str:
    entries = await streams.log.page(position, _MANY)
    return f"{len(entries)} events" if len(entries) < _MANY else f"more than {_MANY} events"


def _streams(patient: Patient) -> Streams:
    if patient.streams is None:
        raise StoreUnavailable("the Redis-protocol server was not found")
    return patient.streams


def _connection(patient: Patient) -> Connection:
    if patient.connection is None:
        raise StoreUnavailable("PostgreSQL was not found")
    return patient.connection


def _both(patient: Patient) -> tuple[Streams, Connection]:
    return _streams(patient), _connection(patient)
