"""``starling up``: everything on one machine, started, kept running and stopped together."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import socket
import sys
import time
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM
from typing import Any

from services.up import ports, stores
from services.up.client import GatewayClient
from services.up.datadir import RunState, open_data_dir, private_dir, sole_instance, write_state
from services.up.forks import ForkServer
from services.up.output import Output
from services.up.server import ServerProcess
from services.up.service import Backoff, Program, Service, wait_for
from shared.errors import ConfigurationError, StarlingError, StoreUnavailable
from shared.settings import Settings

SERVICES = tuple(
    Program(name, f"services.{name}.__main__:start")
    for name in ("gateway", "fetcher", "analyzer", "clusterer", "syncer", "projector", "coordinator")
)
_LOG_CHECK_S = 60.0
_BURIAL_S = 1.0
_SAME_REQUEST_S = 0.5
"""One request to stop may come as two signals: to the process group, and passed on by make."""


class Supervisor:
    """Runs the servers that are not configured, and all services, until SIGINT or SIGTERM; a second one forces.

    ``programs`` are the services; ``grace_s`` is what they get between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        settings: Settings,
        programs: Sequence[Program] = SERVICES,
        *,
        music: Path | None = None,
        grace_s: float = 10.0,
    ) -> None:
        self._settings = settings
        self._programs = programs
        self._music = music
        self._grace_s = grace_s
        self._output = Output(sys.stdout.buffer)
        self._forks = ForkServer([program.module for program in programs], os.environ, self._output)
        self._stopping = asyncio.Event()
        self._forced = asyncio.Event()
        self._asked_at = 0.0
        self._failure: BaseException | None = None
        self._servers: stores.Servers = {}
        self._services: list[Service] = []
        self._environment: dict[str, str] = {}
        self._data_dir = Path()
        self._url = ""
        self._local_token = secrets.token_urlsafe(32)

    async def run(self) -> int:
        """Run until stopped; 0 then. Raises ``StarlingError`` if it cannot start."""
        self._music = _existing_folder(self._music)
        self._data_dir = open_data_dir(self._settings.data_dir)
        with sole_instance(self._data_dir):
            port = ports.claim(self._settings.host, self._settings.port)
            self._url = f"http://{_reachable(self._settings.host)}:{port}{self._settings.base_path}"
            self._listen_to_signals()
            self._prepare(port)
            self._publish()
            self._output.say("up", f"starting, with all data in {self._data_dir}")
            self._forks.start()  # it imports while the servers start
            try:
                await self._until_stopping(self._start_servers())
                await self._keep_everything()
            finally:
                await self._forks.close()
                await self._stop_servers()
        if self._failure is not None:
            raise self._failure
        return 0

    def _prepare(self, port: int) -> None:
        settings, folder = self._settings, self._data_dir
        self._environment = {
            **stores.key_environment(settings, folder),
            "STARLING_DATA_DIR": str(folder),
            "STARLING_HOST": settings.host,
            "STARLING_PORT": str(port),
            "STARLING_TENANT": settings.tenant,
            "STARLING_REPLICA": os.environ.get("STARLING_REPLICA") or _replica(folder),
            "STARLING_TOKEN": settings.token.get_secret_value(),
            "STARLING_LOCAL_TOKEN": self._local_token,
            "STARLING_AUDIO_STORE": settings.audio_store or f"file://{private_dir(folder / 'audio')}",
        }
        if settings.redis_url.get_secret_value():
            self._environment["REDIS_URL"] = settings.redis_url.get_secret_value()
        if settings.postgres_host:
            self._environment |= _configured_postgres(settings)
        self._servers = stores.embedded(settings, folder)

    def _listen_to_signals(self) -> None:
        for number in (SIGINT, SIGTERM, SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        now = time.monotonic()
        if not self._stopping.is_set():
            self._output.say("up", "stopping; once more stops at once")
            self._stopping.set()
            self._asked_at = now
        elif now - self._asked_at > _SAME_REQUEST_S and not self._forced.is_set():
            self._output.say("up", "stopping at once")
            self._forced.set()

    async def _start_servers(self) -> None:
        await stores.start(self._servers)
        for server in self._servers.values():
            self._environment |= server.environment()

    async def _keep_everything(self) -> None:
        """Services and servers under supervision until stopping; then the services end first."""
        if self._stopping.is_set():
            return
        self._services = [
            Service(program, self._environment_of(place), self._forks, self._output, self._stopping, self._publish)
            for place, program in enumerate(self._programs)
        ]
        services = [self._watched(service.keep()) for service in self._services]
        others = [self._watched(self._keep_server(server)) for server in self._servers.values()]
        others += [self._watched(self._limit_logs()), self._watched(self._welcome())]
        await self._stopping.wait()
        await self._stop_services(services)
        await _cancel(others)

    def _environment_of(self, place: int) -> dict[str, str]:
        """What the service in that place of the list finds in its environment."""
        inherited = {name: value for name, value in os.environ.items() if not self._is_replaced(name)}
        environment = {**inherited, "PYTHONUNBUFFERED": "1", **self._environment}
        if self._settings.health_port:  # one machine, so each service needs a port of its own
            environment["STARLING_HEALTH_PORT"] = str(self._settings.health_port + place)
        return environment

    def _is_replaced(self, name: str) -> bool:
        """True for the file of a secret that we pass on as it is, since a service takes only one of the two."""
        return name.endswith("_FILE") and bool(self._environment.get(name.removesuffix("_FILE")))

    def _watched(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose unexpected end by an exception stops everything."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._on_end)
        return task

    def _on_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
            self._stopping.set()

    async def _keep_server(self, server: ServerProcess) -> None:
        backoff = Backoff(first_s=0.2, most_s=5.0)  # everything else waits for it
        while not self._stopping.is_set():
            born = time.monotonic()
            end = await server.wait()
            while not self._stopping.is_set():
                delay = backoff.after(time.monotonic() - born)
                self._output.say("up", f"{server.name} {end}; it starts again in {delay:g} s")
                await wait_for(self._stopping, delay)
                try:
                    await server.start()
                except StoreUnavailable as error:
                    end = f"is not back yet ({error})"
                    continue
                self._publish()
                break

    async def _limit_logs(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK_S)
            for server in self._servers.values():
                server.limit_log()

    async def _welcome(self) -> None:
        gateway = GatewayClient(self._url, self._local_token)
        await gateway.wait_until_ready()
        self._output.announce(f"Starling is ready: {self._url}")
        if self._music is None:
            return
        try:
            run = await gateway.analyse_folder(self._music)
        except StarlingError as error:
            self._output.announce(f"Starling cannot analyse {self._music}: {error}")
        else:
            self._output.announce(f"Starling analyses {self._music}: {run}")

    def _publish(self) -> None:
        """Write down what runs now."""
        servers = {name: server.pid for name, server in self._servers.items()}
        services = {service.name: service.pid for service in self._services}
        write_state(
            self._data_dir,
            RunState(os.getpid(), self._url, _known(servers), _known(services), self._environment),
        )

    async def _until_stopping(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work``, but leave it when asked to stop."""
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        await _cancel([stop])
        if task.done():
            task.result()
        await _cancel([task])

    async def _stop_services(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        for service in self._services:
            service.terminate()
        ended = asyncio.gather(*tasks, return_exceptions=True)
        await self._unless_forced(ended, self._grace_s)
        for service in self._services:
            if service.pid is not None:
                self._output.say("up", f"{service.name} did not end in time and is killed")
            service.kill()
        if not ended.done():
            await asyncio.wait({ended}, timeout=_BURIAL_S)
            self._forks.kill()  # if even the burial takes time, all of them end together
        await ended

    async def _stop_servers(self) -> None:
        stopped = asyncio.gather(*(server.stop() for server in self._servers.values()))
        await self._unless_forced(stopped, None)
        for server in self._servers.values():
            server.kill()
        await stopped

    async def _unless_forced(self, work: asyncio.Future[Any], timeout_s: float | None) -> None:
        """Wait for ``work``, for so long, and not a moment longer once forced."""
        forced = asyncio.create_task(self._forced.wait())
        await asyncio.wait({work, forced}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        await _cancel([forced])


async def up(settings: Settings, music: Path | None = None) -> int:
    """Run Starling on this machine until it is stopped. Returns the exit code; says on stderr why it cannot start."""
    try:
        return await Supervisor(settings, music=music).run()
    except (StarlingError, OSError) as error:
        print(f"starling: {error}", file=sys.stderr)
        return 1


def _existing_folder(path: Path | None) -> Path | None:
    if path is None:
        return None
    path = path.expanduser().resolve()
    if not path.is_dir():
        raise ConfigurationError(f"there is no folder {path}; name the folder that holds the music")
    return path


def _reachable(host: str) -> str:
    """The host under which this machine reaches a server that listens on ``host``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _configured_postgres(settings: Settings) -> dict[str, str]:
    return {
        "POSTGRES_HOST": settings.postgres_host,
        "POSTGRES_PORT": str(settings.postgres_port),
        "POSTGRES_USER": settings.postgres_user,
        "POSTGRES_PASSWORD": settings.postgres_password.get_secret_value(),
        "POSTGRES_DB": settings.postgres_db,
    }


def _replica(data_dir: Path) -> str:
    """A name that our services keep over restarts, and that differs from another instance on the same Redis."""
    return f"{socket.gethostname()}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:8]}"


def _known(pids: dict[str, int | None]) -> dict[str, int]:
    return {name: pid for name, pid in pids.items() if pid is not None}


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
