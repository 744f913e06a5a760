"""A database as AudioMuse-AI keeps it: its tables as far as an import reads them, and rows like its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from services.up.postgres import PostgresServer
from tests import servers

if TYPE_CHECKING:
    from shared.postgres import Connection

READER = "audiomuse_reader"
PASSWORD = "only for reading"
_TABLES = """
CREATE TABLE score (
    item_id text PRIMARY KEY, title text, author text, album text, album_artist text, tempo real, key text,
    scale text, mood_vector text, energy real, other_features text
);
CREATE TABLE embedding (item_id text PRIMARY KEY REFERENCES score ON DELETE CASCADE, embedding bytea);
CREATE TABLE playlist (
    id serial PRIMARY KEY, playlist_name text, item_id text, title text, author text, UNIQUE (playlist_name, item_id)
);
"""
_TABLES_OF_SEVERAL_SERVERS = """
ALTER TABLE score ADD COLUMN file_path text, ADD COLUMN duration double precision;
ALTER TABLE playlist ADD COLUMN server_id text;
CREATE TABLE music_servers (
    server_id text PRIMARY KEY, name text NOT NULL, server_type text NOT NULL, is_default boolean NOT NULL DEFAULT false
);
CREATE TABLE track_server_map (
    item_id text NOT NULL REFERENCES score, server_id text NOT NULL REFERENCES music_servers,
    provider_track_id text NOT NULL, match_tier text, file_path text, PRIMARY KEY (server_id, provider_track_id)
);
"""
MOODS = "rock:0.559,indie:0.539,alternative:0.532,electronic:0.528,punk:0.527"


def vector(number: int, towards: int | None = None, share: float = 0.0) -> bytes:
    """A vector of its own for each number, not of length one, leaning by ``share`` towards that of another."""
    values = np.random.default_rng(number).normal(size=200)
    if towards is not None:
        values = (1 - share) * values + share * np.random.default_rng(towards).normal(size=200)
    return (3.5 * values).astype("<f4").tobytes()


class AudioMuse:
    """The database, for whoever fills it. The user of ``url`` may only read, that of ``owners_url`` may do anything."""

    def __init__(self, connection: Connection, url: str, owners_url: str) -> None:
        self.connection = connection
        self.url = url
        self.owners_url = owners_url

    async def analysed(self, item_id: str, embedding: bytes | None = None, **fields: Any) -> None:
        """A track was analysed; its vector follows from its id unless one is given, ``b""`` is none."""
        row = {
            "title": f"Title {item_id}",
            "author": "Somebody",
            "tempo": 117.45384,
            "key": "A#",
            "scale": "minor",
            "mood_vector": MOODS,
            "energy": 0.0829,
            **fields,
        }
        names = ", ".join(row)
        places = ", ".join(f"${number}" for number in range(2, len(row) + 2))
        await self.connection.execute(
            f"INSERT INTO score (item_id, {names}) VALUES ($1, {places})", item_id, *row.values()
        )
        if embedding != b"":
            content = vector(len(item_id)) if embedding is None else embedding
            await self.connection.execute("INSERT INTO embedding VALUES ($1, $2)", item_id, content)

    async def playlist(self, name: str, *item_ids: str, server_id: str | None = None) -> None:
        """A playlist of tracks."""
        for item_id in item_ids:
            await self.connection.execute(
                "INSERT INTO playlist (playlist_name, item_id, title, author) VALUES ($1, $2, $2, $2)", name, item_id
            )
            if server_id is not None:
                await self.connection.execute(
                    "UPDATE playlist SET server_id = $1 WHERE playlist_name = $2", server_id, name
                )

    async def know_several_servers(self, **servers: str) -> None:
        """As newer releases: servers by id, each with its kind; the first is the default."""
        await self.connection.execute(_TABLES_OF_SEVERAL_SERVERS)
        for number, (server_id, kind) in enumerate(servers.items()):
            await self.connection.execute(
                "INSERT INTO music_servers VALUES ($1, $2, $3, $4)", server_id, f"My {kind}", kind, number == 0
            )

    async def mapped(self, item_id: str, server_id: str, provider_track_id: str) -> None:
        """What a server calls a track."""
        await self.connection.execute(
            "INSERT INTO track_server_map VALUES ($1, $2, $3, 'exact')", item_id, server_id, provider_track_id
        )

    async def everything(self) -> list[Any]:
        """All rows, to see that nobody changed one."""
        return [
            await self.connection.fetch(f"SELECT * FROM {table} ORDER BY 1")
            for table in ("score", "embedding", "playlist")
        ]


@asynccontextmanager
async def audiomuse(server: PostgresServer) -> AsyncIterator[AudioMuse]:
    """An empty database with the tables of a release that knows one server."""
    async with servers.fresh_database(server) as environment:
        name = environment["POSTGRES_DB"]
        connection = await server.connect(name)
        try:
            await connection.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'")
            await connection.execute(f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {READER}")
            await connection.execute(_TABLES)
            address = f"{server.host}:{server.port}/{name}"
            reader = f"{READER}:{PASSWORD.replace(' ', '%20')}"
            yield AudioMuse(
                connection,
                f"postgresql://{reader}@{address}",
                f"postgresql://{server.user}:{server.password}@{address}",
            )
        finally:
            await connection.execute(f"DROP OWNED BY {READER}; DROP ROLE {READER}")
            await connection.close()
