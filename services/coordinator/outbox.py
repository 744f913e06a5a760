"""What the policies decided, kept in the same transaction as the position until it stands in the log.

A unit's id is derived from its cause, and appending an id twice is a no-op; so a crash between the commit and the
append only means that it is appended a moment later.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.commands import COMMANDS
from shared.events import EVENTS
from shared.messages import Catalogue, Envelope, Raw, Send
from shared.streams import EventLog, Unit
from shared.upcasts import read

if TYPE_CHECKING:
    from shared.postgres import Connection

TABLE = """
CREATE TABLE IF NOT EXISTS {schema}.coordinator_outbox (
    unit_id uuid PRIMARY KEY,
    position bigint NOT NULL,
    unit jsonb NOT NULL
)
"""


def to_json(unit: Unit) -> str:
    """A unit without expectations, as text."""
    return json.dumps(
        {
            "events": [_envelope_to_dict(event) for event in unit.events],
            "commands": [
                {"high": send.high, "delay_s": send.delay_s, **_envelope_to_dict(send.command)}
                for send in unit.commands
            ],
            "flags": {str(run_id): state for run_id, state in unit.flags.items()},
            "release": [str(run_id) for run_id in unit.release],
        }
    )


def from_json(unit_id: UUID, text: str) -> Unit:
    """The inverse of ``to_json``."""
    found: dict[str, Any] = json.loads(text)
    return Unit(
        id=unit_id,
        events=[_envelope_from_dict(EVENTS, entry) for entry in found["events"]],
        commands=[
            Send(_envelope_from_dict(COMMANDS, entry), high=entry["high"], delay_s=entry["delay_s"])
            for entry in found["commands"]
        ],
        flags={UUID(run_id): state for run_id, state in found["flags"].items()},
        release=[UUID(run_id) for run_id in found["release"]],
    )


def _envelope_to_dict(envelope: Envelope[Any]) -> dict[str, Any]:
    return {
        "id": str(envelope.id),
        "type": envelope.message.wire_type,
        "version": envelope.message.version,
        "occurred_at": envelope.occurred_at.isoformat(),
        "subject": envelope.subject,
        "correlation_id": str(envelope.correlation_id) if envelope.correlation_id else None,
        "causation_id": str(envelope.causation_id) if envelope.causation_id else None,
        "data": envelope.message.model_dump_json(exclude_none=True),
    }


def _envelope_from_dict(catalogue: Catalogue, entry: dict[str, Any]) -> Envelope[Any]:
    raw = Raw(
        id=UUID(entry["id"]),
        type=entry["type"],
        version=entry["version"],
        occurred_at=datetime.fromisoformat(entry["occurred_at"]),
        subject=entry["subject"],
        data=entry["data"].encode(),
        correlation_id=UUID(entry["correlation_id"]) if entry["correlation_id"] else None,
        causation_id=UUID(entry["causation_id"]) if entry["causation_id"] else None,
        traceparent=None,
        blob=None,
        attempts=0,
    )
    return read(catalogue, raw)


async def put(connection: Connection, position: int, units: Sequence[Unit]) -> None:
    """Keep units, in the transaction of ``connection``."""
    await connection.executemany(
        "INSERT INTO coordinator_outbox (unit_id, position, unit) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [(unit.id, position, to_json(unit)) for unit in units],
    )


async def publish(connection: Connection, log: EventLog) -> int:
    """Append what is kept, oldest first, and let go of it; how many units there were."""
    rows = await connection.fetch("SELECT unit_id, unit FROM coordinator_outbox ORDER BY position, unit_id LIMIT 500")
    for row in rows:
        await log.append(from_json(row["unit_id"], row["unit"]))
        await connection.execute("DELETE FROM coordinator_outbox WHERE unit_id = $1", row["unit_id"])
    return len(rows)
