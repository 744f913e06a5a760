"""The commands about playlists against a gateway."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.cli import clusters, playlists, schedules, syncing
from services.cli.session import Session
from shared.commands import KeepPlaylists
from shared.errors import InvalidInput
from shared.events import PlaylistsKept, PlaylistSyncFailed, SyncCompleted, SyncStarted, SyncTarget
from tests.given import SERVER
from tests.integration.gateway.listening import PLAYLIST, playlist, proposed, synced
from tests.integration.gateway.system import System, discovered, folder, song
from tests.integration.gateway.test_clusterings import ordered
from tests.waiting import until

_LOG = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[(debug|info|warning|error) ")


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """What a command answered, without what the gateway in this process logged."""
    lines = capsys.readouterr().out.splitlines(keepends=True)
    return "".join(line for line in lines if not _LOG.match(line))


def session(system: System) -> Session:
    return Session(url=str(system.api.client.make_url("/")))


async def keeping(system: System) -> bool:
    """Whether somebody asked to keep playlists."""
    return any(isinstance(command, KeepPlaylists) for command in await ordered(system, "clusterer"))


async def given_playlist(system: System) -> None:
    seen = await system.tell(folder(), discovered(*(song(number) for number in range(6))), playlist())
    await system.get("/api/v1/playlists", after=seen)


async def the_only(system: System, path: str) -> dict[str, Any]:
    """The one thing in a list, once it is there."""

    async def there() -> bool:
        return bool((await system.get(path))["items"])

    await until(there, path)
    [item] = (await system.get(path))["items"]
    found: dict[str, Any] = item
    return found


async def test_a_playlist_is_looked_at_changed_and_brought_back(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    await given_playlist(system)
    here = session(system)
    assert await playlists.list_playlists(here, deleted=False, as_json=False) == 0
    assert "Soul" in said(capsys)
    assert await playlists.change(here, "soul", name="Late soul") == 0
    assert await playlists.change(here, str(PLAYLIST)[:8], locked=True) == 0
    assert said(capsys) == "Late soul is at version 2.\nLate soul (locked) is at version 3.\n"
    assert await playlists.delete(here, "late soul", remote=False) == 0
    assert f"restore {PLAYLIST} VERSION" in said(capsys)
    assert await playlists.restore(here, "late soul", 1) == 0
    assert "this is version 5" in said(capsys)
    assert await playlists.show_playlist(here, str(PLAYLIST), as_json=False) == 0
    told = said(capsys)
    assert "Artist" in told and "restored" in told and "3 tracks" in told
    with pytest.raises(InvalidInput, match="starling playlists"):
        await playlists.change(here, "no such list", locked=True)


async def test_a_playlist_goes_to_a_file_and_back(
    system: System, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await given_playlist(system)
    here = session(system)
    for suffix in ("m3u8", "jspf"):
        file = tmp_path / f"Copy as {suffix}.{suffix}"
        assert await playlists.export(here, "Soul", file, None) == 0
        assert await playlists.import_file(here, file, None, as_json=False) == 0
        assert f"Copy as {suffix}: 3 tracks, 0 not found." in said(capsys)
    assert await playlists.export(here, "Soul", None, None) == 0
    assert said(capsys).startswith("#EXTM3U\n#PLAYLIST:Soul\n")
    (tmp_path / "more.m3u").write_text("1 song.flac\nnowhere.mp3\n")
    assert await playlists.import_file(here, tmp_path / "more.m3u", "More", as_json=False) == 1
    assert said(capsys) == "More: 1 track, 1 not found.\n  2. nowhere.mp3\n"
    with pytest.raises(InvalidInput, match="cannot be read"):
        await playlists.import_file(here, tmp_path / "not there.m3u", None, as_json=False)


async def test_a_sync_is_previewed_then_watched_to_its_end(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    await given_playlist(system)
    here = session(system)
    flags = {"preview": False, "revive": False, "wait": True, "as_json": False}
    assert await syncing.sync(here, ["Soul"], ["Music"], **{**flags, "preview": True}) == 0
    assert said(capsys).splitlines()[1].split() == ["Soul", "Music", "create", "3", "0", "0"]

    command = asyncio.create_task(syncing.sync(here, [], [], **flags))
    run = UUID((await the_only(system, "/api/v1/sync"))["id"])
    failed = PlaylistSyncFailed(
        run_id=run, playlist_id=PLAYLIST, server_id=SERVER, reason="forbidden", detail="Not you"
    )
    target = SyncTarget(playlist_id=PLAYLIST, server_id=SERVER)
    end = SyncCompleted(run_id=run, state="completed", synced=0, skipped=0, failed=1)
    await system.tell(SyncStarted(run_id=run, targets=(target,)), failed, end)
    assert await command == 1
    assert said(capsys).endswith("0 of 1 written or up to date, 1 failed.\n  Soul on Music: forbidden - Not you\n")
    assert await syncing.sync(here, [], [], **{**flags, "wait": False, "as_json": True}) == 0
    assert set(json.loads(said(capsys))) == {"sync_id", "position"}
    await system.tell(synced())
    with pytest.raises(InvalidInput, match="connected libraries: Music"):
        await syncing.sync(here, [], ["Nas"], **flags)


async def test_a_clustering_is_watched_told_and_kept(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    await given_playlist(system)
    here = session(system)
    command = asyncio.create_task(clusters.cluster(here, {"seed": 5}, wait=True, as_json=False))
    run = UUID((await the_only(system, "/api/v1/clusterings"))["id"])
    await system.tell(*proposed(run))
    assert await command == 0
    told = said(capsys)
    assert "Done: 2 playlists of 5 tracks, score 0.68, seed 5." in told
    assert "Slow soul 1" in told and f"'starling keep {run}' keeps them all" in told

    command = asyncio.create_task(clusters.keep(here, "last", [1], sync=False, as_json=False))
    await until(lambda: keeping(system), "playlists are to be kept")
    await system.tell(PlaylistsKept(run_id=run, created=(PLAYLIST,)))
    assert await command == 0
    assert said(capsys) == "Kept: 1 created.\n"
    with pytest.raises(InvalidInput, match="there is no clustering 1234"):
        await clusters.keep(here, "1234", [], sync=False, as_json=False)


async def test_schedules_are_set_listed_and_removed(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    await given_playlist(system)
    here = session(system)
    what = ("refresh", "@daily", "Europe/Oslo")
    assert await schedules.set_schedule(here, "Nightly", what, ["Music"], enabled=True, as_json=False) == 0
    assert said(capsys).startswith("Nightly is set; next: 20")
    assert await schedules.set_schedule(here, "nightly", what, [], enabled=False, as_json=True) == 0
    saved = json.loads(said(capsys))
    assert (saved["enabled"], saved["parameters"]["server_ids"]) == (False, [str(SERVER)])
    assert await schedules.list_schedules(here, as_json=False) == 0
    assert "@daily (Europe/Oslo)  off" in said(capsys)
    assert await schedules.remove_schedule(here, "Nightly") == 0
    assert await schedules.list_schedules(here, as_json=False) == 0
    assert "Nothing happens by the clock yet" in said(capsys)
    with pytest.raises(InvalidInput, match="starling schedules"):
        await schedules.remove_schedule(here, "Nightly")
