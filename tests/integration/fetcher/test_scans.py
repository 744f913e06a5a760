"""Walking a library: what is new, changed, gone, unreadable; and never a deletion on account of a partial listing."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.fetcher.library import Library
from shared.audio_store import open_store
from shared.commands import AnalyzeTrack
from shared.events import (
    LibraryScanCompleted,
    LibraryScanFailed,
    Scope,
    TrackAnalysisFailed,
    TrackAnalysisSkipped,
    TrackAnalyzed,
    TracksDiscovered,
    TracksRemoved,
)
from shared.messages import Outcome, derived_id, wrap
from shared.settings import Settings
from shared.worker import Context
from tests import given, music
from tests.waiting import until
from tests.world import World, analyzed, vector, world


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[World]:
    async with world(settings.model_copy(update={"lease_s": 1.0, "retry_base_s": 0.02})) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    music.make_library(tmp_path / "music", music.many_songs(8, suffix="wav", seconds=0.1))
    return tmp_path / "music"


async def _analyse_all(here: World, folder: Path) -> None:
    """Given a library whose tracks are all analysed."""
    server = await here.folder(folder)
    async with here.fetching(), here.pretending_to_analyse():
        await here.run(server)
        await until(lambda: _count(here, LibraryScanCompleted, 1), "the first scan ended")
        await here.quiet()


async def _count(here: World, kind: type, count: int) -> bool:
    return len(await here.events(kind)) >= count


async def _again(here: World, scope: Scope = "needed") -> list[AnalyzeTrack]:
    """When the library is analysed once more; what the analyzer got."""
    async with here.fetching(), here.pretending_to_analyse() as got:
        await here.run(given.SERVER, scope=scope)
        await until(lambda: _scans_ended(here, 2), "the second scan ended")
        await here.quiet()
    return got


async def _scans_ended(here: World, count: int) -> bool:
    return len(await here.events(LibraryScanCompleted, LibraryScanFailed)) >= count


async def test_every_track_of_a_new_library_is_discovered_and_sent_to_the_analyzer(here: World, folder: Path) -> None:
    await _analyse_all(here, folder)

    (page,) = await here.events(TracksDiscovered)
    assert {track.title for track in page.tracks} == {f"Song {number:04d}" for number in range(8)}
    (completed,) = await here.events(LibraryScanCompleted)
    assert completed.total == 8
    assert len(await here.events(TrackAnalyzed)) == 8


async def test_a_second_run_analyses_nothing(here: World, folder: Path) -> None:
    await _analyse_all(here, folder)

    assert await _again(here) == []

    skipped = await here.events(TrackAnalysisSkipped)
    assert [event.reason for event in skipped] == ["unchanged"] * 8


async def _mixed(command: AnalyzeTrack, _: Context[None]) -> Outcome:
    """One track fails for good, one for the time being, one is heard by an older model, the others as they should."""
    number = int(Path(command.item_id).stem[-4:])
    if number < 2:
        failed = TrackAnalysisFailed(
            run_id=command.run_id,
            server_id=command.server_id,
            track_id=command.track_id,
            content_version=command.content_version,
            reason="corrupt",
            detail="cut off",
            permanent=number == 0,
        )
        return Outcome(events=(wrap(failed),))
    heard = analyzed(command)
    if number == 2:
        heard = heard.model_copy(update={"feature_version": heard.feature_version - 1})
    return Outcome(events=(wrap(heard, blob=vector(command.track_id)),))


@pytest.mark.parametrize(
    ("scope", "expected", "skipped"),
    [
        ("failed", [0, 1], {"not_selected"}),
        ("needed", [1, 2], {"unchanged", "unreadable_before"}),
        ("all", list(range(8)), set()),
    ],
)
async def test_what_is_analysed_again_is_what_was_asked_for(
    here: World, folder: Path, scope: Scope, expected: list[int], skipped: set[str]
) -> None:
    await here.folder(folder)
    async with here.fetching(), here.working("analyzer", {AnalyzeTrack: _mixed}, None):
        await here.run(given.SERVER)
        await until(lambda: _count(here, LibraryScanCompleted, 1), "the first scan ended")
        await here.quiet()

    got = await _again(here, scope)

    assert sorted(int(Path(command.item_id).stem[-4:]) for command in got) == expected
    assert {event.reason for event in await here.events(TrackAnalysisSkipped)} == skipped


async def test_changed_new_and_removed_files_are_recognised(here: World, folder: Path) -> None:
    await _analyse_all(here, folder)
    paths = sorted(folder.rglob("*.wav"))
    music.write_tone(paths[0], seconds=0.2)
    paths[1].unlink()
    music.write_tone(folder / "new.wav", seconds=0.1)

    got = await _again(here)

    assert {Path(command.item_id).name for command in got} == {paths[0].name, "new.wav"}
    (removed,) = await here.events(TracksRemoved)
    assert len(removed.track_ids) == 1
    (row,) = await here.rows("SELECT title, removed FROM tracks WHERE removed")
    assert row["title"] == paths[1].stem.split(" ", 1)[1]


async def test_a_library_that_is_gone_fails_by_name_and_loses_nothing(here: World, folder: Path) -> None:
    await _analyse_all(here, folder)
    shutil.rmtree(folder)

    assert await _again(here) == []

    (failed,) = await here.events(LibraryScanFailed)
    assert failed.reason == "folder_missing"
    assert await here.events(TracksRemoved) == []


async def test_a_library_that_suddenly_lists_nothing_loses_nothing(here: World, folder: Path) -> None:
    await _analyse_all(here, folder)
    shutil.rmtree(folder)
    folder.mkdir()

    await _again(here)

    (failed,) = await here.events(LibraryScanFailed)
    assert failed.reason == "library_empty"
    assert "8" in failed.detail
    assert await here.events(TracksRemoved) == []


async def test_an_empty_library_is_a_complete_scan(here: World, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    await _analyse_all(here, tmp_path / "nothing")
    (completed,) = await here.events(LibraryScanCompleted)
    assert completed.total == 0


async def test_a_link_that_leads_out_is_named_and_not_followed(here: World, folder: Path, tmp_path: Path) -> None:
    outside = music.write_tone(tmp_path / "outside.wav", seconds=0.1)
    (folder / "link.wav").symlink_to(outside)

    await _analyse_all(here, folder)

    problems = [problem for page in await here.events(TracksDiscovered) for problem in page.problems]
    assert len(problems) == 1
    assert "link.wav" in problems[0]
    assert len(await here.events(TrackAnalyzed)) == 8


async def test_a_file_that_vanishes_between_listing_and_fetching_is_a_named_failure(here: World, folder: Path) -> None:
    server = await here.folder(folder)
    victim = sorted(folder.rglob("*.wav"))[0]
    async with here.pretending_to_analyse():
        await here.ordered(
            given.fetch_audio(1).model_copy(update={"server_id": server, "item_id": "never/was.wav"}),
            given.fetch_audio(2).model_copy(
                update={"server_id": server, "item_id": victim.relative_to(folder).as_posix()}
            ),
        )
        async with here.fetching():
            await here.quiet()

    (failed,) = await here.events(TrackAnalysisFailed)
    assert failed.reason == "file_missing"
    assert str(folder) not in failed.detail
    assert len(await here.events(TrackAnalyzed)) == 1


async def test_the_next_page_waits_while_more_than_a_window_is_outstanding(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(350):
        (folder / f"{number:03d}.mp3").touch()
    async with world(settings.model_copy(update={"scan_window": 50})) as here:
        server = await here.folder(folder)
        async with here.fetching():
            await here.run(server)

            async def fetched() -> bool:
                return (await here.streams.backlog())["analyzer"] >= 100

            await until(fetched, "the first page is with the analyzer")
            for _ in range(20):
                backlog = await here.streams.backlog()
                assert backlog["fetcher"] + backlog["analyzer"] <= 50 + 100 + 1
            async with here.pretending_to_analyse() as got:
                await until(lambda: _count(here, LibraryScanCompleted, 1), "the scan ended")
                await here.quiet()
        assert len(got) == 350
        (completed,) = await here.events(LibraryScanCompleted)
        assert completed.total == 350


async def test_a_repeated_page_gives_the_same_answer_and_another_page_does_not_count_it_again(here: World) -> None:
    library = Library(here.settings, here.pool, open_store(here.settings))
    tracks = [given.track(number) for number in range(3)]
    first, second = derived_id("page", 1), derived_id("page", 2)

    assert await library.mark_seen(given.RUN, given.SERVER, first, tracks) == set(tracks)
    assert await library.mark_seen(given.RUN, given.SERVER, first, tracks) == set(tracks)
    assert await library.mark_seen(given.RUN, given.SERVER, second, [*tracks, given.track(9)]) == {given.track(9)}


async def test_an_unreadable_folder_inside_prevents_removals(here: World, folder: Path) -> None:
    await _analyse_all(here, folder)
    sorted(folder.rglob("*.wav"))[0].unlink()
    closed = folder / "closed"
    closed.mkdir()
    (closed / "x.wav").touch()
    # A name that cannot be listed for whoever runs the tests, root included: too deep for the kernel.
    deep = closed
    names = 0
    current = os.open(deep, os.O_RDONLY)
    while names < 40:
        os.mkdir("d" * 200, dir_fd=current)
        following = os.open("d" * 200, os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = following
        names += 1
    os.close(current)

    await _again(here)

    (*_, last) = await here.events(LibraryScanCompleted)
    assert last.incomplete
    assert await here.events(TracksRemoved) == []
