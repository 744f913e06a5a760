"""The data directory of ``starling up``: who may enter, what is kept, and how a running instance is found.

lock          held by the running instance
run.json      its process ids, ports and environment
secret.key    encrypts the passwords of media servers; while it is being changed, the new key and the old one
postgres/     valkey/     audio/
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from shared.durable import sync
from shared.errors import ConfigurationError

LOCK = "lock"
STATE = "run.json"
SECRET_KEY = "secret.key"  # noqa: S105
_NOT_OURS_BUT_HARMLESS = {"lost+found"}


@dataclass(frozen=True)
class RunState:
    """A running instance, as written to ``run.json``. ``environment`` holds passwords: the file has mode 0600."""

    pid: int
    url: str
    servers: dict[str, int] = field(default_factory=dict)
    """Process id by name, of those that run: ``postgres``, ``valkey``."""
    services: dict[str, int] = field(default_factory=dict)
    """Process id by name of service."""
    environment: dict[str, str] = field(default_factory=dict)


def open_data_dir(path: Path) -> Path:
    """Make the data directory, or check that it is one, with mode 0700. Returns its absolute path.

    Raises ``ConfigurationError`` for a folder with other things in it, so that a slip such as
    STARLING_DATA_DIR=/tmp does not close a folder that others use.
    """
    path = path.expanduser().resolve()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The key of a Starling that moves here may have been put in place before the rest.
        present = {entry.name for entry in path.iterdir()} - _NOT_OURS_BUT_HARMLESS - {SECRET_KEY}
        if present and LOCK not in present:
            raise ConfigurationError(
                f"{path} holds other files; set STARLING_DATA_DIR to a new or empty folder for Starling's own data"
            )
        path.chmod(0o700)
    except OSError as error:
        raise ConfigurationError(
            f"cannot use the data directory {path} ({error.strerror}); set STARLING_DATA_DIR to a folder of your own"
        ) from error
    return path


def private_dir(path: Path) -> Path:
    """Make a folder that only we can enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) != 0o700:
        path.chmod(0o700)
    return path


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in the file ``path``; made, and written with mode 0600, on first use."""
    if not path.exists():
        write_private(path, make() + "\n")
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600 such that a reader sees the old content or the new, never half of it, even after a
    power cut."""
    draft = path.with_name(f"{path.name}.new")
    with suppress(FileNotFoundError):
        draft.unlink()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync(path.parent)


def try_lock(path: Path) -> int | None:
    """An open descriptor that holds the exclusive lock on ``path``, or None if somebody else holds it.

    The lock belongs to the open file: children that inherit the descriptor hold it too, until the last one ends.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


async def take_lock(path: Path, timeout_s: float) -> int:
    """Wait for the lock on ``path``. Raises ``TimeoutError``."""
    deadline = time.monotonic() + timeout_s
    while (descriptor := try_lock(path)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(0.01)
    return descriptor


@contextmanager
def sole_instance(data_dir: Path) -> Iterator[None]:
    """Hold the data directory. Raises ``ConfigurationError`` that says who holds it already."""
    # A reader of run.json holds the lock for a moment, so one refusal is not the answer yet.
    deadline = time.monotonic() + 0.5
    while (descriptor := try_lock(data_dir / LOCK)) is None:
        if time.monotonic() > deadline:
            raise ConfigurationError(_who_holds(data_dir))
        time.sleep(0.02)
    state = data_dir / STATE
    try:
        state.unlink(missing_ok=True)  # of an instance that was killed
        yield
    finally:
        state.unlink(missing_ok=True)
        os.close(descriptor)


def _who_holds(data_dir: Path) -> str:
    advice = "stop it first, or set STARLING_DATA_DIR and STARLING_PORT to run a second one beside it"
    try:
        state = _read_state(data_dir)
    except (OSError, ValueError, TypeError):
        return f"Starling is already starting or stopping on {data_dir}; {advice}"
    return f"Starling is already running on {data_dir} (process {state.pid}, {state.url}); {advice}"


def write_state(data_dir: Path, state: RunState) -> None:
    """Publish what runs."""
    write_private(data_dir / STATE, json.dumps(asdict(state), indent=1) + "\n")


def _read_state(data_dir: Path) -> RunState:
    return RunState(**json.loads((data_dir / STATE).read_text()))


def load_state(data_dir: Path) -> RunState:
    """What runs on ``data_dir``. Raises ``ConfigurationError`` if nothing does."""
    data_dir = data_dir.expanduser().resolve()
    not_running = f"Starling is not running on {data_dir}; start it with 'starling up', or set STARLING_DATA_DIR"
    try:
        state = _read_state(data_dir)
        descriptor = try_lock(data_dir / LOCK)
    except FileNotFoundError as error:
        raise ConfigurationError(not_running) from error
    except PermissionError as error:
        raise ConfigurationError(f"{data_dir} belongs to another user; run the command as that user") from error
    if descriptor is not None:
        os.close(descriptor)
        raise ConfigurationError(not_running)
    return state


def load_environment(data_dir: Path) -> dict[str, str]:
    """REDIS_URL, POSTGRES_* and STARLING_* of the instance that runs on ``data_dir``, for other commands.

    Raises ``ConfigurationError`` if none runs.
    """
    return dict(load_state(data_dir).environment)
