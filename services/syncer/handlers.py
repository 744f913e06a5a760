"""What the syncer does with its commands; the dict at the foot says which."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from services.syncer.journal import Journal
from services.syncer.library import Library, Playlist
from services.syncer.writing import LeftAlone, NotWritten, Wanted, Writer, Written, remove
from shared.commands import ImportPlays, RemoveRemotePlaylist, StartSync, SyncPlaylist
from shared.errors import Permanent, Transient
from shared.events import (
    Event,
    PlaylistSynced,
    PlaylistSyncFailed,
    PlaylistSyncSkipped,
    PlaysImported,
    RemotePlaylistRemoved,
    SyncStarted,
    SyncTarget,
    TrackPlays,
)
from shared.mediaservers.base import Played, PlaylistServer
from shared.messages import Envelope, Outcome, Send, derived_id, track_id, wrap
from shared.worker import Context, Handler

_LOOK_AGAIN_S = 0.2
_PLAYS_AT_ONCE = 500
_NAMED_PATIENCE_S = 3.0
"""How long a playlist or server that was named may take to appear in the read models."""
_VERSION_PATIENCE_S = 20.0


class ReadModelsBehind(Transient):
    """The read models do not know a playlist yet."""

    reason: ClassVar[str] = "read_models_behind"


async def start_sync(command: StartSync, ctx: Context[Library]) -> Outcome:
    """Say which playlists go to which servers, and send a command for each."""
    library = ctx.deps
    playlists = await library.playlists(command.playlist_ids)
    servers = await library.servers(command.server_ids)
    unknown = set(command.playlist_ids) - set(playlists) | set(command.server_ids) - set(servers)
    if unknown and _age_s(ctx.envelope) < _NAMED_PATIENCE_S:
        return Outcome(postpone_s=_LOOK_AGAIN_S)
    targets = [
        SyncTarget(playlist_id=playlist_id, server_id=server_id)
        for playlist_id in dict.fromkeys((*playlists, *command.playlist_ids))
        for server_id in dict.fromkeys((*servers, *command.server_ids))
    ]
    events: list[Event] = [SyncStarted(run_id=command.run_id, targets=tuple(targets))]
    sends = []
    for target in targets:
        reason = "playlist_deleted" if target.playlist_id not in playlists else "server_removed"
        if target.playlist_id in playlists and target.server_id in servers:
            sends.append(_send(command, target, playlists[target.playlist_id]))
        else:
            events.append(PlaylistSyncSkipped(run_id=command.run_id, reason=reason, **dict(target)))
    return Outcome(events=tuple(wrap(event) for event in events), commands=tuple(sends))


def _send(command: StartSync, target: SyncTarget, number: int) -> Send:
    sync = SyncPlaylist(run_id=command.run_id, number=number, revive=command.revive, **dict(target))
    return Send(wrap(sync, id=derived_id(command.run_id, target.playlist_id, target.server_id, "sync")))


def _age_s(envelope: Envelope[Any]) -> float:
    return abs((datetime.now(UTC) - envelope.occurred_at).total_seconds())


async def sync_playlist(command: SyncPlaylist, ctx: Context[Library]) -> Outcome:
    """Write one playlist to one server, once the read models know it as it was meant and nobody else is at it."""
    library = ctx.deps
    async with library.alone(command.playlist_id, command.server_id) as connection:
        if connection is None:
            return Outcome(postpone_s=_LOOK_AGAIN_S)
        playlist = await library.playlist(command.playlist_id)
        if playlist is None or playlist.version < command.number:
            return _wait(command, ctx)
        if playlist.deleted:
            return _skipped(command, "playlist_deleted")
        server = await library.server(command.server_id)
        journal = Journal(connection, command.playlist_id, command.server_id, server.account, ctx.envelope.id)
        return await _write(command, library, playlist, server, journal)


def _wait(command: SyncPlaylist, ctx: Context[Library]) -> Outcome:
    if _age_s(ctx.envelope) < _VERSION_PATIENCE_S:
        return Outcome(postpone_s=_LOOK_AGAIN_S)
    raise ReadModelsBehind(f"version {command.number} of the playlist is not known here yet; is the projector running?")


async def _write(
    command: SyncPlaylist, library: Library, playlist: Playlist, server: PlaylistServer, journal: Journal
) -> Outcome:
    resolved = await library.resolve(playlist, command.server_id)
    if not resolved.items:
        return _skipped(command, "no_tracks", account=server.account)
    wanted = Wanted(playlist.name, resolved.items, resolved.missing)
    try:
        result = await Writer(server, journal).write(wanted, revive=command.revive)
    except NotWritten as error:
        return _failed(command, server, error)
    if isinstance(result, LeftAlone):
        return _skipped(command, result.reason, account=server.account, remote_id=result.remote_id)
    return _synced(command, playlist, server, result)


def _synced(command: SyncPlaylist, playlist: Playlist, server: PlaylistServer, result: Written) -> Outcome:
    synced = PlaylistSynced(
        run_id=command.run_id,
        playlist_id=command.playlist_id,
        server_id=command.server_id,
        account=server.account,
        number=playlist.version,
        remote_id=result.remote_id,
        remote_name=result.name,
        action=result.action,
        written=result.written,
        missing=result.missing,
        added=result.added,
        removed=result.removed,
    )
    return Outcome(events=(wrap(synced),))


def _skipped(command: SyncPlaylist, reason: str, *, account: str = "", remote_id: str | None = None) -> Outcome:
    skipped = PlaylistSyncSkipped(
        run_id=command.run_id,
        playlist_id=command.playlist_id,
        server_id=command.server_id,
        account=account,
        reason=reason,
        remote_id=remote_id,
    )
    return Outcome(events=(wrap(skipped),))


def _failed(command: SyncPlaylist, server: PlaylistServer, error: NotWritten) -> Outcome:
    """What will not get better by itself is an event; anything else is raised to be tried again, and says what the
    server holds meanwhile."""
    if isinstance(error.cause, Permanent):
        failed = PlaylistSyncFailed(
            run_id=command.run_id,
            playlist_id=command.playlist_id,
            server_id=command.server_id,
            account=server.account,
            reason=error.cause.reason,
            detail=error.cause.detail,
            restored=error.restored,
        )
        return Outcome(events=(wrap(failed),))
    holds = "" if error.restored is not False else " The playlist on the server is half written; sync it again."
    if error.restored:
        holds = " The playlist on the server is as it was before."
    raise type(error.cause)(error.cause.detail + holds, retry_after_s=error.cause.retry_after_s) from error


async def remove_remote_playlist(command: RemoveRemotePlaylist, ctx: Context[Library]) -> Outcome:
    """Delete our copy of a playlist on one server. No copy is no work; a copy that is gone already is fine."""
    library = ctx.deps
    async with library.alone(command.playlist_id, command.server_id) as connection:
        if connection is None:
            return Outcome(postpone_s=_LOOK_AGAIN_S)
        server = await library.server(command.server_id)
        journal = Journal(connection, command.playlist_id, command.server_id, server.account, ctx.envelope.id)
        remote_id = await remove(server, journal)
    if remote_id is None:
        return Outcome()
    removed = RemotePlaylistRemoved(
        run_id=command.run_id,
        playlist_id=command.playlist_id,
        server_id=command.server_id,
        account=server.account,
        remote_id=remote_id,
    )
    return Outcome(events=(wrap(removed),))


async def import_plays(command: ImportPlays, ctx: Context[Library]) -> Outcome:
    """Read a server's listening history, as far as it is about tracks that Starling knows."""
    library = ctx.deps
    server = await library.server(command.server_id)
    plays: list[TrackPlays] = []
    async for chunk in server.plays():
        by_track = {track_id(command.server_id, played.item_id): played for played in chunk}
        known = await library.known(command.server_id, list(by_track))
        plays += [_plays(track, played) for track, played in by_track.items() if track in known]
    starts = range(0, max(1, len(plays)), _PLAYS_AT_ONCE)
    events = (
        PlaysImported(
            run_id=command.run_id,
            server_id=command.server_id,
            plays=tuple(plays[start : start + _PLAYS_AT_ONCE]),
            last=start == starts[-1],
        )
        for start in starts
    )
    return Outcome(events=tuple(wrap(event) for event in events))


def _plays(track: UUID, played: Played) -> TrackPlays:
    return TrackPlays(
        track_id=track,
        play_count=max(0, played.play_count),
        last_played_at=played.last_played_at,
        rating=None if played.rating is None else min(5.0, max(0.0, played.rating)),
        favourite=played.favourite,
    )


HANDLERS: Mapping[type[Any], Handler[Library]] = {
    StartSync: start_sync,
    SyncPlaylist: sync_playlist,
    RemoveRemotePlaylist: remove_remote_playlist,
    ImportPlays: import_plays,
}
