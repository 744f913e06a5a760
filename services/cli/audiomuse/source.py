"""AudioMuse-AI's database, opened so that nothing in it can change.

Its tables have had these forms, and ``Layout`` reads the first two:

- ``score.item_id`` is the media server's own id of the track.
- ``score.item_id`` is a fingerprint (``fp_...``); ``track_server_map`` says what each of ``music_servers`` calls it.
  Rows that were not renamed yet still have the id of the default server.
- ``score.track_id`` is a number (a branch that was never released): refused by name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from shared.errors import ConfigurationError, InvalidInput, StoreUnavailable
from shared.postgres import UNREACHABLE

if TYPE_CHECKING:
    from shared.postgres import Connection

WHO = "AudioMuse-AI's database"
_AT_ONCE = 500
_COLUMNS = """
SELECT c.relname, array_agg(a.attname::text) FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_table_is_visible(c.oid)
   AND c.relnamespace = ANY (SELECT oid FROM pg_namespace WHERE nspname = ANY (current_schemas(false)))
 GROUP BY c.relname
"""
_NEEDED = {
    "score": {"item_id", "title", "author", "tempo", "key", "scale", "mood_vector"},
    "embedding": {"item_id", "embedding"},
}
_MAPPING = {
    "music_servers": {"server_id", "name", "server_type", "is_default"},
    "track_server_map": {"item_id", "server_id", "provider_track_id"},
}
_SINCE_THEN = {"album": "text", "energy": "real", "file_path": "text", "duration": "float8"}
"""Columns of ``score`` that not every release has."""
_KINDS = {"navidrome": "subsonic", "ampache": "subsonic", "subsonic": "subsonic"}
"""Kinds of server that Starling calls otherwise."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a database has to be asked. ``server_id`` is AudioMuse-AI's own, None where it knows only one."""

    name: str
    tables: Mapping[str, frozenset[str]]
    server_id: str | None = None
    is_default: bool = True

    @property
    def analyses(self) -> str:
        """A SELECT of every analysed track of the server, under the id that the server gives it."""
        if self.server_id is None:
            return f"SELECT s.item_id, {self._facts()} FROM score s LEFT JOIN embedding e USING (item_id)"  # noqa: S608
        path = "coalesce(m.file_path, s.file_path)" if self._has("track_server_map", "file_path") else None
        mapped = (
            f"SELECT m.provider_track_id AS item_id, {self._facts(path)} FROM track_server_map m"  # noqa: S608
            " JOIN score s ON s.item_id = m.item_id LEFT JOIN embedding e ON e.item_id = s.item_id"
            " WHERE m.server_id = $1"
        )
        if not self.is_default:
            return mapped
        return (
            f"{mapped} UNION ALL SELECT s.item_id, {self._facts()} FROM score s"  # noqa: S608
            " LEFT JOIN embedding e ON e.item_id = s.item_id WHERE s.item_id NOT LIKE 'fp\\_%'"
            " AND NOT EXISTS (SELECT 1 FROM track_server_map m WHERE m.item_id = s.item_id)"
            " AND NOT EXISTS (SELECT 1 FROM track_server_map m"
            " WHERE m.server_id = $1 AND m.provider_track_id = s.item_id)"
        )

    @property
    def playlists(self) -> str:
        """A SELECT of every entry of the server's playlists, one playlist after the other."""
        if self.server_id is None:
            return "SELECT playlist_name, item_id, title, author FROM playlist ORDER BY playlist_name, id"
        mine = " WHERE p.server_id = $1 OR p.server_id IS NULL" if self._has("playlist", "server_id") else ""
        return (
            "SELECT p.playlist_name, coalesce(m.id, p.item_id) AS item_id, p.title, p.author FROM playlist p"  # noqa: S608
            " LEFT JOIN LATERAL (SELECT min(t.provider_track_id) AS id FROM track_server_map t"
            f" WHERE t.item_id = p.item_id AND t.server_id = $1) m ON true{mine} ORDER BY p.playlist_name, p.id"
        )

    @property
    def arguments(self) -> list[str]:
        """What stands for $1."""
        return [] if self.server_id is None else [self.server_id]

    def _has(self, table: str, column: str) -> bool:
        return column in self.tables.get(table, ())

    def _facts(self, path: str | None = None) -> str:
        found = {
            name: f"s.{name}" if self._has("score", name) else f"NULL::{kind}" for name, kind in _SINCE_THEN.items()
        }
        if path is not None and self._has("score", "file_path"):
            found["file_path"] = path
        newer = ", ".join(f"{value} AS {name}" for name, value in found.items())
        return f"s.title, s.author, s.tempo, s.key, s.scale, s.mood_vector, {newer}, e.embedding"


@dataclass(frozen=True, slots=True)
class Source:
    """One snapshot of the database, whatever AudioMuse-AI writes meanwhile."""

    connection: Connection
    layout: Layout

    async def count(self) -> int:
        """How many rows ``analyses`` will give."""
        statement = f"SELECT count(*) FROM ({self.layout.analyses}) rows"  # noqa: S608 - constants
        with translated():
            return int(await self.connection.fetchval(statement, *self.layout.arguments))

    async def analyses(self) -> AsyncIterator[Mapping[str, Any]]:
        """Every analysed track; a few hundred are in memory."""
        with translated():
            async for row in self._rows(self.layout.analyses):
                yield row

    async def playlists(self) -> AsyncIterator[tuple[str, list[Mapping[str, Any]]]]:
        """Every playlist with its entries, by name."""
        if "playlist" not in self.layout.tables:
            return
        name, entries = None, list[Mapping[str, Any]]()
        with translated():
            async for row in self._rows(self.layout.playlists):
                if row["playlist_name"] != name:
                    if name and entries:
                        yield name, entries
                    name, entries = row["playlist_name"], []
                entries.append(row)
        if name and entries:
            yield name, entries

    def _rows(self, statement: str) -> Any:
        return self.connection.cursor(statement, *self.layout.arguments, prefetch=_AT_ONCE)


@asynccontextmanager
async def opened(url: str, server_type: str, chosen: str | None) -> AsyncIterator[Source]:
    """The database at ``url`` in one read-only transaction. ``server_type`` is Starling's kind of the library,
    ``chosen`` what AudioMuse-AI calls it. Raises ``ConfigurationError``, ``InvalidInput``, ``StoreUnavailable``."""
    connection = await _connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            with translated():
                layout = await _layout(connection, server_type, chosen)
            yield Source(connection, layout)
    finally:
        connection.terminate()


async def _connect(url: str) -> Connection:
    settings = {"default_transaction_read_only": "on", "application_name": "starling", "jit": "off"}
    with translated():
        try:
            connection: Connection = await asyncpg.connect(url, timeout=10, server_settings=settings)
        except ValueError as error:
            example = "postgresql://user@host:5432/audiomusedb"
            raise ConfigurationError(f"the address of {WHO} cannot be read; it looks like {example}") from error
    return connection


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the database in our words; never its password."""
    try:
        yield
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise ConfigurationError(f"{WHO} refused the user or the password of its address; correct them") from error
    except asyncpg.InvalidCatalogNameError as error:
        raise ConfigurationError(f"{WHO}: {error.args[0]}; correct the end of its address") from error
    except asyncpg.InsufficientPrivilegeError as error:
        advice = "let the user read: GRANT SELECT ON ALL TABLES IN SCHEMA public TO ..."
        raise ConfigurationError(f"{WHO}: {error.args[0]}; {advice}") from error
    except UNREACHABLE as error:
        raise StoreUnavailable(f"{WHO} does not answer ({type(error).__name__}); is its port open?") from error


async def _layout(connection: Connection, server_type: str, chosen: str | None) -> Layout:
    tables = {name: frozenset(columns) for name, columns in await connection.fetch(_COLUMNS)}
    _check(tables, _NEEDED)
    if "track_server_map" not in tables:
        if chosen is not None:
            raise InvalidInput("source-server", f"{WHO} knows one media server only; leave --source-server out")
        return Layout("item_id", tables)
    _check(tables, _MAPPING)
    servers = await connection.fetch("SELECT server_id, name, server_type, is_default FROM music_servers ORDER BY name")
    server = choose(servers, server_type, chosen)
    return Layout("track_server_map", tables, server["server_id"], server["is_default"])


def _check(tables: Mapping[str, frozenset[str]], needed: Mapping[str, set[str]]) -> None:
    """Raises ``ConfigurationError`` that says what was found."""
    if "track_id" in tables.get("score", ()) and "item_id" not in tables["score"]:
        raise ConfigurationError(
            f"{WHO} numbers its tracks (score.track_id), as only an unreleased branch does; this Starling reads the"
            " releases, whose table score has an item_id"
        )
    for table, columns in needed.items():
        if table not in tables:
            found = ", ".join(sorted(tables)[:8]) or "no tables"
            raise ConfigurationError(
                f"the database has no table {table!r}, so it is not AudioMuse-AI's or of a release that this Starling"
                f" does not know; it has: {found}"
            )
        if missing := sorted(columns - tables[table]):
            raise ConfigurationError(
                f"the table {table!r} has no column {missing[0]!r}, so it is of a release of AudioMuse-AI that this"
                f" Starling does not know; it has: {', '.join(sorted(tables[table]))}"
            )


def choose(servers: list[Any], server_type: str, chosen: str | None) -> Any:
    """AudioMuse-AI's server: the ``chosen`` one, else the only one, else the only one of this kind. Raises
    ``InvalidInput``."""
    if chosen is not None:
        found = [row for row in servers if chosen in (row["server_id"], row["name"])]
    elif len(servers) == 1:
        found = servers
    else:
        found = [row for row in servers if _KINDS.get(row["server_type"], row["server_type"]) == server_type]
    if len(found) != 1:
        names = ", ".join(f"{row['name']} ({row['server_type']})" for row in servers) or "none"
        raise InvalidInput("source-server", f"say which server of AudioMuse-AI is meant with --source-server: {names}")
    return found[0]
