"""From a Subsonic library to playlists on its server, and again: the same playlists under the same ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared.mediaservers.base import PlaylistServer, ServerConfig
from shared.mediaservers.subsonic import SubsonicServer
from tests import music
from tests.instance import Instance
from tests.subsonic.supysonic_server import Supysonic, supysonic
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)
OPTIONS = {"tracks_min": 4, "tracks_max": 12, "clusters_max": 8, "evaluations": 24, "seed": 5}


async def test_clusters_become_playlists_on_the_server_and_keep_their_ids(starling: Instance, tmp_path: Path) -> None:
    music.make_library(tmp_path / "music", music.many_songs(30, suffix="mp3", seconds=3.0))
    (tmp_path / "supysonic").mkdir()
    with supysonic(tmp_path / "music", tmp_path / "supysonic") as subsonic:
        server = _adapter(subsonic)
        try:
            songs = [item.item_id for item in (await server.list_page(None)).items]
            by_hand = await server.create_playlist("By hand", [songs[3], songs[1], songs[2]])
            server_id = await _analysed(starling, subsonic)

            first = await _written(starling, server_id, expected="create")
            there = {one.remote_id: one.name for one in await server.playlists()}
            assert there == {**first, by_hand: "By hand"}
            assert first

            second = await _written(starling, server_id, expected="none")
            assert second == first
            assert await server.playlist_items(by_hand) == (songs[3], songs[1], songs[2])
            for playlist in (await starling.get("/api/v1/playlists"))["items"]:
                await _the_same_songs(starling, server, playlist)
        finally:
            await server.close()


def _adapter(subsonic: Supysonic) -> SubsonicServer:
    """The server as its owner sees it."""
    config = ServerConfig(
        uuid4(), "subsonic", "Owner", url=subsonic.url, username=subsonic.user, password=subsonic.password
    )
    return SubsonicServer(config)


async def _analysed(starling: Instance, subsonic: Supysonic) -> str:
    login = {"url": subsonic.url, "username": subsonic.user, "password": subsonic.password}
    server = await starling.post("/api/v1/servers", {"type": "subsonic", "name": "Subsonic", **login})
    run = await starling.ended(await starling.analyse(server_id=server["id"]))
    assert run["totals"]["analysed"] == 30
    return str(server["id"])


async def _written(starling: Instance, server_id: str, *, expected: str) -> dict[str, str]:
    """Cluster, preview, keep and write; remote id -> name of every playlist that has a copy."""
    asked = await starling.post("/api/v1/clusterings", {**OPTIONS, "server_ids": [server_id]})
    clustering = await _over(starling, f"/api/v1/clusterings/{asked['clustering_id']}", asked["position"])
    assert clustering["state"] == "completed", clustering
    preview = await starling.post("/api/v1/preview", {"clustering_id": clustering["id"], "server_ids": [server_id]})
    assert {item["change"] for item in preview["items"]} == {expected}

    await starling.post(f"/api/v1/clusterings/{clustering['id']}/keep", {})
    await until(lambda: _is_kept(starling, clustering["id"]), "the playlists are kept", seconds=30)
    asked = await starling.post("/api/v1/sync", {"server_ids": [server_id]})
    sync = await _over(starling, f"/api/v1/sync/{asked['sync_id']}", asked["position"])
    assert (sync["state"], sync["failed"], sync["skipped"]) == ("completed", 0, 0), sync
    playlists = (await starling.get("/api/v1/playlists"))["items"]
    return {link["remote_id"]: link["remote_name"] for playlist in playlists for link in playlist["links"]}


async def _over(starling: Instance, path: str, position: str) -> dict[str, Any]:
    found: dict[str, Any] = await starling.get(f"{path}?after={position}")

    async def ended() -> bool:
        found.update(await starling.get(path))
        return found["ended_at"] is not None

    await until(ended, f"{path} is over", seconds=60)
    return found


async def _is_kept(starling: Instance, clustering_id: str) -> bool:
    return (await starling.get(f"/api/v1/clusterings/{clustering_id}"))["kept"] is not None


async def _the_same_songs(starling: Instance, server: PlaylistServer, playlist: dict[str, Any]) -> None:
    """The copy holds the playlist's songs in its order."""
    (link,) = playlist["links"]
    whole = await starling.get(f"/api/v1/playlists/{playlist['id']}")
    assert await server.playlist_items(link["remote_id"]) == tuple(track["item_id"] for track in whole["tracks"])
    assert link["remote_name"] == whole["name"]
