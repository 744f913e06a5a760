"""What users ask for, written down: an event that says so, and the command that does it, in one step.

A decision rests on the read models, and on nobody having decided since: each unit expects version 0 of a subject
that names the decision it follows ("the third run of this library"). Of two gateways that decide at the same time,
or on rows that are behind, one gets ``Conflict``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

from services.gateway.arrivals import Arrivals
from shared import tracing
from shared.commands import COMMANDS, Command, StartAnalysis
from shared.errors import StoreUnavailable
from shared.events import (
    AnalysisRequested,
    CommandRetried,
    Event,
    Profile,
    RunCancelled,
    RunPaused,
    RunResumed,
    Scope,
    ServerAdded,
    ServerChanged,
    ServerRemoved,
)
from shared.events.base import RunEvent
from shared.messages import Envelope, Send, decode_raw, derived_id, uuid7, wrap
from shared.streams import Appended, DeadLetter, Streams, Unit
from shared.upcasts import UnknownMessage, read

Control = Literal["cancel", "pause", "resume"]


_CONTROLS: Mapping[Control, tuple[Callable[..., Event], str | None]] = {
    "cancel": (RunCancelled, "cancelled"),
    "pause": (RunPaused, "paused"),
    "resume": (RunResumed, None),
}
"""The event of each, and what the workers are told."""


def address_key(server_type: str, path: str | None, url: str | None, username: str | None) -> str:
    """The same for two spellings of the same library."""
    if server_type == "folder":
        return str(derived_id("folder", posixpath.normpath(path or "/")))
    parts = urlsplit(url or "")
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return str(derived_id(server_type, parts.hostname, port, parts.path.rstrip("/"), username))


def run_id_of(unit_id: UUID) -> UUID:
    """The run that a request starts: the same request, the same run."""
    return derived_id("run", unit_id)


class Intake:
    """Appends what was decided."""

    def __init__(self, streams: Streams, arrivals: Arrivals) -> None:
        self._streams = streams
        self._arrivals = arrivals
        self.trusted = False

    async def check(self) -> None:
        """Look once whether the Redis-protocol server keeps what it is given. Raises ``ConfigurationError``."""
        await self._streams.check()
        self.trusted = True

    async def append(self, unit: Unit) -> Appended:
        """Raises ``Conflict``, ``StoreUnavailable``."""
        if not self.trusted:
            raise StoreUnavailable("the Redis-protocol server has not been checked yet")
        return await self._streams.log.append(tracing.carried(unit))

    async def catch_up(self) -> None:
        """Wait until everything written down so far is visible. Raises ``ProblemError`` when it takes too long."""
        await self._arrivals.wait(await self._streams.log.last())

    async def arrived(self, position: int) -> None:
        """Wait until what was written down there is visible. Raises ``ProblemError`` when it takes too long."""
        await self._arrivals.wait(position)

    async def add_server(self, event: Envelope[ServerAdded], claim: Mapping[str, int]) -> Appended:
        """``claim``: that nobody else took the address since it was free."""
        return await self.append(Unit(id=uuid7(), events=[event], expect=claim))

    async def change_server(self, event: ServerChanged, version: int, claim: Mapping[str, int]) -> Appended:
        """``version`` of the library; ``claim`` as for a new one, where the address changes."""
        expect = {f"server:{event.server_id}:{version}": 0, **claim}
        return await self.append(Unit(id=uuid7(), events=[wrap(event)], expect=expect))

    async def claims(self, subject: str) -> int:
        """How often a subject was claimed."""
        return await self._streams.log.version(subject)

    async def remove_server(self, server_id: UUID, runs: Sequence[UUID]) -> Appended:
        """``runs`` have only this library to look at, so they end with it."""
        events: list[Event] = [ServerRemoved(server_id=server_id), *(RunCancelled(run_id=run_id) for run_id in runs)]
        unit = Unit(
            id=derived_id("remove", server_id),
            events=[wrap(event) for event in events],
            flags=dict.fromkeys(runs, "cancelled"),
            release=runs,
        )
        return await self.append(unit)

    async def start_analysis(
        self, unit_id: UUID, earlier: Mapping[UUID, int], profile: Profile, scope: Scope
    ) -> Appended:
        """``earlier``: the libraries, and how many runs each has had."""
        run_id, servers = run_id_of(unit_id), tuple(earlier)
        command = StartAnalysis(run_id=run_id, server_ids=servers, profile=profile, scope=scope)
        event = AnalysisRequested(run_id=run_id, server_ids=servers, profile=profile, scope=scope)
        unit = Unit(
            id=unit_id,
            events=[wrap(event, id=derived_id("requested", unit_id))],
            commands=[Send(wrap(command, id=unit_id), high=True)],
            expect={f"analysis:{server_id}:{count}": 0 for server_id, count in earlier.items()},
        )
        return await self.append(unit)

    async def repeat(self, unit_id: UUID) -> Appended:
        """The answer to a unit that was appended before."""
        return await self.append(Unit(id=unit_id))

    async def control(self, run_id: UUID, action: Control, version: int) -> Appended:
        """Cancel, pause or resume. ``version`` is the run's, read before its state was looked at."""
        event, flag = _CONTROLS[action]
        unit = Unit(
            id=uuid7(),
            events=[wrap(event(run_id=run_id))],
            expect={f"run:{run_id}": version},
            flags={run_id: flag},
            release=() if action == "pause" else (run_id,),
        )
        return await self.append(unit)

    async def begin(self, unit_id: UUID, event: Event, command: Command) -> Appended:
        """Something that runs: what was asked for, and the command that begins it."""
        unit = Unit(
            id=unit_id,
            events=[wrap(event, id=derived_id("requested", unit_id))],
            commands=[Send(wrap(command, id=unit_id), high=True)],
        )
        return await self.append(unit)

    async def tell(self, event: Event) -> Appended:
        """A fact that is kept in a table of its own. To be done last inside its transaction: what cannot be told is not
        done."""
        return await self.append(Unit(id=uuid7(), events=[wrap(event)]))

    async def order(self, command: Command, unit_id: UUID) -> Appended:
        """A command that no event goes before."""
        return await self.append(Unit(id=unit_id, commands=[Send(wrap(command, id=unit_id), high=True)]))

    async def call_off(self, event: RunEvent, version: int) -> Appended:
        """End a clustering or a sync. ``version`` is the run's, read before its state was looked at."""
        unit = Unit(
            id=uuid7(),
            events=[wrap(event)],
            expect={f"run:{event.run_id}": version},
            flags={event.run_id: "cancelled"},
            release=(event.run_id,),
        )
        return await self.append(unit)

    async def retry(self, letter: DeadLetter, command: Envelope[Command]) -> int:
        """Send a dead letter back to work, as urgent as it was. Raises ``NotFound`` if somebody else just did."""
        again = command.message.again()
        event = CommandRetried(
            command_id=command.id, run_id=again.run, command_type=again.wire_type, service=again.service
        )
        send = Send(wrap(again), high=letter.stream.endswith(":high"))
        await self._streams.redrive(letter.id, send, wrap(event))
        return await self._streams.log.last()


def command_of(letter: DeadLetter) -> Envelope[Command] | None:
    """The command of a dead letter, None if this release cannot read it."""
    try:
        return read(COMMANDS, decode_raw(letter.fields))
    except (UnknownMessage, ValueError, KeyError):
        return None
