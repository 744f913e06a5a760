"""Decides what of another program's findings is new here, and writes it down.

The decision rests on what was taken over before, so an import may be repeated or broken off at any moment: what is
there already is not said again. Of two imports into one library that run at once, one is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.gateway.intake import Intake
from services.gateway.matching import Match, match
from services.gateway.models.imports import (
    AnalysisImport,
    AnalysisImportResult,
    ForeignAnalysis,
    ForeignTrack,
    ImportOutcome,
    ImportState,
)
from services.gateway.problems import ProblemError
from services.gateway.queries import imports, servers
from services.gateway.state import Gateway
from shared import positions
from shared.embedding import AUDIOMUSE_SPACE
from shared.errors import Conflict, NotFound
from shared.events import TrackAnalysisImported
from shared.messages import Envelope, derived_id, uuid7, wrap
from shared.streams import Unit

if TYPE_CHECKING:
    from shared.postgres import Connection

Imported = Envelope[TrackAnalysisImported]


async def take_analyses(gateway: Gateway, wish: AnalysisImport) -> AnalysisImportResult:
    """Append one event for each item that is new. Raises ``NotFound``, ``ProblemError``."""
    intake, subject = gateway.intake, f"imports:{wish.server_id}"
    version = await intake.claims(subject)
    await intake.catch_up()
    async with gateway.reading() as connection:
        matches = await matched(connection, wish.server_id, wish.items)
        before = await imports.taken(connection, [found.track_id for found in matches if found is not None])
    outcomes, events = _decide(wish, matches, before)
    position = await _append(intake, events, {subject: version}) if events and not wish.dry_run else 0
    return AnalysisImportResult(items=outcomes, position=positions.text(position))


async def matched(connection: Connection, server_id: UUID, wanted: Sequence[ForeignTrack]) -> list[Match | None]:
    """The tracks that are meant. Raises ``NotFound`` for a library that is not there."""
    server = await servers.address(connection, server_id)
    if server is None:
        raise NotFound(f"there is no library {server_id}")
    return await match(connection, server_id, wanted, paths=server["server_type"] == "folder")


async def _append(intake: Intake, events: Sequence[Imported], expect: Mapping[str, int]) -> int:
    try:
        return (await intake.append(Unit(id=uuid7(), events=events, expect=expect))).position
    except Conflict:
        detail = "Another import into this library is under way; wait until it is done, then repeat."
        raise ProblemError(409, detail, reason="conflict") from None


def _decide(
    wish: AnalysisImport, matches: Sequence[Match | None], before: Mapping[UUID, Any]
) -> tuple[list[ImportOutcome], list[Imported]]:
    outcomes, events, owners = [], list[Imported](), _owners(wish.items, matches)
    for place, (item, found) in enumerate(zip(wish.items, matches, strict=True)):
        state: ImportState = "unknown"
        if found is not None:
            digest, speaks = _digest(item), owners[found.track_id] == place
            state = _state(item, found, digest, before.get(found.track_id)) if speaks else "double"
            if state == "taken":
                events.append(_event(wish, item, found.track_id, digest, before.get(found.track_id)))
        outcomes.append(
            ImportOutcome(
                item_id=item.item_id,
                state=state,
                track_id=found.track_id if found is not None else None,
                matched_by=found.by if found is not None else None,
            )
        )
    return outcomes, events


def _owners(items: Sequence[ForeignTrack], matches: Sequence[Match | None]) -> dict[UUID, int]:
    """The place of the item that speaks for each track where several mean it: one with the server's own id goes first,
    then the order of their ids decides."""
    owners: dict[UUID, int] = {}
    meant = [(found.by != "id", items[place].item_id, place, found) for place, found in enumerate(matches) if found]
    for *_, place, found in sorted(meant, key=lambda one: one[:3]):
        owners.setdefault(found.track_id, place)
    return owners


def _state(item: ForeignAnalysis, found: Match, digest: str, before: Any | None) -> ImportState:
    if before is None:
        return "taken"
    if before["digest"] == digest:
        return "known"
    # What is only found by its path or its names does not replace what came from another item: the two would take
    # turns each time the import is repeated.
    return "taken" if found.by == "id" or before["source_item_id"] == item.item_id else "double"


def _digest(item: ForeignAnalysis) -> str:
    """Not of the source's version: after an update of the other program its findings are the same."""
    facts = item.model_dump_json(include={"item_id", "tempo_bpm", "key", "scale", "energy_rms", "tags"})
    return hashlib.blake2b(facts.encode() + (item.vector or b""), digest_size=16).hexdigest()


def _event(wish: AnalysisImport, item: ForeignAnalysis, track_id: UUID, digest: str, before: Any | None) -> Imported:
    """The id follows from what is said and what it replaces, so the same decision is the same event."""
    facts = item.model_dump(include={"tempo_bpm", "key", "scale", "energy_rms", "tags"})
    message = TrackAnalysisImported(
        server_id=wish.server_id,
        track_id=track_id,
        source=wish.source,
        source_version=wish.source_version,
        source_item_id=item.item_id,
        digest=digest,
        space=AUDIOMUSE_SPACE if item.vector is not None else None,
        **facts,
    )
    replaced = before["digest"] if before is not None else ""
    return wrap(message, id=derived_id("analysis-imported", track_id, digest, replaced), blob=item.vector)
