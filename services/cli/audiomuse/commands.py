"""Reads AudioMuse-AI's database and hands what it says to the gateway, which decides what is new.

Over HTTP, as everything that is decided: so it works against a Starling on another machine, and the database of
AudioMuse-AI need not be reachable from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from services.cli.analysis import find_server
from services.cli.answers import Server
from services.cli.audiomuse.address import database_url
from services.cli.audiomuse.reading import Refused, playlist_name, to_analysis
from services.cli.audiomuse.source import Source, opened
from services.cli.audiomuse.tally import PlaylistTally, Tally
from services.cli.client import Api, ApiError, Unreachable
from services.cli.output import note, say
from services.cli.perform import OK, PROBLEM
from services.cli.progress import Display, Pace, shown
from services.cli.session import Session
from services.cli.wording import clean, count
from shared import positions
from shared.errors import InvalidInput
from shared.events import MOST_TRACKS

AT_ONCE = 500
_PATIENCE_S = 60.0
_PAUSE_S = 1.0
_TOO_MANY = 429


async def import_audiomuse(
    session: Session,
    address: tuple[str | None, Path | None],
    library: str,
    source_server: str | None,
    *,
    playlists: bool,
    dry_run: bool,
) -> int:
    """Take over analyses, and playlists if wanted. ``address`` is the argument and the file that may name the database.
    A problem when something was left out."""
    url = await asyncio.to_thread(database_url, *address)
    async with session.api() as api:
        server = await _library(api, library)
        async with opened(url, server["type"], source_server) as source:
            importing = _Importing(api, server, source, dry_run)
            tally = await importing.analyses()
            listed = await importing.playlists() if playlists else None
    for line in tally.lines(server["name"], dry_run=dry_run):
        say(line)
    for line in listed.lines(dry_run=dry_run) if listed is not None else ():
        say(line)
    if tally.states["taken"] and not dry_run:
        note("They stand in until Starling has listened itself: 'starling analyze' lets it.")
    return PROBLEM if tally.left_out else OK


async def _library(api: Api, name: str) -> Server:
    """Raises ``InvalidInput`` for a library that is not there, or was never listed."""
    server = await find_server(api, name)
    if server is None:
        names = ", ".join(clean(known["name"]) for known in await api.servers())
        raise InvalidInput("server", f"there is no library {name}; connected libraries: {names or 'none'}")
    if not server["track_count"]:
        advice = "start an analysis; the import can begin as soon as the library is listed"
        raise InvalidInput("server", f"Starling knows no track of {clean(server['name'])} yet; {advice}")
    return server


class _Importing:
    """One import on its way."""

    def __init__(self, api: Api, server: Server, source: Source, dry_run: bool) -> None:
        self._api = api
        self._source = source
        self._library = f"/servers/{server['id']}"
        self._position = positions.text(positions.START)
        self._said = {"server_id": server["id"], "source": "audiomuse", "dry_run": dry_run}

    async def analyses(self) -> Tally:
        """All of them, a batch at a time."""
        tally, batch, read = Tally(), list[dict[str, Any]](), 0
        total = await self._source.count()
        with shown("Importing", stderr=True) as display:
            pace = Pace("tracks")
            async for row in self._source.analyses():
                read += 1
                try:
                    batch.append(to_analysis(row))
                except Refused as refusal:
                    tally.refuse(row, str(refusal))
                if len(batch) == AT_ONCE:
                    await self._send(batch, tally, display)
                    batch = []
                if read % AT_ONCE == 0:
                    pace.show(display, read, total)
            await self._send(batch, tally, display)
            # Whoever looks next sees all of it.
            await self._patiently(partial(self._api.get, self._library, after=self._position), display)
        return tally

    async def _send(self, batch: list[dict[str, Any]], tally: Tally, display: Display) -> None:
        if not batch:
            return
        body = {**self._said, "source_version": self._source.layout.name, "items": batch}
        answer = await self._patiently(partial(self._api.send, "POST", "/imports/analyses", body), display)
        for item, outcome in zip(batch, answer["items"], strict=True):
            tally.add(item, outcome)
        self._position = max(self._position, answer["position"], key=positions.pack)

    async def playlists(self) -> PlaylistTally:
        """All of them, one at a time."""
        tally, done = PlaylistTally(), 0
        with shown("Importing playlists", stderr=True) as display:
            async for name, entries in self._source.playlists():
                if len(entries) > MOST_TRACKS:
                    tally.states["long"] += 1
                    continue
                body = {**self._said, "source_name": name, "name": playlist_name(name), "items": _items(entries)}
                tally.add(await self._patiently(partial(self._api.send, "POST", "/imports/playlists", body), display))
                done += 1
                display.update(done, None, "", count(done, "playlist"))
        return tally

    @staticmethod
    async def _patiently(ask: Callable[[], Awaitable[dict[str, Any]]], display: Display) -> dict[str, Any]:
        """A gateway that is away, behind or asked too much for up to a minute is waited for: what it has done already
        it does not do again."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            try:
                return await ask()
            except (Unreachable, ApiError) as error:
                lasting = isinstance(error, ApiError) and error.status < 500 and error.status != _TOO_MANY
                if lasting or asyncio.get_running_loop().time() > deadline:
                    raise
                display.waiting("waiting for Starling to answer")
            await asyncio.sleep(_PAUSE_S)


def _items(entries: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    described = [{"item_id": row["item_id"], "title": row["title"], "artist": row["author"]} for row in entries]
    return [{name: value for name, value in item.items() if value} for item in described if item["item_id"]]
