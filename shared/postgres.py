"""PostgreSQL: pool, transactions, schemas. It knows no table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from shared.errors import ConfigurationError, StoreUnavailable
from shared.settings import Settings

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection whose end was announced, used before it is closed
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
)


def _arguments(settings: Settings) -> dict[str, Any]:
    if not settings.postgres_host:
        raise ConfigurationError("POSTGRES_HOST is not set; it names the PostgreSQL server")
    return {
        "host": settings.postgres_host,
        "port": settings.postgres_port,
        "user": settings.postgres_user,
        "password": settings.postgres_password.get_secret_value() or None,
        "database": settings.postgres_db,
        "timeout": 5.0,
    }


async def open_pool(settings: Settings, *, most: int = 8, read_schema: str | None = None) -> Pool:
    """A pool whose connections find read models first, then what is kept. Raises ``StoreUnavailable``, or
    ``ConfigurationError`` when login or database are refused."""
    search_path = f'"{read_schema or settings.read_schema}", "{settings.kept_schema}", public'
    with translated_login():
        pool: Pool | None = await asyncpg.create_pool(
            **_arguments(settings),
            min_size=0,
            max_size=most,
            command_timeout=60.0,
            server_settings={"search_path": search_path, "application_name": "starling", "jit": "off"},
        )
    if pool is None:
        raise StoreUnavailable("PostgreSQL gave no pool")
    return pool


async def open_connection(settings: Settings, *, read_schema: str | None = None) -> Connection:
    """One connection of its own, e.g. for an advisory lock or LISTEN, with the same search path as the pool's."""
    search_path = f'"{read_schema or settings.read_schema}", "{settings.kept_schema}", public'
    with translated_login():
        connection: Connection = await asyncpg.connect(
            **_arguments(settings),
            server_settings={"search_path": search_path, "application_name": "starling", "jit": "off"},
        )
    return connection


class translated_login:  # noqa: N801 - reads as a phrase
    """Errors of connecting, in our words; never the password."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)):
            raise ConfigurationError("PostgreSQL refused POSTGRES_USER or POSTGRES_PASSWORD") from None
        if isinstance(error, asyncpg.InvalidCatalogNameError):
            raise ConfigurationError("the database POSTGRES_DB does not exist; create it first") from None
        if isinstance(error, UNREACHABLE):
            raise StoreUnavailable(f"PostgreSQL does not answer ({type(error).__name__})") from error


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Network errors of PostgreSQL become ``StoreUnavailable``."""
    try:
        yield
    except UNREACHABLE as error:
        raise StoreUnavailable(f"PostgreSQL does not answer ({type(error).__name__})") from error


@asynccontextmanager
async def translated_reading() -> AsyncIterator[None]:
    """The same around what asks for read models, which the projector may not have made yet."""
    try:
        async with translated():
            yield
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise StoreUnavailable("the projector has not created its tables yet") from error


@asynccontextmanager
async def reading(pool: Pool) -> AsyncIterator[Connection]:
    """A connection of the pool to ask for read models with. Raises ``StoreUnavailable``."""
    async with translated_reading(), pool.acquire(timeout=10.0) as connection:
        yield connection


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction on a connection of the pool; network errors become ``StoreUnavailable``."""
    async with translated(), pool.acquire(timeout=10.0) as connection, connection.transaction():
        yield connection


async def create_kept(settings: Settings, tables: Iterable[str]) -> None:
    """Create the schema of what is kept for good, and tables in it by DDL that is safe to repeat (``{schema}`` stands
    for the schema), one process at a time: two services starting together would trip over each other's catalogue rows
    otherwise. Raises ``StoreUnavailable``."""
    schema = f'"{settings.kept_schema}"'
    connection = await open_connection(settings)
    try:
        async with translated(), connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('starling:create'))")
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            for table in tables:
                await connection.execute(table.format(schema=schema))
    finally:
        connection.terminate()
