"""``runs`` and what belongs to them: ``run_tracks``, ``run_scans``, ``run_minutes``.

A track of a run counts once, under its last outcome: discovered = analysed + skipped + failed + those without one yet.
When a run has ended only its failed tracks are kept, and only they may still change: a retry moves them from ``failed``
to what came of it. What is said about a run that was never asked for changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.projector.projections.base import Events, Projection
from services.projector.projections.run_ledger import ENTRIES, Ledger
from services.projector.projections.run_rows import CREATE, TABLES, load, store

if TYPE_CHECKING:
    from shared.postgres import Connection


async def _apply(connection: Connection, events: Events) -> None:
    ledger: Ledger = await load(connection, events)
    for event in events:
        ledger.enter(event)
    await store(connection, ledger)


RUNS = Projection(
    name="runs",
    version=1,
    handles=frozenset(ENTRIES),
    tables=TABLES,
    create=CREATE,
    apply=_apply,
    indexes=(
        "CREATE INDEX runs_newest ON runs (requested_at DESC, run_id DESC)",
        "CREATE INDEX runs_changed ON runs (position)",
        "CREATE INDEX run_tracks_failed ON run_tracks (run_id, track_id) WHERE outcome = 'failed'",
    ),
)
