"""Given what was clustered, decided, written and played, then what readers find; told twice, the same."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.projector.compare import compare
from services.projector.projections import PROJECTIONS, project
from shared import events
from shared.events import (
    ClusterRecipe,
    Configuration,
    Evaluation,
    Event,
    ManualRecipe,
    PlaylistFacts,
    PlaylistSaved,
    Proposal,
    Score,
    SyncTarget,
    TrackPlays,
)
from shared.follower import parse
from shared.messages import derived_id
from tests.integration.projector.history import START, entry
from tests.integration.projector.projecting import Projecting
from tests.integration.projector.telling import OTHER, SERVER, added, removed, track

RUN = derived_id("clusterings", "run")
SYNC = derived_id("clusterings", "sync")
LIST = derived_id("clusterings", "playlist")
SECOND = derived_id("clusterings", "second playlist")
DAILY = derived_id("clusterings", "schedule")
_NAMES = ("clusterings", "playlists", "playlist_links", "syncs", "schedules", "track_plays")
_PROJECTIONS = [projection for projection in PROJECTIONS if projection.name in _NAMES]
_TABLES = [table for projection in _PROJECTIONS for table in projection.tables]


def evaluation(number: int, total: float, *, rung: int = 0, algorithm: str = "kmeans") -> Evaluation:
    configuration = Configuration.model_validate(
        {"algorithm": algorithm, "space": "embedding", "dimensions": 8, "clusters": 4, "seed": number}
    )
    parts = dict.fromkeys(("separation", "purity", "diversity", "coverage", "sizes", "silhouette"), 0.5)
    score = Score(total=total, clusters=4, unassigned=0.0, **parts)
    return Evaluation(number=number, rung=rung, configuration=configuration, score=score)


def asked(run: UUID = RUN) -> events.ClusteringRequested:
    return events.ClusteringRequested(run_id=run, options=events.ClusteringOptions(), seed=7)


def begun(run: UUID = RUN) -> events.ClusteringStarted:
    return events.ClusteringStarted(
        run_id=run, tracks=100, without_embedding=5, sampled=90, warnings=("few",), algorithms=("kmeans", "gmm")
    )


def progressed(batch: int, *evaluations: Evaluation, generation: int = 0) -> events.ClusteringProgressed:
    return events.ClusteringProgressed(run_id=RUN, generation=generation, batch=batch, evaluations=evaluations)


def proposed(*numbers: int) -> events.PlaylistsProposed:
    facts = PlaylistFacts(tags=(("soul\x00", 2.5),), years=(1970, 1979), duration_s=600.0)
    return events.PlaylistsProposed(
        run_id=RUN,
        proposals=tuple(
            Proposal(number=number, name=f"Soul {number}", track_ids=(track(1), track(2)), facts=facts)
            for number in numbers
        ),
    )


def completed() -> events.ClusteringCompleted:
    return events.ClusteringCompleted(
        run_id=RUN, winner=evaluation(2, 0.8, rung=1), playlists=2, tracks=100, tracks_used=60, notes=("loosened",)
    )


def saved(number: int, *tracks: int, playlist: UUID = LIST, **fields: Any) -> PlaylistSaved:
    return PlaylistSaved.model_validate(
        {
            "playlist_id": playlist,
            "number": number,
            "name": "Soul",
            "recipe": ManualRecipe(),
            "track_ids": tuple(track(item) for item in tracks),
            "action": "created" if number == 1 else "edited",
            **fields,
        }
    )


def synced(playlist: UUID = LIST, server: UUID = SERVER, **fields: Any) -> events.PlaylistSynced:
    return events.PlaylistSynced.model_validate(
        {
            "run_id": SYNC,
            "playlist_id": playlist,
            "server_id": server,
            "account": "me",
            "number": 1,
            "remote_id": "r1",
            "remote_name": "Soul",
            "action": "created",
            "written": 2,
            **fields,
        }
    )


def not_synced(playlist: UUID = LIST, server: UUID = SERVER, **fields: Any) -> events.PlaylistSyncFailed:
    return events.PlaylistSyncFailed.model_validate(
        {
            "run_id": SYNC,
            "playlist_id": playlist,
            "server_id": server,
            "reason": "wrong_password",
            "detail": "Wrong user",
            **fields,
        }
    )


def left_out(reason: str, **fields: Any) -> events.PlaylistSyncSkipped:
    return events.PlaylistSyncSkipped.model_validate(
        {"run_id": SYNC, "playlist_id": LIST, "server_id": SERVER, "account": "me", "reason": reason, **fields}
    )


async def one(projector: Projecting, table: str) -> dict[str, Any]:
    return await projector.one(f"SELECT * FROM {table}")


async def tell_twice(projector: Projecting, *told: Event) -> None:
    """Tell, then hand everything so far over once more: same places, same ids; nothing may change."""
    await projector.tell(*told)
    before = [await _rows(projector, table) for table in _TABLES]
    async with projector.connection.transaction():
        await project(projector.connection, _PROJECTIONS, parse(projector.log))
    assert [await _rows(projector, table) for table in _TABLES] == before


async def _rows(projector: Projecting, table: str) -> list[str]:
    rows = await projector.all(f"SELECT t::text AS row FROM {table} t ORDER BY 1")
    return [row["row"] for row in rows]


async def test_a_clustering_runs_to_its_end(projector: Projecting) -> None:
    await tell_twice(projector, asked())
    assert (await one(projector, "clusterings"))["state"] == "requested"
    await tell_twice(
        projector,
        begun(),
        progressed(0, evaluation(0, 0.9), evaluation(1, 0.4, algorithm="gmm")),
        progressed(0, evaluation(2, 0.6, rung=1), generation=1),
    )
    row = await one(projector, "clusterings")
    assert (row["state"], row["tracks"], row["evaluated"], row["generation"]) == ("running", 100, 3, 1)
    assert json.loads(row["best"])["number"] == 2, "tried on more of the sample counts more than a higher score"
    assert json.loads(row["warnings"]) == ["few"]
    await tell_twice(projector, proposed(1, 2))
    assert (await one(projector, "clusterings"))["state"] == "composing"
    await tell_twice(projector, completed())
    row = await one(projector, "clusterings")
    assert (row["state"], row["playlists"], row["tracks_used"]) == ("completed", 2, 60)
    assert json.loads(row["notes"]) == ["loosened"]

    algorithms = await projector.all("SELECT algorithm, evaluated FROM clustering_algorithms ORDER BY algorithm")
    assert algorithms == [{"algorithm": "gmm", "evaluated": 1}, {"algorithm": "kmeans", "evaluated": 2}]
    generations = await projector.all("SELECT generation, best FROM clustering_generations ORDER BY generation")
    assert [round(row["best"], 3) for row in generations] == [0.9, 0.6]
    proposal = (await projector.all("SELECT * FROM clustering_proposals ORDER BY number"))[0]
    assert json.loads(proposal["facts"])["tags"] == [["soul", 2.5]]


async def test_a_batch_counts_once_wherever_it_is_told(projector: Projecting) -> None:
    await projector.tell(asked(), begun(), progressed(0, evaluation(0, 0.5)))
    await projector.tell(progressed(0, evaluation(0, 0.5)), progressed(1, evaluation(1, 0.6)))
    assert (await one(projector, "clusterings"))["evaluated"] == 2


async def test_after_a_cancellation_nothing_counts(projector: Projecting) -> None:
    await tell_twice(projector, asked(), begun(), events.ClusteringCancelled(run_id=RUN))
    failed = events.ClusteringFailed(run_id=RUN, reason="cancelled", detail="Somebody cancelled it.")
    await tell_twice(projector, progressed(0, evaluation(0, 0.5)), proposed(1), completed(), failed)
    row = await one(projector, "clusterings")
    assert (row["state"], row["evaluated"], row["winner"]) == ("cancelled", 0, None)
    assert await projector.count("clustering_proposals") == 0


async def test_what_nobody_asked_for_changes_nothing(projector: Projecting) -> None:
    await tell_twice(
        projector,
        begun(),
        progressed(0, evaluation(0, 0.5)),
        proposed(1),
        completed(),
        events.SyncStarted(run_id=SYNC, targets=(SyncTarget(playlist_id=LIST, server_id=SERVER),)),
        events.SyncCompleted(run_id=SYNC, state="completed", synced=1, skipped=0, failed=0),
        events.PlaylistRenamed(playlist_id=LIST, number=1, name="Nothing"),
        events.PlaylistDeleted(playlist_id=LIST, number=1),
        events.ScheduleRemoved(schedule_id=DAILY),
    )
    for table in ("clusterings", "clustering_proposals", "clustering_batches", "syncs", "playlists", "schedules"):
        assert await projector.count(table) == 0, table


async def test_playlists_are_kept_in_portions(projector: Projecting) -> None:
    await projector.tell(asked(), begun(), proposed(1, 2), completed())
    await tell_twice(projector, events.PlaylistsKept(run_id=RUN, created=(LIST,)))
    await tell_twice(projector, events.PlaylistsKept(run_id=RUN, created=(SECOND,), refreshed=(LIST,)))
    kept = json.loads((await one(projector, "clusterings"))["kept"])
    assert kept == {"created": [str(SECOND)], "refreshed": [str(LIST)], "unchanged": [], "locked": []}
    await tell_twice(projector, events.KeepingFailed(run_id=RUN, reason="gone", detail="It is gone."))
    assert (await one(projector, "clusterings"))["keeping_problem"] == "It is gone."


async def test_a_playlist_has_a_version_for_each_decision(projector: Projecting) -> None:
    recipe = ClusterRecipe(clustering_id=RUN, number=3)
    await tell_twice(projector, saved(1, 1, 2, 3, recipe=recipe, seed=9, run_id=RUN))
    await tell_twice(
        projector,
        events.PlaylistRenamed(playlist_id=LIST, number=2, name="Late\x00 soul"),
        events.PlaylistLocked(playlist_id=LIST, number=3, locked=True),
        saved(4, 2, 3, 4, 5, name="Late soul", locked=True, pinned=(track(2),), excluded_artists=("Bad",)),
        events.PlaylistDeleted(playlist_id=LIST, number=5),
    )
    row = await one(projector, "playlists")
    assert (row["version"], row["name"], row["locked"], row["deleted"]) == (5, "Late soul", True, True)
    assert row["track_ids"] == [track(2), track(3), track(4), track(5)]
    assert (row["pinned"], row["excluded_artists"]) == ([track(2)], ["Bad"])
    assert row["created_at"] < row["changed_at"]
    versions = await projector.all("SELECT * FROM playlist_versions ORDER BY version")
    assert [item["action"] for item in versions] == ["created", "renamed", "locked", "edited", "deleted"]
    assert [(item["added"], item["removed"]) for item in versions] == [(3, 0), (0, 0), (0, 0), (2, 1), (0, 0)]
    assert [item["locked"] for item in versions] == [False, False, True, True, True]

    await tell_twice(projector, saved(6, 1, 2, 3, action="restored", restored=1))
    assert (await one(projector, "playlists"))["deleted"] is False


async def test_a_decision_on_an_older_playlist_is_ignored(projector: Projecting) -> None:
    await projector.tell(saved(2, 9), saved(1, 1), saved(1, 2), saved(3, 3), saved(2, 4), saved(2, 5))
    row = await one(projector, "playlists")
    assert (row["version"], row["track_ids"]) == (2, [track(4)])
    assert await projector.count("playlist_versions") == 2


async def test_a_link_remembers_what_the_server_holds(projector: Projecting) -> None:
    await tell_twice(projector, added(), not_synced())
    assert (await one(projector, "playlist_links"))["account"] == ""
    await tell_twice(projector, synced(missing=1))
    link = await one(projector, "playlist_links")
    assert (link["account"], link["state"], link["remote_id"], link["number"]) == ("me", "synced", "r1", 1)
    assert (link["written"], link["missing"]) == (2, 1)

    await tell_twice(projector, not_synced(restored=True))
    link = await one(projector, "playlist_links")
    assert (link["account"], link["state"], link["remote_id"], link["detail"]) == ("me", "failed", "r1", "Wrong user")
    assert link["restored"] is True
    await tell_twice(projector, left_out("cancelled"))
    assert (await one(projector, "playlist_links"))["state"] == "failed"
    await tell_twice(projector, left_out("deleted_on_server", remote_id="r1"), removed())
    link = await one(projector, "playlist_links")
    assert (link["state"], link["detail"], link["synced_at"] < link["at"]) == ("deleted_on_server", None, True)
    gone = events.RemotePlaylistRemoved(run_id=SYNC, playlist_id=LIST, server_id=SERVER, account="me", remote_id="r1")
    await tell_twice(projector, gone)
    link = await one(projector, "playlist_links")
    assert (link["state"], link["remote_id"], link["written"]) == ("removed", None, 0)


async def test_a_sync_counts_each_target_under_its_last_outcome(projector: Projecting) -> None:
    targets = [(LIST, SERVER), (LIST, OTHER), (SECOND, SERVER)]
    begin = events.SyncStarted(
        run_id=SYNC, targets=tuple(SyncTarget(playlist_id=item, server_id=server) for item, server in targets)
    )
    await tell_twice(projector, events.SyncRequested(run_id=SYNC), begin)
    await tell_twice(projector, synced(), not_synced(server=OTHER), not_synced(playlist=derived_id("stray")))
    row = await one(projector, "syncs")
    assert (row["state"], row["targets"], row["synced"], row["skipped"], row["failed"]) == ("running", 3, 1, 0, 1)
    end = events.SyncCompleted(run_id=SYNC, state="completed", synced=1, skipped=1, failed=1)
    await tell_twice(projector, left_out("no_tracks", playlist_id=SECOND), end)
    row = await one(projector, "syncs")
    assert (row["state"], row["synced"], row["skipped"], row["failed"]) == ("completed", 1, 1, 1)
    await tell_twice(projector, synced(server=OTHER))
    row = await one(projector, "syncs")
    assert (row["synced"], row["failed"]) == (2, 0), "a retry moves a target to what came of it"


async def test_a_sync_that_could_not_begin_says_why(projector: Projecting) -> None:
    failed = events.SyncFailed(run_id=SYNC, reason="store_unavailable", detail="It does not answer.")
    await tell_twice(projector, events.SyncRequested(run_id=SYNC), failed)
    row = await one(projector, "syncs")
    assert (row["state"], row["reason"], row["detail"]) == ("failed", "store_unavailable", "It does not answer.")


async def test_a_schedule_remembers_when_it_fired(projector: Projecting) -> None:
    daily = events.ScheduleSet(schedule_id=DAILY, name="Daily", kind="refresh", cron="@daily", timezone="Europe/Oslo")
    await tell_twice(projector, daily)
    due = projector.log[0].raw.occurred_at
    await tell_twice(
        projector,
        events.ScheduleFired(schedule_id=DAILY, due_at=due, kind="refresh", run_id=RUN),
        daily.model_copy(update={"cron": "0 4 * * mon", "enabled": False}),
    )
    row = await one(projector, "schedules")
    assert (row["version"], row["cron"], row["enabled"], row["last_run_id"]) == (2, "0 4 * * mon", False, RUN)
    assert (row["last_due_at"], row["last_problem"], row["removed"]) == (due, None, False)
    await tell_twice(projector, events.ScheduleRemoved(schedule_id=DAILY))
    assert (await one(projector, "schedules"))["removed"] is True


async def test_plays_are_those_of_the_last_import(projector: Projecting) -> None:
    def imported(count: int) -> events.PlaysImported:
        plays = (TrackPlays(track_id=track(1), play_count=count, rating=4.5, favourite=True),)
        return events.PlaysImported(run_id=RUN, server_id=SERVER, plays=plays, last=True)

    await tell_twice(projector, imported(3), imported(2**40), imported(5))
    row = await one(projector, "track_plays")
    assert (row["play_count"], row["rating"], row["favourite"]) == (5, 4.5, True)


async def test_a_server_tells_how_it_is_logged_in_to_and_which_libraries_count(projector: Projecting) -> None:
    await projector.tell(added(server_type="plex", url="http://plex", login="token", libraries=("1", "7")))
    row = await one(projector, "servers")
    assert (row["login"], json.loads(row["libraries"])) == ("token", ["1", "7"])
    await projector.tell(events.ServerChanged(server_id=SERVER, name="Plex"))
    row = await one(projector, "servers")
    assert (row["login"], row["libraries"]) == ("password", None)


def _story() -> Sequence[Event]:
    """Everything once, most of it several times, so that batches cut it anywhere."""
    told: list[Event] = [added(), asked(), begun(), events.SyncRequested(run_id=SYNC)]
    targets = (SyncTarget(playlist_id=LIST, server_id=SERVER), SyncTarget(playlist_id=SECOND, server_id=OTHER))
    told.append(events.SyncStarted(run_id=SYNC, targets=targets))
    for number in range(1, 60):
        told += [progressed(number % 7, evaluation(number, number % 11 / 11), generation=number // 7)]
        told += [saved(number, number, number + 1), saved(number, number), saved(number + 1, playlist=SECOND)]
        told += [synced(number=number), not_synced(), left_out("no_tracks"), not_synced(SECOND, OTHER)]
    told += [events.ScheduleSet(schedule_id=DAILY, name="Daily", kind="sync", cron="@daily")] * 2
    told += [events.ScheduleRemoved(schedule_id=DAILY), events.ClusteringCancelled(run_id=derived_id("stray"))]
    plays = (TrackPlays(track_id=track(1), play_count=3, rating=0.1, last_played_at=START),)
    told += [events.PlaysImported(run_id=RUN, server_id=SERVER, plays=plays)] * 2
    return [*told, proposed(1), completed(), events.PlaylistsKept(run_id=RUN, created=(LIST,))]


async def test_however_the_log_is_cut_the_rows_are_the_same(projector: Projecting) -> None:
    await projector.feed([entry(event, number) for number, event in enumerate(_story(), 1)], random.Random(5))
    assert await compare(projector.settings) == []
    row = await one(projector, "clusterings")
    assert (row["evaluated"], row["state"]) == (59, "completed")
