"""Commands that look into Redis and PostgreSQL themselves: events, replay, doctor."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog

from services.cli import events, replay
from services.cli.doctor import examine
from services.cli.doctor.machine import look_at_data_dir
from services.cli.session import Session
from services.projector.reaction import Projector
from services.projector.rebuild import ensure_current
from services.up.datadir import RunState, open_data_dir, sole_instance, write_state
from shared import postgres
from shared.commands import SERVICES
from shared.errors import ConfigurationError
from shared.events import RunPaused, ServerAdded, TrackAnalysisFailed
from shared.follower import FOLLOWERS, Follower
from shared.messages import Failure, derived_id, encode, wrap
from shared.settings import Settings
from shared.streams import Streams, Unit
from shared.streams.dead import to_fields
from tests import given
from tests.e2e import cli_process
from tests.environment import environment_of

OTHER_RUN = derived_id("test", "other run")
NOTHING = events.make_filter([], None)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The command line keeps the services' log lines off stdout; here its main function does not run."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables that lead to the test's stores, set for this process too."""
    found = {**environment_of(settings), "STARLING_URL": "http://127.0.0.1:9"}  # nothing listens there
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
async def streams(settings: Settings) -> AsyncIterator[Streams]:
    opened = Streams(settings)
    yield opened
    await opened.close()


@pytest.fixture
def session(environment: dict[str, str]) -> Session:
    return Session(url=environment["STARLING_URL"])


def failed(number: int, run: UUID = given.RUN) -> TrackAnalysisFailed:
    return TrackAnalysisFailed(
        run_id=run, server_id=given.SERVER, track_id=given.track(number), reason="corrupt", detail=f"file {number}"
    )


async def append(streams: Streams, *messages: Any, blob: bytes | None = None) -> int:
    """Add events to the log; the position of the last."""
    unit = Unit(id=derived_id(*messages), events=[wrap(message, blob=blob) for message in messages])
    return (await streams.log.append(unit)).position


async def project_everything(settings: Settings, streams: Streams) -> None:
    """What projector and coordinator would have done by now, as far as positions and read models go."""
    await ensure_current(settings, asyncio.Event())
    follower = Follower("projector", settings, streams, Projector(settings))
    connection = await postgres.open_connection(settings)
    try:
        follower.position = (
            await connection.fetchval("SELECT position FROM follower_positions WHERE name = 'projector'") or 0
        )
        while entries := await streams.log.page(follower.position, 500):
            await follower.step(connection, entries)
        await connection.execute(
            "INSERT INTO follower_positions VALUES ('coordinator', $1)"
            " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
            follower.position,
        )
        await streams.log.confirm("coordinator", follower.position)
    finally:
        await connection.close()


def documents(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was said: one JSON document a line."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_tail_shows_the_newest_events_that_are_wanted(
    session: Session, streams: Streams, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 6):
        await append(streams, failed(number))
    await append(streams, failed(6, OTHER_RUN), RunPaused(run_id=given.RUN))

    assert await events.tail(session, NOTHING, 2, as_json=True) == 0
    assert [found["type"] for found in documents(capsys)] == ["track.analysis_failed", "run.paused"]

    await events.tail(session, events.make_filter(["track.*"], str(given.RUN)), 3, as_json=True)
    assert [found["data"]["detail"] for found in documents(capsys)] == ["file 3", "file 4", "file 5"]

    await events.tail(session, NOTHING, 1, as_json=False)
    assert f"run.paused                run:{given.RUN}" in capsys.readouterr().out


async def test_tail_goes_on_in_the_archive_where_the_log_was_trimmed(
    session: Session, settings: Settings, streams: Streams, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 5):
        await append(streams, failed(number))
    await append(streams, failed(9, OTHER_RUN))
    await project_everything(settings, streams)
    assert await streams.log.trim(FOLLOWERS, keep_ms=-1000) == 4
    await append(streams, failed(5))

    await events.tail(session, events.make_filter(["track.*"], str(given.RUN)), 4, as_json=True)

    assert [found["data"]["detail"] for found in documents(capsys)] == [f"file {n}" for n in (2, 3, 4, 5)]


async def test_tail_of_an_empty_log_says_nothing(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert await events.tail(session, NOTHING, 50, as_json=False) == 0
    assert capsys.readouterr() == ("", "")


async def test_follow_shows_events_as_they_come_until_ctrl_c(environment: dict[str, str], streams: Streams) -> None:
    await append(streams, failed(1), failed(2))
    process = await cli_process.start(environment, "events", "follow", "-n", "1", "--type", "track.*", "--json")
    assert process.stdout is not None
    try:
        first = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        await append(streams, RunPaused(run_id=given.RUN), failed(3))
        second = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        process.send_signal(signal.SIGINT)
        rest, err = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()
    assert [first["data"]["detail"], second["data"]["detail"]] == ["file 2", "file 3"]
    assert (process.returncode, rest, err) == (0, b"", b"")


async def findings(session: Session, capsys: pytest.CaptureFixture[str], *, deep: bool = False) -> dict[str, Any]:
    """What the doctor finds, by the name of the check."""
    assert await examine(session, deep=deep, as_json=True) == 1, "the gateway is missing at least"
    return {found["check"]: found for found in json.loads(capsys.readouterr().out)}


async def test_the_doctor_says_what_is_missing_before_the_services_have_started(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await findings(session, capsys)
    assert [name for name, finding in found.items() if finding["state"] == "problem"] == [
        "read models",
        "consumer groups",
        "gateway",
    ]
    assert "start the projector" in found["read models"]["advice"]
    assert "Connection refused" in found["gateway"]["text"]
    assert found["redis"]["text"].startswith("Valkey")
    assert found["data directory"]["state"] == "ok"


async def test_the_doctor_finds_dead_letters_abandoned_work_and_a_projector_that_stands_still(
    session: Session, settings: Settings, streams: Streams, capsys: pytest.CaptureFixture[str]
) -> None:
    await append(streams, failed(1))
    await project_everything(settings, streams)
    for service in SERVICES:
        await streams.queue(service, "gone").ensure_groups()
    found = await findings(session, capsys)
    assert {name: f["state"] for name, f in found.items() if f["state"] != "ok"} == {
        "services": "note",
        "gateway": "problem",
        "index": "note",
    }

    command = wrap(given.fetch_audio())
    stream = streams.keys.commands("fetcher")
    fields: dict[Any, Any] = encode(command)
    await streams.client.xadd(stream, fields)
    queue = streams.queue("fetcher", "gone")
    await queue.hand_back((await queue.read(1))[0])
    raw = {name.encode(): value.encode() if isinstance(value, str) else value for name, value in fields.items()}
    letter: dict[Any, Any] = to_fields("fetcher", stream, raw, Failure("gave_up", "three times"), 4, "")
    await streams.client.xadd(streams.keys.dead, letter)
    await append(streams, failed(2))

    found = await findings(session, capsys)
    assert found["dead letters"]["text"] == "1 command given up"
    assert found["consumer groups"]["text"] == "1 command in the hands of a worker that is gone"
    assert found["followers"]["text"].startswith("projector is 1 events behind and does not move")


async def test_a_wrong_row_is_found_by_the_deep_check_and_mended_by_replay(
    session: Session, settings: Settings, streams: Streams, capsys: pytest.CaptureFixture[str]
) -> None:
    await append(streams, ServerAdded(server_id=given.SERVER, server_type="folder", name="music", path="/music"))
    await project_everything(settings, streams)
    connection = await postgres.open_connection(settings)
    try:
        await connection.execute("UPDATE servers SET name = 'wrong'")
        found = await findings(session, capsys, deep=True)
        assert found["rebuild"]["state"] == "problem"
        assert "servers, only live: " in found["rebuild"]["text"]

        assert await replay.rebuild_read_models(session) == 0
        assert capsys.readouterr().out.splitlines()[-1].startswith("Rebuilt the read models from 1 event in ")
        assert await connection.fetchval("SELECT name FROM servers") == "music"
    finally:
        await connection.close()
    assert (await findings(session, capsys, deep=True))["rebuild"]["state"] == "ok"


async def test_the_doctor_warns_of_a_server_that_would_lose_data(
    session: Session, streams: Streams, capsys: pytest.CaptureFixture[str]
) -> None:
    await streams.client.config_set("appendfsync", "no")
    try:
        found = await findings(session, capsys)
    finally:
        await streams.client.config_set("appendfsync", "always")
    assert "appendfsync always" in found["redis"]["text"]
    assert found["redis"]["state"] == "problem"


def test_a_data_directory_that_others_can_enter_is_a_problem(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    finding = look_at_data_dir(tmp_path)
    assert (finding.state, finding.advice) == ("problem", f"chmod 700 {tmp_path}")
    assert look_at_data_dir(tmp_path / "none").state == "note"


async def test_commands_say_so_when_there_is_nothing_to_look_into(tmp_path: Path) -> None:
    said = await cli_process.run({"STARLING_DATA_DIR": str(tmp_path / "none")}, "events", "tail")
    assert said.code == 2
    assert said.err == (
        f"starling: Starling is not running on {tmp_path / 'none'}; "
        "start it with 'starling up', or set STARLING_DATA_DIR\n"
    )


@pytest.fixture
def running(tmp_path: Path) -> Any:
    """A data directory with an instance on it, as far as its files tell."""
    data_dir = open_data_dir(tmp_path / "running")
    with sole_instance(data_dir):
        write_state(
            data_dir,
            RunState(1, "http://127.0.0.1:7", environment={"STARLING_LOCAL_TOKEN": "its own", "REDIS_URL": "r"}),
        )
        yield data_dir


def test_the_instance_on_the_data_directory_is_the_one_that_is_meant(
    running: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REDIS_URL", "POSTGRES_HOST", "STARLING_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    api = Session(data_dir=running).api()
    assert (api.url, api._token) == ("http://127.0.0.1:7", "its own")
    assert Session(data_dir=running).settings().redis_url.get_secret_value() == "r"


def test_its_token_never_goes_to_an_address_that_was_given(running: Path) -> None:
    assert Session(data_dir=running, url="http://elsewhere:1").api()._token is None
    assert Session(data_dir=running, token="mine").api()._token == "mine"


def test_a_used_data_directory_without_an_instance_does_not_mean_the_one_on_the_usual_port(tmp_path: Path) -> None:
    with sole_instance(open_data_dir(tmp_path / "stopped")):
        pass
    with pytest.raises(ConfigurationError, match="not running on"):
        Session(data_dir=tmp_path / "stopped").api()


def test_without_an_instance_the_usual_port_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_PORT", "8123")
    assert Session(data_dir=tmp_path / "new").api().url == "http://127.0.0.1:8123"
