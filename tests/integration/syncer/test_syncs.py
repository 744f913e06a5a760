"""A sync from its command to its events."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from services.coordinator.reaction import Coordinator
from services.coordinator.reaction import create_tables as coordinator_tables
from services.syncer import handlers
from shared.commands import ImportPlays, RemoveRemotePlaylist, StartSync
from shared.errors import ServerUnavailable
from shared.events import (
    CommandFailed,
    PlaylistDeleted,
    PlaylistSynced,
    PlaylistSyncFailed,
    PlaylistSyncSkipped,
    PlaysImported,
    RemotePlaylistRemoved,
    ServerRemoved,
    SyncCompleted,
    SyncFailed,
    SyncRequested,
    SyncStarted,
    TracksRemoved,
)
from shared.follower import Follower
from shared.mediaservers.connections import Connections
from shared.messages import derived_id, track_id, uuid7
from shared.streams import Unit
from tests import given
from tests.integration.syncer.office import OUTCOMES, PLAYLIST, Office, command, office
from tests.mediabrowser import faults
from tests.mediabrowser.faults import Obey, Order
from tests.mediabrowser.records import EMBY, JELLYFIN_11
from tests.waiting import until
from tests.world import World

OTHER = derived_id("test", "other server")


@pytest.fixture
async def one(here: World) -> AsyncIterator[Office]:
    """One server with 20 tracks."""
    async with office(here) as made:
        yield made


async def test_nothing_to_do_is_a_sync_without_targets(one: Office) -> None:
    assert await one.synced() == []
    (started,) = await one.here.events(SyncStarted)
    assert started.targets == ()


async def test_every_playlist_goes_to_every_server_with_the_tracks_it_has(here: World) -> None:
    """The second server lists the same music under ids of its own, but for what it has lost."""
    async with office(here, {given.SERVER: JELLYFIN_11, OTHER: EMBY}) as both:
        lost = both.tracks((2,), OTHER)
        await here.happened(TracksRemoved(run_id=given.RUN, server_id=OTHER, track_ids=lost))
        await both.saved(1, both.tracks(range(4)))
        await both.saved(1, both.tracks((7, 5), OTHER), name="Other", playlist_id=OTHER)

        outcomes = await both.synced()

        assert len(outcomes) == 4 and {type(outcome) for outcome in outcomes} == {PlaylistSynced}
        held = {
            (outcome.playlist_id, outcome.server_id): await both.held.adapters[outcome.server_id].playlist_items(
                outcome.remote_id
            )
            for outcome in outcomes
        }
        here_items, there_items = both.worlds[given.SERVER].items, both.worlds[OTHER].items
        assert held[PLAYLIST, given.SERVER] == here_items[:4]
        assert held[PLAYLIST, OTHER] == (there_items[0], there_items[1], there_items[3])
        assert held[OTHER, given.SERVER] == (here_items[7], here_items[5])
        (short,) = [outcome for outcome in outcomes if outcome.missing]
        assert (short.server_id, short.playlist_id, short.written, short.missing) == (OTHER, PLAYLIST, 3, 1)
        assert {outcome.account for outcome in outcomes} == {both.server.account} != {""}

        again = await both.synced(playlist_ids=(PLAYLIST,))
        assert [outcome.action for outcome in again] == ["unchanged", "unchanged"]


async def test_what_is_named_and_not_there_is_skipped_by_name(one: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "_NAMED_PATIENCE_S", 0.3)
    await one.saved(1, one.tracks(range(3)))
    outcomes = await one.synced(playlist_ids=(PLAYLIST, OTHER), server_ids=(given.SERVER, OTHER))
    (synced,) = [outcome for outcome in outcomes if isinstance(outcome, PlaylistSynced)]
    reasons = {(outcome.playlist_id, outcome.server_id): outcome.reason for outcome in outcomes if outcome != synced}
    assert reasons == {
        (PLAYLIST, OTHER): "server_removed",
        (OTHER, given.SERVER): "playlist_deleted",
        (OTHER, OTHER): "playlist_deleted",
    }
    (started,) = await one.here.events(SyncStarted)
    assert len(started.targets) == 4


async def test_a_sync_waits_until_the_playlist_it_is_about_can_be_read(one: Office) -> None:
    await one.saved(1, one.tracks(range(3)))
    await one.here.happened(one.version(2, one.tracks(range(5))))
    await one.here.ordered(command(2))

    async def waiting() -> bool:
        return (await one.here.streams.backlog())["delayed"] > 0

    await until(waiting, "it looked and came back later")
    assert await one.here.events(*OUTCOMES) == []
    await one.here.projected()
    await one.here.quiet()
    (synced,) = await one.here.events(*OUTCOMES)
    assert (synced.number, synced.written) == (2, 5)


async def test_a_playlist_that_never_appears_is_a_named_failure(one: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "_VERSION_PATIENCE_S", 0.0)
    monkeypatch.setattr(handlers.ReadModelsBehind, "max_attempts", 1)
    await one.here.ordered(command(1))
    await one.here.quiet()
    (failed,) = await one.here.events(PlaylistSyncFailed)
    assert failed.reason == "read_models_behind"
    assert failed.restored is None


async def test_a_deleted_playlist_and_one_without_tracks_are_skipped(one: Office) -> None:
    await one.saved(1, (derived_id("unknown track"),))
    (skipped,) = await one.synced()
    assert skipped.reason == "no_tracks"
    await one.here.happened(PlaylistDeleted(playlist_id=PLAYLIST, number=2))
    await one.here.projected()
    await one.here.ordered(command(1))
    await one.here.quiet()
    assert (await one.here.events(PlaylistSyncSkipped))[-1].reason == "playlist_deleted"
    assert await one.listed() == {}


async def test_many_commands_about_one_playlist_make_one_playlist(one: Office) -> None:
    await one.saved(1, one.tracks(range(5)))
    await one.here.ordered(*(command() for _ in range(6)))
    await one.here.quiet()
    outcomes = await one.here.events(PlaylistSynced)
    assert sorted(outcome.action for outcome in outcomes) == ["created", *["unchanged"] * 5]
    assert len(await one.listed()) == 1


async def test_an_owner_who_deletes_a_playlist_is_obeyed_until_it_is_revived(one: Office) -> None:
    await one.saved(1, one.tracks(range(3)))
    (made,) = await one.synced()
    await one.server.delete_playlist(made.remote_id)
    for _ in range(2):
        (skipped,) = await one.synced()
        assert (skipped.reason, skipped.remote_id) == ("deleted_on_server", made.remote_id)
    assert await one.listed() == {}
    (revived,) = await one.synced(revive=True)
    assert revived.action == "created"


async def test_a_lost_journal_is_made_up_for_by_the_read_models(one: Office) -> None:
    await one.saved(1, one.tracks(range(3)))
    (made,) = await one.synced()
    await one.here.connection.execute("DELETE FROM sync_journal")
    (same,) = await one.synced()
    assert (same.action, same.remote_id) == ("unchanged", made.remote_id)
    await one.here.connection.execute("DELETE FROM sync_journal")
    await one.saved(2, one.tracks(range(5, 9)), name="New name")
    (changed,) = await one.synced()
    assert (changed.action, changed.remote_id, changed.remote_name) == ("updated", made.remote_id, "New name")
    assert await one.listed() == {made.remote_id: "New name"}


async def test_a_token_that_is_revoked_in_the_middle_is_a_named_failure_and_the_next_sync_completes(
    one: Office,
) -> None:
    await one.saved(1, one.tracks(range(6)))
    (made,) = await one.synced()
    server = one.world.server

    async def revoke(_: web.Request, obey: Obey) -> web.StreamResponse:
        server.revoke()
        server.logins_to_refuse = 1000
        return await obey()

    for call in range(1, 5):
        server.break_call(call, revoke)
        await one.saved(call + 1, one.tracks(range(11, call - 1, -1)))
        (failed,) = await one.synced()
        assert isinstance(failed, PlaylistSyncFailed), call
        assert failed.reason == "wrong_password"
        server.break_call(0, faults.error)
        server.logins_to_refuse = 0
        await one.new_login()
        assert await one.server.playlist_items(made.remote_id)
        (synced,) = await one.synced()
        assert (synced.action, synced.remote_id) == ("updated", made.remote_id)
        assert await one.server.playlist_items(made.remote_id) == tuple(reversed(one.world.items[call:12]))


async def test_a_server_that_stays_broken_is_told_in_its_own_words_and_the_next_sync_completes(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ServerUnavailable, "max_attempts", 2)
    here.settings.retry_base_s = 0.02
    async with office(here) as one:
        await one.saved(1, one.tracks(range(6)))
        (made,) = await one.synced()
        await one.saved(2, one.tracks(range(7, -1, -1)))
        one.world.server.orders = [Order(number, faults.error) for number in range(3, 400)]
        (failed,) = await one.synced()
        assert (failed.reason, await here.events(CommandFailed) != []) == ("server_unavailable", True)
        assert "half written" in failed.detail
        one.world.server.orders = []
        (synced,) = await one.synced()
        assert (synced.action, synced.remote_id) == ("updated", made.remote_id)
        assert await one.server.playlist_items(made.remote_id) == tuple(reversed(one.world.items[:8]))


async def test_a_removed_server_is_a_named_failure(here: World) -> None:
    async with office(here) as one:
        await one.saved(1, one.tracks(range(3)))
        await here.happened(ServerRemoved(server_id=given.SERVER))
        await here.projected()
        connections = Connections(here.settings, here.pool)
        one.held.of = connections.of  # type: ignore[method-assign]
        await here.ordered(command())
        await here.quiet()
        (failed,) = await here.events(PlaylistSyncFailed)
        assert failed.reason == "server_removed"


async def test_only_our_playlist_is_removed_from_the_server_and_a_restored_one_is_made_again(one: Office) -> None:
    by_hand = await one.world.by_hand("Soul", one.world.items[:3])
    await one.saved(1, one.tracks(range(3)))
    (made,) = await one.synced()
    assert set(await one.listed()) == {by_hand, made.remote_id}
    for _ in range(2):
        await one.here.ordered(RemoveRemotePlaylist(run_id=uuid7(), playlist_id=PLAYLIST, server_id=given.SERVER))
        await one.here.quiet()
    (removed,) = await one.here.events(RemotePlaylistRemoved)
    assert removed.remote_id == made.remote_id
    assert set(await one.listed()) == {by_hand}
    (again,) = await one.synced()
    assert again.action == "created"


async def test_five_thousand_tracks(here: World) -> None:
    async with office(here, tracks=5000) as one:
        await one.saved(1, one.tracks(range(5000)))
        (made,) = await one.synced()
        assert (made.action, made.written, made.missing) == ("created", 5000, 0)
        assert await one.server.playlist_items(made.remote_id) == one.world.items
        await one.saved(2, one.tracks(range(10, 5000)))
        (changed,) = await one.synced()
        assert (changed.action, changed.removed, changed.remote_id) == ("updated", 10, made.remote_id)
        assert await one.server.playlist_items(made.remote_id) == one.world.items[10:]


async def test_a_listening_history_is_read_as_far_as_its_tracks_are_known(one: Office) -> None:
    unknown = one.tracks((3,))[0]
    await one.here.ordered(ImportPlays(run_id=given.RUN, server_id=given.SERVER))
    await one.here.quiet()
    (imported,) = await one.here.events(PlaysImported)
    assert imported.last
    expected = {track_id(given.SERVER, item): played for item, played in one.world.played.items()}
    assert {plays.track_id: plays.play_count for plays in imported.plays} == {
        track: played.play_count for track, played in expected.items()
    }
    await one.here.connection.execute("DELETE FROM tracks WHERE track_id = $1", unknown)
    await one.here.ordered(ImportPlays(run_id=given.RUN, server_id=given.SERVER))
    await one.here.quiet()
    assert {plays.track_id for plays in (await one.here.events(PlaysImported))[-1].plays} == expected.keys() - {unknown}


async def test_an_empty_listening_history_ends_too(one: Office) -> None:
    for track in one.world.server.tracks:
        track.data = {}
    await one.here.ordered(ImportPlays(run_id=given.RUN, server_id=given.SERVER))
    await one.here.quiet()
    (imported,) = await one.here.events(PlaysImported)
    assert (imported.plays, imported.last) == ((), True)


async def test_a_sync_is_over_when_the_coordinator_has_counted_its_targets(one: Office) -> None:
    await coordinator_tables(one.here.settings)
    streams = one.here.streams
    follower = Follower("coordinator", one.here.settings, streams, Coordinator(streams, one.here.pool))
    await one.saved(1, one.tracks(range(3)))
    await one.saved(1, (derived_id("unknown track"),), name="Lost", playlist_id=OTHER)
    run_id = uuid7()
    await one.here.happened(SyncRequested(run_id=run_id))
    await one.here.ordered(StartSync(run_id=run_id))
    await one.here.quiet()
    while batch := await streams.log.page(follower.position, 500):
        await follower.step(one.here.connection, batch)
    (completed,) = await one.here.events(SyncCompleted)
    assert (completed.run_id, completed.state) == (run_id, "completed")
    assert (completed.synced, completed.skipped, completed.failed) == (1, 1, 0)
    await one.here.projected()
    (row,) = await one.here.rows("SELECT state, targets, synced, skipped FROM syncs")
    assert row == {"state": "completed", "targets": 2, "synced": 1, "skipped": 1}


async def test_what_has_not_begun_when_a_sync_is_cancelled_is_skipped(one: Office) -> None:
    await one.saved(1, one.tracks(range(3)))
    run_id = uuid7()
    await one.here.streams.log.append(Unit(uuid7(), flags={run_id: "cancelled"}))
    await one.here.ordered(command(run_id=run_id), StartSync(run_id=run_id))
    await one.here.quiet()
    (skipped,) = await one.outcomes(run_id)
    assert skipped.reason == "cancelled"
    (failed,) = await one.here.events(SyncFailed)
    assert failed.reason == "cancelled"
    assert await one.listed() == {}
