"""Group commit: what many handlers finish in the same moment travels in one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from shared.streams.connection import UNREACHABLE
from shared.streams.scripts import COMMIT, Argument

log = structlog.get_logger(__name__)
_MOST_AT_ONCE = 256


class GroupCommitter:
    """Sends commits in pipelines. A commit whose answer was lost is sent again: the acknowledgement inside it makes
    the second one a no-op."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._waiting: list[tuple[Sequence[str], Sequence[Argument], asyncio.Future[bool]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def commit(self, keys: Sequence[str], arguments: Sequence[Argument]) -> bool:
        """True if this call ended the command, False if the command was ended by somebody else (or by a first
        attempt of ours whose answer got lost)."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((keys, arguments, future))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush(), name="group-commit")
        return await future

    async def _flush(self) -> None:
        pause = 0.05
        while self._waiting:
            batch = self._waiting[:_MOST_AT_ONCE]
            try:
                results = await self._send(batch)
            except UNREACHABLE as error:
                log.warning("commit_waits_for_store", commits=len(self._waiting), error=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
                continue
            pause = 0.05
            del self._waiting[: len(batch)]
            for (_, _, future), result in zip(batch, results, strict=True):
                _settle(future, result)

    async def _send(self, batch: list[tuple[Sequence[str], Sequence[Argument], asyncio.Future[bool]]]) -> list[Any]:
        results = await self._pipeline(batch)
        if any(isinstance(result, NoScriptError) for result in results):
            await self._client.script_load(COMMIT.text)
            results = [
                again if isinstance(first, NoScriptError) else first
                for first, again in zip(results, await self._pipeline(batch), strict=True)
            ]
        for result in results:
            if isinstance(result, UNREACHABLE):
                raise result
        return results

    async def _pipeline(self, batch: list[tuple[Sequence[str], Sequence[Argument], asyncio.Future[bool]]]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipe:
            for keys, arguments, _ in batch:
                pipe.execute_command("EVALSHA", COMMIT.sha, len(keys), *keys, *arguments)
            results: list[Any] = await pipe.execute(raise_on_error=False)
        return results


def _settle(future: asyncio.Future[bool], result: Any) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(int(result) == 1)
