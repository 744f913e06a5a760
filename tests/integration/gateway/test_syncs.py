"""Previews, syncs, listening, schedules over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from shared.commands import ImportPlays, StartSync
from shared.events import (
    PlaylistSyncFailed,
    PlaylistSyncSkipped,
    PlaysImported,
    ScheduleFired,
    SyncCompleted,
    SyncRequested,
    SyncStarted,
    SyncTarget,
    TrackPlays,
)
from shared.messages import derived_id, wrap
from tests.given import RUN, SERVER, track
from tests.integration.gateway.listening import DONE, PLAYLIST, SYNC, clustered, playlist, proposed, synced
from tests.integration.gateway.system import System, analysed, discovered, folder, song
from tests.integration.gateway.test_clusterings import ordered

OTHER = derived_id("syncs", "other server")
HERE = derived_id("syncs", "the other server's copy of song 1")


async def given_servers(system: System) -> None:
    """Two libraries; the second has a copy of song 1 under another id, and nothing else."""
    copy = song(1, track_id=HERE, item_id="elsewhere.flac")
    await system.tell(folder(), folder("/other", OTHER, "Other"), discovered(*(song(number) for number in range(6))))
    seen = await system.tell(discovered(copy, server=OTHER), analysed(1), playlist())
    await system.get("/api/v1/playlists", after=seen)


async def previewed(system: System, **body: Any) -> list[dict[str, Any]]:
    answer = await system.api.post("/api/v1/preview", body)
    assert answer.status == 200, answer
    items: list[dict[str, Any]] = answer.body["items"]
    return items


def said(item: dict[str, Any]) -> tuple[Any, ...]:
    return item["server_name"], item["change"], item["to_add"], item["to_remove"], item["missing"]


async def test_a_preview_says_what_each_server_would_get(system: System) -> None:
    await given_servers(system)
    assert [said(item) for item in await previewed(system)] == [
        ("Music", "create", 3, 0, 0),
        ("Other", "create", 1, 0, 2),
    ]
    await system.tell(synced())
    seen = await system.tell(playlist(2, 2, 3, 4, 5))
    one = await system.get(f"/api/v1/playlists/{PLAYLIST}/preview", server_id=SERVER, after=seen)
    assert [said(item) for item in one["items"]] == [("Music", "update", 2, 1, 0)]
    seen = await system.tell(synced(number=2, action="updated"))
    one = await system.get(f"/api/v1/playlists/{PLAYLIST}/preview", server_id=SERVER, after=seen)
    assert [said(item) for item in one["items"]] == [("Music", "none", 0, 0, 0)]
    assert one["items"][0]["remote_id"] == "r1"
    seen = await system.tell(playlist(3, 0))
    one = await system.get(f"/api/v1/playlists/{PLAYLIST}/preview", server_id=OTHER, after=seen)
    assert (one["items"][0]["change"], one["items"][0]["reason"]) == ("skip", "no_tracks")


async def test_a_playlist_deleted_on_the_server_stays_deleted_until_asked(system: System) -> None:
    await given_servers(system)
    deleted = PlaylistSyncSkipped(
        run_id=RUN, playlist_id=PLAYLIST, server_id=SERVER, reason="deleted_on_server", remote_id="r1"
    )
    seen = await system.tell(synced(), deleted)
    await system.get("/api/v1/playlists", after=seen)
    [item] = await previewed(system, server_ids=[str(SERVER)])
    assert (item["change"], item["reason"]) == ("skip", "deleted_on_server")
    [item] = await previewed(system, server_ids=[str(SERVER)], revive=True)
    assert said(item) == ("Music", "create", 3, 0, 0)


async def test_proposals_are_previewed_as_what_they_would_become(system: System) -> None:
    await given_servers(system)
    seen = await system.tell(clustered(), *proposed())
    await system.get("/api/v1/clusterings", after=seen)
    items = await previewed(system, clustering_id=str(DONE), server_ids=[str(SERVER)], numbers=[0])
    assert [(item["number"], item["playlist_id"], item["change"]) for item in items] == [(0, None, "create")]
    for body, field in (
        ({"clustering_id": str(uuid4())}, "clustering_id"),
        ({"clustering_id": str(DONE), "numbers": [99]}, "numbers"),
        ({"playlist_ids": [str(uuid4())]}, "playlist_ids"),
        ({"server_ids": [str(uuid4())]}, "server_ids"),
    ):
        answer = await system.api.post("/api/v1/preview", body)
        assert (answer.status, answer.body["errors"][0]["field"]) == (422, field)


async def test_a_sync_is_ordered_watched_and_ended(system: System) -> None:
    empty = await system.api.post("/api/v1/sync")
    assert (empty.status, empty.body["reason"]) == (409, "no_playlist")
    await given_servers(system)
    answer = await system.api.post(f"/api/v1/playlists/{PLAYLIST}/sync", {"server_ids": [str(OTHER)], "revive": True})
    assert answer.status == 202
    run_id = UUID(answer.body["sync_id"])
    assert await ordered(system, "syncer") == [
        StartSync(run_id=run_id, playlist_ids=(PLAYLIST,), server_ids=(OTHER,), revive=True)
    ]
    found = await system.get(answer.headers["Location"], after=answer.body["position"])
    assert (found["state"], found["targets"]) == ("requested", 0)
    cancelled = await system.api.post(f"/api/v1/sync/{run_id}/cancel")
    found = await system.get(f"/api/v1/sync/{run_id}", after=cancelled.body["position"])
    assert found["state"] == "cancelled"
    assert (await system.api.post(f"/api/v1/sync/{run_id}/cancel")).status == 409
    assert (await system.api.post(f"/api/v1/sync/{uuid4()}/cancel")).status == 404
    unknown = await system.api.post("/api/v1/sync", {"server_ids": [str(uuid4())]})
    assert unknown.body["errors"][0]["field"] == "server_ids"


async def test_what_did_not_reach_a_server_is_said_in_its_own_words(system: System) -> None:
    await given_servers(system)
    targets = (SyncTarget(playlist_id=PLAYLIST, server_id=SERVER), SyncTarget(playlist_id=PLAYLIST, server_id=OTHER))
    seen = await system.tell(
        SyncRequested(run_id=SYNC),
        SyncStarted(run_id=SYNC, targets=targets),
        synced(run_id=SYNC),
        PlaylistSyncFailed(
            run_id=SYNC,
            playlist_id=PLAYLIST,
            server_id=OTHER,
            reason="forbidden",
            detail="User is not allowed",
            restored=True,
        ),
        SyncCompleted(run_id=SYNC, state="completed", synced=1, skipped=0, failed=1),
    )
    [found] = (await system.get("/api/v1/sync", after=seen))["items"]
    assert (found["state"], found["targets"], found["synced"], found["failed"]) == ("completed", 2, 1, 1)
    [problem] = found["problems"]
    assert (problem["name"], problem["server_name"], problem["outcome"]) == ("Soul", "Other", "failed")
    assert (problem["reason"], problem["detail"], problem["restored"]) == ("forbidden", "User is not allowed", True)


async def test_what_was_listened_to_is_read_and_shown_with_the_track(system: System) -> None:
    await given_servers(system)
    answer = await system.api.post(f"/api/v1/servers/{SERVER}/listening")
    assert await ordered(system, "syncer") == [ImportPlays(run_id=UUID(answer.body["run_id"]), server_id=SERVER)]
    assert (await system.api.post(f"/api/v1/servers/{uuid4()}/listening")).status == 404
    plays = TrackPlays(track_id=track(1), play_count=7, rating=4.5, favourite=True)
    seen = await system.tell(PlaysImported(run_id=RUN, server_id=SERVER, plays=(plays,), last=True))
    found = (await system.get(f"/api/v1/tracks/{track(1)}", after=seen))["plays"]
    assert (found["play_count"], found["rating"], found["favourite"]) == (7, 4.5, True)
    assert (await system.get(f"/api/v1/tracks/{track(2)}"))["plays"] is None


async def test_a_schedule_is_set_fired_changed_and_removed(system: System) -> None:
    await system.tell(folder())
    path = f"/api/v1/schedules/{SYNC}"
    body = {"name": "Nightly", "kind": "refresh", "cron": "30 4 * * *", "timezone": "Europe/Oslo"}
    answer = await system.api.ask("PUT", path, {**body, "parameters": {"clustering": {"tracks_min": 5}}})
    assert answer.status == 200
    assert answer.body["parameters"]["clustering"]["tracks_min"] == 5
    assert answer.body["next_at"].endswith("30:00.000Z")
    fired = ScheduleFired(schedule_id=SYNC, due_at=wrap(clustered()).occurred_at, kind="refresh", run_id=RUN)
    seen = await system.tell(fired)
    [listed] = (await system.get("/api/v1/schedules", after=seen))["items"]
    assert (listed["last_run_id"], listed["last_problem"]) == (str(RUN), None)
    off = await system.api.ask("PUT", path, {**body, "enabled": False})
    assert (off.body["enabled"], off.body["next_at"]) == (False, None)
    removed = await system.api.delete(path)
    assert (await system.get("/api/v1/schedules", after=removed.body["position"]))["items"] == []
    assert (await system.api.delete(path)).status == 404


async def test_a_schedule_that_could_not_be_kept_is_refused_by_field(system: System) -> None:
    body = {"name": "Nightly", "kind": "refresh", "cron": "@daily"}
    for change, field in (
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"kind": "coffee"}, "kind"),
        ({"parameters": {"server_ids": [str(uuid4())]}}, "parameters.server_ids"),
        ({"parameters": {"clustering": {"tracks_mni": 5}}}, "parameters.clustering.tracks_mni"),
    ):
        answer = await system.api.ask("PUT", f"/api/v1/schedules/{SYNC}", {**body, **change})
        assert (answer.status, answer.body["errors"][0]["field"]) == (422, field), change
