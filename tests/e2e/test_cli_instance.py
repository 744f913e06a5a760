"""The command line against a running Starling: a library analysed, asked for, and looked after."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import structlog

from services.cli import analysis, dead, library, replay
from services.cli.client import ApiError
from services.cli.doctor import examine
from services.cli.session import Session
from shared.commands import FetchAudio
from shared.errors import InvalidInput, StarlingError
from shared.messages import Failure, encode, wrap
from shared.streams import Streams
from shared.streams.dead import to_fields
from tests import music
from tests.e2e import cli_process
from tests.e2e.cli_process import Said
from tests.environment import clean_environment
from tests.instance import Instance

SONGS = len(music.library())


@dataclass(frozen=True, slots=True)
class Analysed:
    """An instance whose library was analysed from the command line, and what that said."""

    instance: Instance
    said: Said

    @property
    def session(self) -> Session:
        return Session(data_dir=self.instance.data_dir)

    async def starling(self, *arguments: str) -> Said:
        return await cli_process.run({}, *arguments, "--data-dir", str(self.instance.data_dir))


@pytest.fixture(scope="module")
def analysed(starling: Instance) -> Analysed:
    """The first thing a user does."""
    arguments = ("analyze", str(starling.music_dir), "--data-dir", str(starling.data_dir))
    return Analysed(starling, asyncio.run(cli_process.run({}, *arguments)))


@pytest.fixture
def frozen(analysed: Analysed) -> Iterator[None]:
    """The analyzer stands still, so that a run does not end by itself."""
    pid = analysed.instance.state().services["analyzer"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    """The JSON that was said."""
    return json.loads(capsys.readouterr().out)


async def tracks(analysed: Analysed) -> list[dict[str, Any]]:
    """What the instance knows."""
    return list((await analysed.instance.get("/api/v1/tracks?limit=200"))["items"])


def test_a_folder_is_connected_and_analysed_in_one_go(analysed: Analysed) -> None:
    said = analysed.said
    assert said.code == 0, said
    assert f"Connected {analysed.instance.music_dir} as a library." in said.err
    assert f"Done: {SONGS} tracks, {SONGS} analysed, in " in said.out
    assert "times real time" in said.out


async def test_analysed_again_by_its_name_there_is_nothing_to_do(
    analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    name = analysed.instance.music_dir.name
    assert await analysis.analyze(analysed.session, name, profile=None, force=False, wait=True, as_json=False) == 0
    assert capsys.readouterr().out.endswith(f"Nothing to do: {SONGS} tracks known and unchanged.\n")


async def test_a_program_gets_the_whole_run(analysed: Analysed, capsys: pytest.CaptureFixture[str]) -> None:
    session = analysed.session
    await analysis.analyze(
        session, str(analysed.instance.music_dir), profile="fast", force=False, wait=True, as_json=True
    )
    run = document(capsys)
    assert (run["state"], run["totals"]["skipped"]) == ("completed", SONGS)

    await analysis.list_runs(session, 5, as_json=True)
    assert document(capsys)[0]["id"] == run["id"]
    await analysis.show_run(session, "last", as_json=True)
    assert document(capsys)["id"] == run["id"]
    await analysis.show_run(session, run["id"][:35], as_json=False)
    assert f"skipped     {SONGS} ({SONGS} unchanged)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/no/such/folder", "there is no folder /no/such/folder; connected libraries: "),
        ("Nobody", "there is no library or folder named Nobody"),
        ("http://nas:4533", "http://nas:4533 is not connected; connect it at http"),
    ],
)
async def test_what_is_no_library_is_named(analysed: Analysed, target: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        await analysis.analyze(analysed.session, target, profile=None, force=False, wait=True, as_json=False)


async def test_the_status_tells_of_libraries_and_tracks(analysed: Analysed, capsys: pytest.CaptureFixture[str]) -> None:
    await library.status(analysed.session, as_json=True)
    status = document(capsys)
    assert status["url"] == analysed.instance.url
    assert (status["tracks"]["analysed"], status["libraries"][0]["analysed_count"]) == (SONGS, SONGS)

    assert (await analysed.starling("status")).out.startswith(f"Starling       {status['version']} at ")


async def test_who_is_at_work_is_shown_with_pace_and_release(analysed: Analysed) -> None:
    said = await analysed.starling("workers")
    assert said.code == 0, said
    headings, *rows = said.out.splitlines()
    assert headings.split()[:4] == ["service", "machine", "cores", "device"]
    assert [row.split()[0] for row in rows] == ["analyzer", "clusterer", "fetcher", "syncer"]
    document = (await analysed.starling("workers", "--json")).document()
    analyzer = document["items"][0]
    assert (analyzer["version"], analyzer["done"] >= SONGS) == (document["release"], True)
    assert analyzer["means"]["models"].startswith("musicnn")
    assert analyzer["means"]["device"] == rows[0].split()[3] == "cpu"


async def test_similar_songs_are_found_by_the_words_of_a_title(
    analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await library.similar(analysed.session, "don't stop", most=3, as_json=True) == 0
    found = document(capsys)
    assert found["track"]["title"] == "Don't Stop"
    assert len(found["items"]) == 3
    assert [item["distance"] for item in found["items"]] == sorted(item["distance"] for item in found["items"])

    assert await library.similar(analysed.session, found["track"]["id"], most=2, as_json=False) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "Sounds like Various Players - Don't Stop:"
    assert len(shown) == 4


async def test_words_that_can_mean_several_songs_list_them(
    analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await library.similar(analysed.session, "fixtures", most=3, as_json=False) == 2
    said = capsys.readouterr()
    assert "fixtures can mean 6 tracks; name one by its id:" in said.err
    assert said.out.count("The Fixtures") == 6
    with pytest.raises(StarlingError, match="no track matches 'zzzz'"):
        await library.similar(analysed.session, "zzzz", most=3, as_json=False)


async def test_a_dead_letter_is_listed_shown_and_sent_back_to_work(
    analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    track = (await tracks(analysed))[0]
    run = (await analysed.instance.get("/api/v1/runs?limit=1"))["items"][0]["id"]
    await bury(analysed.instance, track, UUID(run))

    await dead.list_letters(analysed.session, as_json=True)
    (letter,) = document(capsys)
    assert (letter["title"], letter["reason"]) == (track["title"], "gave_up")
    await dead.show_letter(analysed.session, letter["id"], as_json=False)
    assert "Traceback of a test" in capsys.readouterr().out

    assert await dead.retry(analysed.session, letter["id"], every=False) == 0
    assert capsys.readouterr().out == f"Sent back to work: {letter['id']}\n"
    with pytest.raises(ApiError, match="retried already"):
        await dead.retry(analysed.session, letter["id"], every=False)

    await bury(analysed.instance, track, UUID(run))
    assert await dead.retry(analysed.session, None, every=True) == 0
    assert capsys.readouterr().out.endswith("Sent back to work: 1 command.\n")
    await dead.list_letters(analysed.session, as_json=False)
    assert capsys.readouterr().out == "No command has been given up.\n"


async def bury(instance: Instance, track: dict[str, Any], run: UUID) -> None:
    """A dead letter about a track that can be fetched and analysed very well."""
    command = FetchAudio(
        run_id=run,
        server_id=track["server_id"],
        track_id=track["id"],
        item_id=track["item_id"],
        content_version="1",
        suffix=track["suffix"],
    )
    streams = Streams(instance.settings())
    fields = {
        name.encode(): value.encode() if isinstance(value, str) else value
        for name, value in encode(wrap(command)).items()
    }
    letter: dict[Any, Any] = to_fields(
        "fetcher", streams.keys.commands("fetcher"), fields, Failure("gave_up", "three times"), 4, "Traceback of a test"
    )
    try:
        await streams.client.xadd(streams.keys.dead, letter)
    finally:
        await streams.close()


async def test_retry_wants_one_letter_or_all(analysed: Analysed) -> None:
    for letter_id, every in ((None, False), ("1-0", True)):
        with pytest.raises(InvalidInput, match="--all"):
            await dead.retry(analysed.session, letter_id, every=every)


async def test_a_run_is_paused_watched_left_and_cancelled(
    analysed: Analysed, frozen: None, capsys: pytest.CaptureFixture[str]
) -> None:
    session = analysed.session
    await analysis.reprocess(session, None, scope="all", profile=None, wait=False, as_json=True)
    run = document(capsys)["run_id"]
    await analysis.command_run(session, run, "pause")
    assert capsys.readouterr().out == f"Run {run} is paused.\n"

    screen, code = await watch_in_a_terminal(analysed.instance, run)
    assert "Analysing" in screen
    assert f"The run goes on. 'starling runs {run} --watch' comes back to it" in screen
    assert code == 130

    await analysis.command_run(session, run, "resume")
    assert capsys.readouterr().out == f"Run {run} goes on.\n"
    # Asked for again, it is the same run that is shown.
    name = analysed.instance.music_dir.name
    await analysis.analyze(session, name, profile=None, force=False, wait=False, as_json=True)
    assert document(capsys)["run_id"] == run

    await analysis.command_run(session, run, "cancel")
    assert capsys.readouterr().out.startswith(f"Run {run} is ")


async def watch_in_a_terminal(instance: Instance, run: str) -> tuple[str, int]:
    """Watch a run until its bar says that it is paused, then interrupt. What the terminal got, and the exit code."""
    terminal, inside = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "runs", run, "--watch", "--data-dir", str(instance.data_dir)),
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=clean_environment({"TERM": "xterm-256color", "COLUMNS": "120"}),
    )
    os.close(inside)
    screen, interrupted = b"", False
    try:
        while chunk := await asyncio.wait_for(asyncio.to_thread(read_terminal, terminal), 30):
            screen += chunk
            if b"paused" in screen and not interrupted:
                process.send_signal(signal.SIGINT)
                interrupted = True
        return screen.decode(), await asyncio.wait_for(process.wait(), 30)
    finally:
        if process.returncode is None:
            process.kill()
        os.close(terminal)


def read_terminal(terminal: int) -> bytes:
    """What was written next; empty once the other side is gone."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""


async def test_a_cancelled_run_ends_with_1(analysed: Analysed) -> None:
    run = (await analysed.instance.get("/api/v1/runs?limit=1"))["items"][0]["id"]
    await analysed.instance.ended(run)
    said = await analysed.starling("runs", run, "--watch")
    assert said.code == 1
    assert said.out.startswith("Cancelled: ")
    assert said.out.count("\n") == 1


async def test_commanding_a_run_that_is_over_is_a_problem_in_one_line(analysed: Analysed) -> None:
    said = await analysed.starling("pause", "last")
    assert said.code == 1
    assert said.err.startswith("starling: ")
    assert said.err.count("\n") == 1


async def test_a_rebuild_changes_nothing_and_the_doctor_is_content(
    analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    before = await tracks(analysed)
    with structlog.testing.capture_logs():
        assert await replay.rebuild_read_models(analysed.session) == 0
        assert "Rebuilt the read models from " in capsys.readouterr().out
        assert await tracks(analysed) == before

        code = await examine(analysed.session, deep=True, as_json=False)
    said = capsys.readouterr()
    assert (code, said.out.splitlines()[-1]) == (0, "All is well."), said
