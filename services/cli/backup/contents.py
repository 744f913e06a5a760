"""What an export holds.

The archive of events is the library; read models, the vector index and their snapshots are built anew from it. Beside
it go the tables below, which are kept and are no plain fold of the archive. Left out is what only serves work under way
(the commands themselves are not in an export either): a run that was at work ends by name soon after the import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.cli.backup.sealing import SECRETS
from services.coordinator.reaction import create_tables as create_coordinator_tables
from services.projector import schema
from services.syncer.library import create_tables as create_syncer_tables
from shared import accounts, secrets

if TYPE_CHECKING:
    from shared.postgres import Connection
    from shared.settings import Settings

KEPT_TABLES = (
    # Passwords; they leave this machine only with a passphrase.
    SECRETS,
    # Who may do what; of passwords and tokens only what they are compared with.
    *accounts.KEPT,
    # Which playlist on which server is ours, and what it held: events tell only how writing it ended.
    "sync_journal",
    # What the coordinator knows and has decided up to its position. Reading the archive anew would give the same rows,
    # and with them every command of the past once more.
    "coordinator_outbox",
    "coordinator_runs",
    "coordinator_run_libraries",
    "coordinator_run_tracks",
    "coordinator_clusterings",
    "coordinator_clustering_batches",
    "coordinator_chains",
    "coordinator_syncs",
    "coordinator_sync_targets",
    "coordinator_schedules",
)
LEFT_OUT = {
    "event_log": "the events have lines of their own",
    "follower_positions": "the header says how far the log goes and where the coordinator stands",
    "account_sessions": "a session stays where it was begun",
    "scan_seen": "serves a listing under way",
    "clusterer_data": "serves a clustering under way",
    "clusterer_data_parts": "serves a clustering under way",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A kept table as the database has it."""

    name: str
    columns: tuple[str, ...]


async def create_tables(settings: Settings) -> None:
    """Create all that an import fills; safe to repeat. Raises ``StoreUnavailable``."""
    await schema.create_kept(settings)
    await secrets.create_table(settings)
    await accounts.create_tables(settings)
    await create_syncer_tables(settings)
    await create_coordinator_tables(settings)


async def present_tables(connection: Connection, settings: Settings) -> list[Table]:
    """Those of ``KEPT_TABLES`` that exist: a service that never ran has made none."""
    rows = await connection.fetch(
        "SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) AS columns"
        "  FROM information_schema.columns WHERE table_schema = $1 AND table_name = ANY($2::text[]) GROUP BY 1",
        settings.kept_schema,
        list(KEPT_TABLES),
    )
    columns = {row["table_name"]: tuple(row["columns"]) for row in rows}
    return [Table(name, columns[name]) for name in KEPT_TABLES if name in columns]
