"""`starling up` as a whole: it starts, keeps running, stops, and leaves nothing behind, whatever is done to it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.up import ports
from services.up.datadir import RunState, load_environment, load_state
from shared.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
OURS = ("REDIS_URL", "POSTGRES_", "STARLING_", "FAKE_")


def until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
    """Return as soon as ``condition`` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended; whether its parent has taken note is not its matter."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Instance:
    """One `starling up` on a data directory, with fake services."""

    def __init__(self, data_dir: Path, *arguments: str, prefix: tuple[str, ...] = (), **environment: str) -> None:
        self.data_dir = data_dir
        self.port = int(environment.get("STARLING_PORT", "0")) or ports.choose()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        given = {"STARLING_DATA_DIR": str(data_dir), "STARLING_PORT": str(self.port), **environment}
        self._log = data_dir.with_name(f"{data_dir.name}-{self.port}.log")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "tests.e2e.fake_system", *arguments],
                cwd=ROOT,
                env={**kept, "PYTHONDONTWRITEBYTECODE": "1", **given},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    @property
    def state(self) -> RunState:
        return load_state(self.data_dir)

    def says(self, text: str, times: int = 1) -> None:
        """Wait until ``text`` was said."""
        until(lambda: self.output.count(text) >= times or self.process.poll() is not None, text)
        assert self.output.count(text) >= times, self.output

    def is_up(self) -> Instance:
        """Wait until it is ready and its worker works."""
        self.says("Starling is ready: ")
        self.says('"worker_lives"')
        return self

    def family(self) -> list[psutil.Process]:
        """It and all processes below it."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def ask_to_stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def lives(self) -> list[tuple[int, int]]:
        """What its worker counted, in PostgreSQL and in Redis, at each of its starts."""
        records = [json.loads(line) for line in self.output.splitlines() if '"worker_lives"' in line]
        return [(record["postgres"], record["redis"]) for record in records]


Start = Callable[..., Instance]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts instances, on ``tmp_path / "data"`` if not told otherwise. Whatever still runs in the end is killed."""
    with contextlib.ExitStack() as stack:

        def start_one(*arguments: str, data_dir: Path = tmp_path / "data", **options: Any) -> Instance:
            instance = Instance(data_dir, *arguments, **options)
            stack.callback(instance.process.wait)
            stack.callback(instance.process.kill)
            return instance

        yield start_one


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance for tests that only look at it."""
    folder = tmp_path_factory.mktemp("lasting")
    (folder / "token").write_text("a token from a file")
    instance = Instance(folder / "data", STARLING_TOKEN_FILE=str(folder / "token")).is_up()
    yield instance
    instance.ask_to_stop()


def test_ctrl_c_stops_everything_in_seconds_and_the_next_start_goes_on_from_there(start: Start) -> None:
    first = start().is_up()
    family = first.family()
    secret = Path(load_environment(first.data_dir)["STARLING_SECRET_KEY_FILE"]).read_text()
    asked_at = time.monotonic()

    assert first.ask_to_stop() == 0

    assert time.monotonic() - asked_at < 8
    assert [process for process in family if not is_gone(process)] == []
    with pytest.raises(ConfigurationError, match="is not running"):
        load_environment(first.data_dir)
    second = start().is_up()
    assert second.lives() == [(2, 2)]
    assert Path(load_environment(second.data_dir)["STARLING_SECRET_KEY_FILE"]).read_text() == secret
    assert second.ask_to_stop(signal.SIGTERM) == 0


def test_what_runs_can_be_found_by_the_owner_alone(lasting: Instance) -> None:
    instance = lasting
    state = instance.state

    assert state.pid == instance.process.pid
    assert state.url == f"http://127.0.0.1:{instance.port}"
    assert sorted(state.servers) == ["postgres", "valkey"]
    assert sorted(state.services) == ["gateway", "worker"]
    running = {process.pid for process in instance.family()}
    assert {*state.servers.values(), *state.services.values()} < running
    environment = load_environment(instance.data_dir)
    assert environment["STARLING_DATA_DIR"] == str(instance.data_dir)
    assert environment["POSTGRES_PASSWORD"] not in instance.output
    assert stat.S_IMODE(instance.data_dir.stat().st_mode) == 0o700
    for name in ("run.json", "secret.key", "lock"):
        assert stat.S_IMODE((instance.data_dir / name).stat().st_mode) == 0o600

    assert environment["STARLING_TOKEN"] == "a token from a file"
    assert environment["STARLING_SECRET_KEY_FILE"] == str(instance.data_dir / "secret.key")
    secrets = [environment["POSTGRES_PASSWORD"], (instance.data_dir / "secret.key").read_text().strip()]
    commands = " ".join(word for process in instance.family() for word in process.cmdline())
    assert [secret for secret in secrets if secret in commands + instance.output] == []


def test_kill_9_of_the_parent_leaves_no_orphan_and_the_next_start_finds_everything(start: Start) -> None:
    first = start().is_up()
    until(lambda: "sleep" in [process.name() for process in first.family()], "the worker has a child of its own")
    family = first.family()

    first.process.kill()
    second = start()

    until(lambda: all(is_gone(process) for process in family), "every process of the first instance ends")
    assert second.is_up().lives() == [(2, 2)]
    assert second.ask_to_stop() == 0


def test_whatever_is_killed_comes_back_in_the_same_place(start: Start) -> None:
    instance = start().is_up()
    before = instance.state

    for pid in (*before.servers.values(), *before.services.values()):
        os.kill(pid, signal.SIGKILL)

    def all_new() -> bool:
        after = instance.state
        pids = {**after.servers, **after.services}
        return all(pids.get(name) != pid for name, pid in {**before.servers, **before.services}.items())

    until(all_new, "every process is replaced")
    until(lambda: len(instance.lives()) >= 2, "the worker works again")
    assert min(instance.lives()[-1]) >= 2, "both servers remember the life before"
    assert instance.state.environment == before.environment
    assert "PostgreSQL was killed by SIGKILL; it starts again in 0.2 s" in instance.output
    assert instance.ask_to_stop() == 0


def test_services_come_back_after_the_process_that_forks_them_was_killed(
    start: Start, configured: dict[str, str]
) -> None:
    instance = start(**configured).is_up()
    before = instance.state.services
    (fork_server,) = {psutil.Process(pid).ppid() for pid in before.values()}
    services = [psutil.Process(pid) for pid in before.values()]

    os.kill(fork_server, signal.SIGKILL)

    until(lambda: all(is_gone(process) for process in services), "they die with it")
    until(lambda: len(instance.lives()) >= 2, "the worker works again")
    assert "worker was killed by SIGKILL; it starts again in 0.5 s" in instance.output
    assert instance.state.services.keys() == before.keys()
    assert instance.ask_to_stop() == 0


def test_a_process_that_forks_no_more_is_not_waited_for(start: Start, configured: dict[str, str]) -> None:
    instance = start(FAKE_GRACE_S="0.2", **configured).is_up()
    family = instance.family()
    (fork_server,) = {psutil.Process(pid).ppid() for pid in instance.state.services.values()}

    os.kill(fork_server, signal.SIGSTOP)

    assert instance.ask_to_stop() == 0
    assert [process for process in family if not is_gone(process)] == []


def test_a_service_that_cannot_be_imported_fails_alone_and_in_its_own_words(
    start: Start, configured: dict[str, str]
) -> None:
    instance = start(FAKE_SERVICES="gateway,worker,missing", **configured).is_up()

    instance.says("missing ended with code 1; it starts again in 0.5 s")

    assert "start_missing" in instance.output
    assert len(instance.lives()) == 1
    assert instance.ask_to_stop() == 0


def test_processes_bear_the_names_of_their_services(lasting: Instance) -> None:
    for name, pid in lasting.state.services.items():
        assert psutil.Process(pid).cmdline()[0] == f"starling: {name}"


def test_a_second_instance_on_the_same_data_refuses_and_names_the_first(lasting: Instance, start: Start) -> None:
    second = start(data_dir=lasting.data_dir)

    assert second.process.wait(30) == 1
    assert second.output.startswith(
        f"starling: Starling is already running on {lasting.data_dir} "
        f"(process {lasting.process.pid}, {lasting.state.url}); stop it first"
    )


def test_a_port_in_use_is_reported_before_anything_starts(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        instance = start(STARLING_PORT=str(port))
        assert instance.process.wait(30) == 1
    assert instance.output == f"starling: port {port} is in use by another program; set STARLING_PORT to a free port\n"
    assert not (instance.data_dir / "postgres").exists()


def test_a_folder_with_other_things_in_it_is_not_taken_over(start: Start, tmp_path: Path) -> None:
    data_dir = tmp_path / "photos"
    data_dir.mkdir(mode=0o755)
    (data_dir / "cat.jpg").touch()

    instance = start(data_dir=data_dir)

    assert instance.process.wait(30) == 1
    assert f"{data_dir} holds other files; set STARLING_DATA_DIR" in instance.output
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o755


def test_configured_servers_are_used_and_none_is_started(
    start: Start, database: dict[str, str], redis_url: str
) -> None:
    instance = start(REDIS_URL=redis_url, **database).is_up()

    assert instance.state.servers == {}
    assert instance.lives() == [(1, 1)]
    assert load_environment(instance.data_dir)["REDIS_URL"] == redis_url
    assert instance.ask_to_stop() == 0


@pytest.fixture
def configured(database: dict[str, str], redis_url: str) -> dict[str, str]:
    """Servers that are there already, where the start of our own is not the matter."""
    return {**database, "REDIS_URL": redis_url}


def test_a_service_that_fails_is_started_again_after_longer_and_longer_waits(
    start: Start, configured: dict[str, str]
) -> None:
    instance = start(FAKE_SERVICES="crasher", **configured)

    instance.says("crasher ended with code 3; it starts again in 1 s")

    greeting, *lines = instance.output.splitlines()
    assert greeting == f"up          | starting, with all data in {instance.data_dir}"
    assert [line.partition("| ")[2] for line in lines[:4]] == [
        "cannot go on",
        "crasher ended with code 3; it starts again in 0.5 s",
        "cannot go on",
        "crasher ended with code 3; it starts again in 1 s",
    ]
    assert lines[0].startswith("crasher ")
    assert instance.ask_to_stop() == 0


def test_a_service_that_does_not_end_in_time_is_killed(start: Start, configured: dict[str, str]) -> None:
    instance = start(FAKE_SERVICES="stubborn", FAKE_GRACE_S="0.2", **configured)
    instance.says("stubborn lives")

    assert instance.ask_to_stop(signal.SIGTERM) == 0

    assert "stubborn did not end in time and is killed" in instance.output


def test_a_second_ctrl_c_does_not_wait(start: Start, configured: dict[str, str]) -> None:
    instance = start(FAKE_SERVICES="stubborn", FAKE_GRACE_S="60", **configured)
    instance.says("stubborn lives")
    family = instance.family()
    instance.process.send_signal(signal.SIGINT)
    instance.says("stopping; once more stops at once")

    def stopped_by_another() -> bool:
        instance.process.send_signal(signal.SIGINT)
        return instance.process.poll() is not None

    until(stopped_by_another, "it stops at once", seconds=20)
    assert [process for process in family if not is_gone(process)] == []


def test_ctrl_c_while_it_starts_is_obeyed(start: Start) -> None:
    instance = start()
    until((instance.data_dir / "run.json").exists, "it begins")

    assert instance.ask_to_stop() == 0

    with pytest.raises(ConfigurationError):
        load_environment(instance.data_dir)


def test_music_is_added_once_and_analysed_at_every_start(
    start: Start, configured: dict[str, str], tmp_path: Path
) -> None:
    music = tmp_path / 'Björk\'s "best" songs'
    music.mkdir()
    for number in (1, 2):
        instance = start("--music", str(music), STARLING_TOKEN="sesame", FAKE_SERVICES="gateway", **configured)
        instance.says(f"Starling analyses {music}: http://127.0.0.1:{instance.port}/api/v1/runs/run-{number}")
        assert instance.ask_to_stop() == 0

    told = json.loads((instance.data_dir / "fake-gateway.json").read_text())
    assert told["items"] == [{"id": "server-1", "type": "folder", "name": music.name, "path": str(music)}]
    assert told["runs"] == [{"server_id": "server-1"}] * 2


def test_music_that_is_not_there_is_refused_before_anything_starts(start: Start, tmp_path: Path) -> None:
    instance = start("--music", str(tmp_path / "nowhere"))

    assert instance.process.wait(30) == 1
    assert f"there is no folder {tmp_path / 'nowhere'}" in instance.output
    assert not instance.data_dir.exists()


def test_an_ordinary_user_can_run_it(start: Start, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    instance = start(prefix=_as_ordinary_user(home), data_dir=home / "data", HOME=str(home)).is_up()

    owners = {process.uids().effective for process in instance.family()}
    assert len(owners) == 1
    assert 0 not in owners
    assert instance.ask_to_stop() == 0


def _as_ordinary_user(home: Path) -> tuple[str, ...]:
    """Words in front of a command that make it run as ``nobody`` when we are root.

    It may read what root can, as this checkout or Python may lie below a folder of root's; it may write nothing more.
    """
    if os.geteuid() != 0:
        return ()
    shutil.chown(home, "nobody")
    rights = "+dac_read_search"
    user = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups")
    return (*user, "--inh-caps", rights, "--ambient-caps", rights)
