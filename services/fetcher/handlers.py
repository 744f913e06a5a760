"""What the fetcher does with its commands; the dict at the foot says which."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.fetcher.choice import Choice, choose
from services.fetcher.library import Library
from shared.commands import AnalyzeTrack, FetchAudio, ScanLibraryPage, StartAnalysis
from shared.errors import LibraryUnusable
from shared.events import (
    AnalysisRunStarted,
    Event,
    LibraryScanCompleted,
    LibraryScanStarted,
    LibraryTrack,
    TrackAnalysisSkipped,
    TracksDiscovered,
    TracksRemoved,
)
from shared.mediaservers.base import ListingPage
from shared.messages import Outcome, Send, derived_id, track_id, wrap
from shared.worker import Context, Handler

_LOOK_AGAIN_S = 0.4
_REMOVED_AT_ONCE = 500


async def start_analysis(command: StartAnalysis, _: Context[Library]) -> Outcome:
    """Announce the run and send the first page of each library."""
    started: list[Event] = [
        AnalysisRunStarted(
            run_id=command.run_id, server_ids=command.server_ids, profile=command.profile, scope=command.scope
        )
    ]
    started += [LibraryScanStarted(run_id=command.run_id, server_id=server) for server in command.server_ids]
    first = (
        ScanLibraryPage(run_id=command.run_id, server_id=server, profile=command.profile, scope=command.scope)
        for server in command.server_ids
    )
    return Outcome(
        events=tuple(wrap(event) for event in started), commands=tuple(_send_page(page, high=True) for page in first)
    )


async def scan_library_page(command: ScanLibraryPage, ctx: Context[Library]) -> Outcome:
    """List one page, once there is room for the work it brings."""
    library = ctx.deps
    backlog = await ctx.streams.backlog()
    if backlog["fetcher"] + backlog["analyzer"] + backlog["delayed"] > library.settings.scan_window:
        return Outcome(postpone_s=_LOOK_AGAIN_S)
    server = await library.server(command.server_id)
    page = await server.list_page(command.cursor)
    listed = {track_id(command.server_id, item.item_id): item for item in page.items}
    fresh = await library.mark_seen(command.run_id, command.server_id, ctx.envelope.id, list(listed))
    known = await library.known(list(fresh))
    choice = choose(
        [(track, item) for track, item in listed.items() if track in fresh], known, command.scope, command.profile
    )
    described = await server.describe(choice.describe) if choice.describe else ()
    by_id = {track.track_id: track for track in described}
    events = _page_events(command, choice, described, page)
    fetches = [
        _fetch(command, track, item.content_version, by_id.get(track), item.item_id) for track, item in choice.analyse
    ]
    listed_so_far = command.listed + len(fresh)
    if page.next_cursor is None:
        events += await _end_of_scan(command, library, listed_so_far, incomplete=command.incomplete or page.incomplete)
        return Outcome(events=tuple(wrap(event) for event in events), commands=tuple(fetches))
    following = command.model_copy(
        update={
            "cursor": page.next_cursor,
            "page": command.page + 1,
            "listed": listed_so_far,
            "incomplete": command.incomplete or page.incomplete,
        }
    )
    return Outcome(
        events=tuple(wrap(event) for event in events), commands=(*fetches, _send_page(following, high=False))
    )


def _send_page(page: ScanLibraryPage, *, high: bool) -> Send:
    page_id = derived_id(page.run_id, page.server_id, "page", page.page)
    return Send(wrap(page, id=page_id), high=high)


def _page_events(
    command: ScanLibraryPage, choice: Choice, described: tuple[LibraryTrack, ...], page: ListingPage
) -> list[Event]:
    events: list[Event] = []
    if described or choice.unchanged or page.problems:
        events.append(
            TracksDiscovered(
                run_id=command.run_id,
                server_id=command.server_id,
                tracks=described,
                unchanged=choice.unchanged,
                problems=page.problems,
            )
        )
    events += [
        TrackAnalysisSkipped(run_id=command.run_id, server_id=command.server_id, track_id=track, reason=reason)
        for track, reason in choice.skip
    ]
    return events


def _fetch(
    command: ScanLibraryPage, track: UUID, content_version: str, described: LibraryTrack | None, item_id: str
) -> Send:
    fetch = FetchAudio(
        run_id=command.run_id,
        server_id=command.server_id,
        track_id=track,
        item_id=item_id,
        content_version=content_version,
        profile=command.profile,
        suffix=(described.suffix if described else None) or "",
        size_bytes=described.size_bytes if described else None,
    )
    return Send(wrap(fetch, id=derived_id(command.run_id, track, "fetch")))


async def _end_of_scan(command: ScanLibraryPage, library: Library, total: int, *, incomplete: bool) -> list[Event]:
    """What is known and was not listed is removed, provided that the listing was whole.

    A library that suddenly lists nothing at all is more likely an unmounted disk than an emptied one.
    """
    gone = await library.gone(command.run_id, command.server_id)
    if total == 0 and gone:
        raise LibraryUnusable(
            "library_empty",
            f"The library lists no track at all, but {len(gone)} were there before. Nothing was removed. "
            "Check that its disk is mounted; remove the library from Starling if it is meant to be empty.",
        )
    events: list[Event] = []
    if not incomplete:
        events += [
            TracksRemoved(
                run_id=command.run_id,
                server_id=command.server_id,
                track_ids=tuple(gone[start : start + _REMOVED_AT_ONCE]),
            )
            for start in range(0, len(gone), _REMOVED_AT_ONCE)
        ]
    events.append(
        LibraryScanCompleted(run_id=command.run_id, server_id=command.server_id, total=total, incomplete=incomplete)
    )
    return events


async def fetch_audio(command: FetchAudio, ctx: Context[Library]) -> Outcome:
    """Point the analyzer at the file where both share a disk, else download the original bytes for it."""
    started = time.perf_counter()
    library = ctx.deps
    server = await library.server(command.server_id)
    audio = await library.borrow(server, command) or await library.download(server, command, ctx.envelope.id)
    analyze = AnalyzeTrack(
        run_id=command.run_id,
        server_id=command.server_id,
        track_id=command.track_id,
        item_id=command.item_id,
        content_version=command.content_version,
        profile=command.profile,
        audio=audio,
        fetch_s=round(time.perf_counter() - started, 4),
    )
    return Outcome(commands=(Send(wrap(analyze, id=derived_id(ctx.envelope.id, "analyze"))),))


HANDLERS: Mapping[type[Any], Handler[Library]] = {
    StartAnalysis: start_analysis,
    ScanLibraryPage: scan_library_page,
    FetchAudio: fetch_audio,
}
