"""Proposals of a clustering become the listener's playlists: those that are recognised are refreshed in place, the
others are added. ``decide`` is pure; ``keep`` reads what it needs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.clusterer.naming import distinct_names
from shared import postgres
from shared.commands import KeepPlaylists
from shared.errors import LibraryUnusable, StoreUnavailable
from shared.events import ClusterRecipe, PlaylistSaved, PlaylistsKept
from shared.matching import recognise
from shared.messages import Outcome, derived_id, wrap

if TYPE_CHECKING:
    from shared.postgres import Connection, Pool

_NAME_STAYS = 0.5
"""Share of common tracks (Jaccard) from which a refreshed playlist keeps the name it has."""
_LOOK_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A proposal to keep."""

    number: int
    name: str
    track_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A playlist that a clustering made, as it is now."""

    playlist_id: UUID
    version: int
    name: str
    track_ids: tuple[UUID, ...]
    recipe: ClusterRecipe
    pinned: tuple[UUID, ...] = ()
    excluded: tuple[UUID, ...] = ()
    excluded_artists: tuple[str, ...] = ()
    locked: bool = False
    deleted: bool = False
    named_by_user: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """What a decision rests on."""

    run_id: UUID
    seed: int
    proposals: tuple[Wanted, ...]
    held: tuple[Held, ...]
    """Those not deleted, and deleted ones that this very clustering had made."""
    names: tuple[str, ...] = ()
    """Of all playlists not deleted, whoever made them."""
    artists: Mapping[UUID, str | None] = field(default_factory=dict)
    """Of the proposed tracks that the library still has."""


def playlist_id(run_id: UUID, number: int) -> UUID:
    """The id of the playlist that a proposal becomes, if it is not recognised."""
    return derived_id("playlist", run_id, number)


def decide(situation: Situation, *, sync: bool = False) -> tuple[tuple[PlaylistSaved, ...], PlaylistsKept]:
    """What is saved, and the sum of it. Locked playlists stay as they are; so do those that would not change, and
    those of which exclusions would leave nothing."""
    pairs = _pairs(situation)
    saved: list[PlaylistSaved] = []
    unchanged, locked = [], []
    names = _names(situation, pairs)
    for proposal in situation.proposals:
        held = pairs.get(proposal.number)
        if held and held.locked and not held.deleted:
            locked.append(held.playlist_id)
            continue
        event = _saved(situation, proposal, held, names[proposal.number])
        if held and not held.deleted and (not event.track_ids or _same(event, held)):
            unchanged.append(held.playlist_id)
        elif event.track_ids:
            saved.append(event)
    return tuple(saved), PlaylistsKept(
        run_id=situation.run_id,
        created=tuple(event.playlist_id for event in saved if event.action == "created"),
        refreshed=tuple(event.playlist_id for event in saved if event.action == "refreshed"),
        unchanged=tuple(unchanged),
        locked=tuple(locked),
        sync=sync,
    )


def _pairs(situation: Situation) -> dict[int, Held]:
    """Proposal number -> the playlist that it is: the one it became when it was kept before, or the one that shares
    most of its tracks."""
    own = {held.recipe.number: held for held in situation.held if held.recipe.clustering_id == situation.run_id}
    by_id = {held.playlist_id: held for held in situation.held}
    became: dict[int, UUID] = {}
    for proposal in situation.proposals:
        known = own.get(proposal.number) or by_id.get(playlist_id(situation.run_id, proposal.number))
        if known:
            became[proposal.number] = known.playlist_id
    proposals = {proposal.number: proposal.track_ids for proposal in situation.proposals}
    held = sorted(situation.held, key=lambda one: one.playlist_id)
    playlists = {one.playlist_id: one.track_ids for one in held if not one.deleted}
    return {number: by_id[key] for number, key in recognise(became, proposals, playlists).items()}


def _names(situation: Situation, pairs: Mapping[int, Held]) -> dict[int, str]:
    """A name for each proposal: the playlist's own where the user gave it or most tracks are the same, else the
    proposed one, with a number behind it if it is taken."""
    names: dict[int, str] = {}
    fresh: list[Wanted] = []
    for proposal in situation.proposals:
        held = pairs.get(proposal.number)
        if held and not held.deleted and _keeps_name(held, proposal):
            names[proposal.number] = held.name
        else:
            fresh.append(proposal)
    found = distinct_names([proposal.name for proposal in fresh], situation.names)
    return names | {proposal.number: name for proposal, name in zip(fresh, found, strict=True)}


def _keeps_name(held: Held, proposal: Wanted) -> bool:
    old, new = set(held.track_ids), set(proposal.track_ids)
    alike = len(old & new) >= _NAME_STAYS * len(old | new)
    return held.named_by_user or alike or held.name.casefold() == proposal.name.casefold()


def _saved(situation: Situation, proposal: Wanted, held: Held | None, name: str) -> PlaylistSaved:
    recipe = ClusterRecipe(clustering_id=situation.run_id, number=proposal.number)
    tracks = tuple(track for track in proposal.track_ids if track in situation.artists)
    if held is None:
        return PlaylistSaved(
            playlist_id=playlist_id(situation.run_id, proposal.number),
            number=1,
            name=name,
            recipe=recipe,
            seed=situation.seed,
            track_ids=tracks,
            action="created",
            run_id=situation.run_id,
        )
    return PlaylistSaved(
        playlist_id=held.playlist_id,
        number=held.version + 1,
        name=name,
        recipe=recipe,
        seed=situation.seed,
        track_ids=refreshed(tracks, held, situation.artists),
        pinned=held.pinned,
        excluded=held.excluded,
        excluded_artists=held.excluded_artists,
        locked=held.locked,
        action="created" if held.deleted else "refreshed",
        run_id=situation.run_id,
    )


def refreshed(tracks: Sequence[UUID], held: Held, artists: Mapping[UUID, str | None]) -> tuple[UUID, ...]:
    """``tracks`` without what the listener excluded, and with what is pinned at the places where it was."""
    pinned, excluded = set(held.pinned), set(held.excluded)
    unwanted = {name.casefold().strip() for name in held.excluded_artists}
    result = [
        track
        for track in tracks
        if track not in pinned | excluded and (artists.get(track) or "").casefold().strip() not in unwanted - {""}
    ]
    places = {track: place for place, track in enumerate(held.track_ids)}
    for track in sorted(held.pinned, key=lambda track: places.get(track, len(places))):
        result.insert(min(places.get(track, len(result)), len(result)), track)
    return tuple(result)


def _same(event: PlaylistSaved, held: Held) -> bool:
    return event.track_ids == held.track_ids and event.name == held.name


async def keep(command: KeepPlaylists, pool: Pool, *, patience_s: float = 5.0) -> Outcome:
    """Handle ``KeepPlaylists``. Waits up to ``patience_s`` for the read models to know the clustering's end, and raises
    ``StoreUnavailable`` if they do not; ``LibraryUnusable`` (clustering_unfinished, unknown_proposal) when there is
    nothing to keep."""
    situation = await _situation(command, pool, patience_s)
    saved, kept = decide(situation, sync=command.sync)
    events = [wrap(event, id=derived_id("kept", command.run_id, event.playlist_id, event.number)) for event in saved]
    return Outcome(events=(*events, wrap(kept)))


async def _situation(command: KeepPlaylists, pool: Pool, patience_s: float) -> Situation:
    deadline = time.monotonic() + patience_s
    while True:
        async with _reading(pool) as connection:
            seed = await _finished(command, connection)
            if seed is not None:
                return await _read(command, connection, seed)
        if time.monotonic() > deadline:
            raise StoreUnavailable("the read models do not know yet that this clustering has ended")
        await asyncio.sleep(_LOOK_AGAIN_S)


@asynccontextmanager
async def _reading(pool: Pool) -> AsyncIterator[Connection]:
    """A view of one moment."""
    async with (
        postgres.reading(pool) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


async def _finished(command: KeepPlaylists, connection: Connection) -> int | None:
    """The clustering's seed once all its proposals are there, None before."""
    row = await connection.fetchrow(
        "SELECT state, seed, playlists,"
        " (SELECT count(*) FROM clustering_proposals p WHERE p.run_id = c.run_id) AS proposals"
        " FROM clusterings c WHERE run_id = $1",
        command.run_id,
    )
    if row is None or row["state"] in ("requested", "running", "composing"):
        return None
    if row["state"] != "completed":
        raise LibraryUnusable("clustering_unfinished", "This clustering ended without playlists; start another one.")
    return int(row["seed"]) if row["proposals"] >= (row["playlists"] or 0) else None


_HELD = """
SELECT playlist_id, version, name, track_ids, recipe, pinned, excluded, excluded_artists, locked, deleted
  FROM playlists
 WHERE recipe ->> 'kind' = 'cluster' AND (NOT deleted OR recipe ->> 'clustering_id' = $1::text)
 ORDER BY playlist_id
"""
_NAMED_BY_USER = """
SELECT DISTINCT playlist_id
  FROM (SELECT playlist_id, action, name, lag(name) OVER (PARTITION BY playlist_id ORDER BY version) AS before
          FROM playlist_versions WHERE playlist_id = ANY($1::uuid[])) AS v
 WHERE name <> before AND action NOT IN ('created', 'refreshed')
"""


async def _read(command: KeepPlaylists, connection: Connection, seed: int) -> Situation:
    rows = await connection.fetch(
        "SELECT number, name, track_ids FROM clustering_proposals WHERE run_id = $1"
        " AND (cardinality($2::int[]) = 0 OR number = ANY($2::int[])) ORDER BY number",
        command.run_id,
        list(command.numbers),
    )
    missing = set(command.numbers) - {row["number"] for row in rows}
    if missing:
        raise LibraryUnusable("unknown_proposal", f"This clustering has no proposal {min(missing)}.")
    held = await connection.fetch(_HELD, str(command.run_id))
    named = await connection.fetch(_NAMED_BY_USER, [row["playlist_id"] for row in held])
    users = {row["playlist_id"] for row in named}
    names = await connection.fetch("SELECT name FROM playlists WHERE NOT deleted")
    tracks = list({track for row in rows for track in row["track_ids"]})
    artists = await connection.fetch(
        "SELECT track_id, artist FROM tracks WHERE track_id = ANY($1::uuid[]) AND NOT removed", tracks
    )
    return Situation(
        run_id=command.run_id,
        seed=seed,
        proposals=tuple(Wanted(row["number"], row["name"], tuple(row["track_ids"])) for row in rows),
        held=tuple(_held(row, row["playlist_id"] in users) for row in held),
        names=tuple(row["name"] for row in names),
        artists={row["track_id"]: row["artist"] for row in artists},
    )


def _held(row: Any, named_by_user: bool) -> Held:
    return Held(
        playlist_id=row["playlist_id"],
        version=row["version"],
        name=row["name"],
        track_ids=tuple(row["track_ids"]),
        recipe=ClusterRecipe.model_validate(json.loads(row["recipe"])),
        pinned=tuple(row["pinned"]),
        excluded=tuple(row["excluded"]),
        excluded_artists=tuple(row["excluded_artists"]),
        locked=row["locked"],
        deleted=row["deleted"],
        named_by_user=named_by_user,
    )
