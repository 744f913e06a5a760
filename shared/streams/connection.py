"""Connections to the Redis-protocol server, and what is asked of it before anything is written."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shared.errors import ConfigurationError, StoreUnavailable
from shared.settings import Settings

log = structlog.get_logger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

UNREACHABLE = (
    RedisConnectionError,
    RedisTimeoutError,
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
"""The server is away, or says that it cannot serve us just now."""
BLOCK_MS = 2000


def open_client(settings: Settings) -> Redis:
    """The client for everything that does not block. Raises ``ConfigurationError`` on a URL it cannot read.

    redis-py's own retries are off: our scripts are safe to repeat, a bare XADD would not be.
    """
    return _client(settings, socket_timeout=10.0, max_connections=16)


def open_blocking_client(settings: Settings) -> Redis:
    """A client for blocking reads alone: no socket time-out, since the server is asked to wait."""
    return _client(settings, socket_timeout=None, max_connections=4)


def _client(settings: Settings, *, socket_timeout: float | None, max_connections: int) -> Redis:
    url = settings.redis_url.get_secret_value()
    if not url:
        raise ConfigurationError(
            "REDIS_URL is not set; it names the Redis-protocol server, e.g. redis://localhost:6379"
        )
    try:
        # A caller that finds all connections in use waits for one instead of failing.
        pool = BlockingConnectionPool.from_url(
            url,
            timeout=20,
            socket_timeout=socket_timeout,
            socket_connect_timeout=5.0,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
            max_connections=max_connections,
        )
    except ValueError:
        raise ConfigurationError("REDIS_URL cannot be read; it looks like redis://:password@host:6379/0") from None
    return Redis.from_pool(pool)


def translated(call: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Turn the client library's network errors into ``StoreUnavailable``."""

    @functools.wraps(call)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await call(*args, **kwargs)
        except UNREACHABLE as error:
            raise StoreUnavailable(f"the Redis-protocol server does not answer ({type(error).__name__})") from error
        except ResponseError as error:
            # The classes above have lost their prefix on the way; this one has no class of its own.
            if str(error).startswith("MISCONF"):
                raise StoreUnavailable("the Redis-protocol server cannot write its append-only file") from error
            raise

    return wrapper


async def check_server(client: Redis, wanted: str) -> None:
    """Refuse a server that would lose what it acknowledged.

    ``wanted`` is the setting STARLING_DURABILITY: with ``always`` the append-only file must be synced on every write,
    with ``everysec`` the operator has accepted to lose the last second in a power cut. Raises ``ConfigurationError``.
    """
    info: dict[str, Any] = await client.info("server")
    version = str(info.get("redis_version", "0"))
    if int(version.split(".", maxsplit=1)[0]) < 7:
        raise ConfigurationError(
            f"the Redis-protocol server speaks the level of Redis {version}; 7.0 or later is needed"
        )
    try:
        config: Any = await client.config_get("appendonly", "appendfsync", "maxmemory", "maxmemory-policy")
    except ResponseError:
        log.warning("durability_unknown", reason="the server does not allow CONFIG GET; check its settings by hand")
        return
    problems = list(_weaknesses(config, wanted))
    if problems:
        raise ConfigurationError("the Redis-protocol server would lose data: " + "; ".join(problems))


def _weaknesses(config: dict[str, str], wanted: str) -> list[str]:
    problems = []
    if config.get("appendonly") != "yes":
        problems.append("set `appendonly yes`")
    elif config.get("appendfsync") not in ("always", wanted):
        problems.append(
            "set `appendfsync always`, or STARLING_DURABILITY=everysec to accept losing a second in a power cut"
        )
    if config.get("maxmemory", "0") != "0" and config.get("maxmemory-policy") != "noeviction":
        problems.append("set `maxmemory-policy noeviction`")
    return problems
