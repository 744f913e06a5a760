"""A Starling that everybody has lied to, and the questions that its tests ask."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.attacks.hostile import MARKUP
from tests.instance import Instance
from tests.subsonic.faulty_server import PASSWORD, USER, FaultyServer
from tests.waiting import until

Json = dict[str, Any]
TOKEN = "the word of the operator"
WORD = {"Authorization": f"Bearer {TOKEN}"}
WRONG_PASSWORD = "quite a wrong one"


class Guarded(Instance):
    """Asks with the operator's word, so that an account that an attack makes locks nobody out."""

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session() as session, session.request(method, path, json=body) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    def session(self) -> aiohttp.ClientSession:
        """For requests that ``call`` cannot make."""
        limits = aiohttp.ClientTimeout(total=30)
        return aiohttp.ClientSession(self.url, headers=WORD, timeout=limits, cookie_jar=aiohttp.DummyCookieJar())


@dataclass
class House:
    """``starling`` runs; ``said`` is every answer that its API has given to ``call``."""

    starling: Guarded
    lying: FaultyServer
    playlist: Json = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, answer = await self.starling.call(method, path, body)
        self.said.append(f"{method} {path} {status} {answer}")
        return status, answer

    async def lived_in(self) -> House:
        """Libraries connected and listened to, a playlist kept and written, a login refused."""
        folder = {"type": "folder", "name": MARKUP[:200], "path": str(self.starling.music_dir)}
        server = {"type": "subsonic", "name": "Lies", "url": self.lying.url, "username": USER, "test": False}
        assert (await self.call("POST", "/api/v1/servers", folder))[0] == 201
        status, added = await self.call("POST", "/api/v1/servers", {**server, "password": PASSWORD})
        assert status == 201
        await self.starling.get(f"/api/v1/servers?after={added['position']}")
        status, _ = await self.call("POST", "/api/v1/servers/test", {**server, "password": WRONG_PASSWORD})
        assert status == 200
        await self.starling.ended(await self.starling.analyse())
        tracks = (await self.starling.get("/api/v1/tracks"))["items"]
        wish = {"name": MARKUP, "track_ids": [track["id"] for track in tracks]}
        status, self.playlist = await self.call("POST", "/api/v1/playlists", wish)
        assert status == 201
        await self.written()
        return self

    async def written(self) -> None:
        """Write the playlist everywhere, and wait until that is over."""
        _, accepted = await self.call("POST", f"/api/v1/playlists/{self.playlist['id']}/sync", {})
        address = f"/api/v1/sync/{accepted['sync_id']}"
        await self.starling.get(f"{address}?after={accepted['position']}")
        await self.over(address)

    async def over(self, address: str) -> None:
        async def ended() -> bool:
            return bool((await self.call("GET", address))[1]["ended_at"])

        await until(ended, f"{address} is over", seconds=30)
