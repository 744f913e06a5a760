"""The server-side scripts, and the steps they carry out."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from importlib import resources
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from shared.messages import Envelope, Send, encode
from shared.streams.keys import Keys

Argument = bytes | str | int


class Script:
    """One script, with the shared steps in front where it has any. It is loaded when the server does not know it (any
    more)."""

    def __init__(self, name: str, *, steps: bool = True) -> None:
        folder = resources.files("shared.streams") / "lua"
        shared = (folder / "steps.lua").read_text() if steps else ""
        self.text = shared + (folder / f"{name}.lua").read_text()
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, client: Redis, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run it once; the caller decides about network errors."""
        try:
            return await _evalsha(client, self.sha, keys, arguments)
        except NoScriptError:
            await client.script_load(self.text)
            return await _evalsha(client, self.sha, keys, arguments)


def _evalsha(client: Redis, sha: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Awaitable[Any]:
    execute: Callable[..., Awaitable[Any]] = client.execute_command
    return execute("EVALSHA", sha, len(keys), *keys, *arguments)


COMMIT = Script("commit")
APPEND = Script("append")
REDRIVE = Script("redrive")
PROMOTE = Script("promote")
BEGIN = Script("begin")
TAKE = Script("take", steps=False)


class Steps:
    """Collects steps and the keys they touch; the first three keys are the same for every script."""

    def __init__(self, keys: Keys, *own_keys: str) -> None:
        self.names = keys
        self.keys = [keys.events, keys.delayed, keys.delayed_contents, *own_keys]
        self.arguments: list[Argument] = []

    def _index(self, key: str) -> int:
        if key not in self.keys:
            self.keys.append(key)
        return self.keys.index(key) + 1

    def event(self, envelope: Envelope[Any]) -> None:
        """Append an event to the log."""
        self._add(self.names.events, encode(envelope))

    def command(self, send: Send) -> None:
        """Append a command to its service's stream, now or later."""
        stream = self.names.commands(send.command.message.service, high=send.high)
        if send.delay_s > 0:
            self.delay(stream, send.command, send.delay_s)
        else:
            self._add(stream, encode(send.command))

    def delay(self, stream: str, command: Envelope[Any], delay_s: float) -> None:
        """Keep a command until it is due."""
        milliseconds = max(1, round(delay_s * 1000))
        self.arguments += ["delay", milliseconds, str(command.id), stream, *_flat(encode(command))]

    def park(self, stream: str, command: Envelope[Any], run_id: UUID) -> None:
        """Keep a command until its run is resumed."""
        self.arguments += ["park", self._index(self.names.parked(run_id)), self._index(self.names.runs)]
        self.arguments += [str(run_id), str(command.id), stream, *_flat(encode(command))]

    def release(self, run_id: UUID) -> None:
        """What was parked for the run is due now."""
        self.arguments += ["release", self._index(self.names.parked(run_id))]

    def flag(self, run_id: UUID, state: str | None) -> None:
        """Say to every worker that a run is ``cancelled`` or ``paused``; None takes it back."""
        if state is None:
            self.arguments += ["drop", self._index(self.names.runs), str(run_id)]
        else:
            self.arguments += ["put", self._index(self.names.runs), str(run_id), state]

    def bury(self, fields: dict[str, bytes | str]) -> None:
        """Add a dead letter."""
        self._add(self.names.dead, fields)

    def _add(self, stream: str, fields: dict[str, bytes | str]) -> None:
        self.arguments += ["add", self._index(stream), *_flat(fields)]


def _flat(fields: dict[str, bytes | str]) -> list[Argument]:
    flat: list[Argument] = [2 * len(fields)]
    for name, value in fields.items():
        flat += [name, value]
    return flat
