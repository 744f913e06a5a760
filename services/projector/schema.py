"""The tables of the projector: creating them, and telling whether they belong to this release."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import asyncpg
import structlog

from services.projector.projections import PROJECTIONS
from shared import postgres
from shared.archive import EVENT_LOG_TABLE
from shared.follower import POSITIONS_TABLE
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Connection

log = structlog.get_logger(__name__)

VERSION_TABLE = "CREATE TABLE read_model_version (version text NOT NULL)"
"""In the schema of the read models, so that it changes together with them."""

TABLES = tuple(table for projection in PROJECTIONS for table in projection.tables)


def version() -> str:
    """Of the read models of this release: changes with any projection's version, any DDL, and any event that is heard
    now and was not, or not in this version, when a release before archived it."""
    parts = [
        (item.name, item.version, item.create, item.indexes, sorted((e.wire_type, e.version) for e in item.handles))
        for item in PROJECTIONS
    ]
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


async def create_kept(settings: Settings) -> None:
    """Create what is kept for good: archive and positions. Safe to repeat."""
    await postgres.create_kept(settings, [EVENT_LOG_TABLE, POSITIONS_TABLE])


async def create_read_models(connection: Connection, schema: str) -> None:
    """Create schema and tables, empty and without the indexes that only readers need. ``schema`` must be the first of
    the connection's search path."""
    async with connection.transaction():
        await connection.execute(f'CREATE SCHEMA "{schema}"')
        await connection.execute(";".join([*(projection.create for projection in PROJECTIONS), VERSION_TABLE]))
        await connection.execute("INSERT INTO read_model_version (version) VALUES ($1)", version())


async def create_indexes(connection: Connection, kept_schema: str) -> None:
    """Create the readers' indexes, and let the planner look at the tables."""
    trigrams = await _trigrams(connection, kept_schema)
    indexes = [index for projection in PROJECTIONS for index in projection.indexes]
    wanted = [index.format(trigrams=trigrams) for index in indexes if trigrams or "{trigrams}" not in index]
    async with connection.transaction():
        await connection.execute(";".join(wanted))
        await connection.execute(f"ANALYZE {', '.join(TABLES)}")


async def _trigrams(connection: Connection, kept_schema: str) -> str | None:
    """The operator class for substring search, by its full name. None when the server does not have the extension or
    does not let us create it: search works without, only slower."""
    for schema in ("public", kept_schema):
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(hashtext('starling:create'))")
                await connection.execute(f'CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA "{schema}"')
            break
        except asyncpg.PostgresError as error:
            log.warning("no_trigram_index", schema=schema, error=str(error))
    found = await connection.fetchval(
        "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
        " WHERE e.extname = 'pg_trgm'"
    )
    return f"{found}.gin_trgm_ops" if found else None


async def is_current(connection: Connection, schema: str) -> bool:
    """True when ``schema`` holds all tables, made by a release with the same read models."""
    present = {
        row["tablename"]
        for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
    }
    if not present.issuperset((*TABLES, "read_model_version")):
        return False
    found = await connection.fetch(f'SELECT version FROM "{schema}".read_model_version')  # noqa: S608
    return [row["version"] for row in found] == [version()]
