"""After a life among liars, no secret is anywhere but where it belongs: every store, file, log, answer and process."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from redis.asyncio import Redis

from tests.attacks.conftest import ENVIRONMENT
from tests.attacks.described import Described
from tests.attacks.house import TOKEN, WRONG_PASSWORD, House
from tests.e2e import cli_process
from tests.servers import connect
from tests.subsonic.faulty_server import PASSWORD, USER

LLM_KEY = ENVIRONMENT["STARLING_LLM_KEY"]
KEEPERS = {"secret.key", "run.json", "password"}
"""Files that hold what this machine's own processes need to reach each other, for their owner alone."""
MODE = 0o600


def forms_of(secret: str, user: str = USER) -> set[bytes]:
    """A secret as it is, and in every dress in which one of our protocols or libraries could carry it."""
    raw, pair = secret.encode(), f"{user}:{secret}".encode()
    texts = {secret, quote(secret), quote_plus(secret), repr(secret)[1:-1], ascii(secret)[1:-1]}
    texts |= {json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))[3:-3]}
    texts |= {
        packed.decode() for one in (raw, pair) for packed in (base64.b64encode(one), base64.urlsafe_b64encode(one))
    }
    texts |= {raw.hex(), raw.hex().upper(), pair.hex()}
    texts |= {hashlib.new(name, raw, usedforsecurity=False).hexdigest() for name in ("md5", "sha1", "sha256")}
    return {text.encode() for text in texts} | {secret.encode("latin-1", "replace")}


OF_THE_OPERATOR = forms_of(LLM_KEY) | forms_of(TOKEN)


def secrets_of(house: House) -> set[bytes]:
    """What nobody may find: passwords, keys, and the salted tokens that were sent with every request."""
    found = forms_of(PASSWORD) | forms_of(WRONG_PASSWORD) | OF_THE_OPERATOR
    return found | {
        call.query[name].encode() for call in house.lying.calls for name in ("t", "s") if name in call.query
    }


def keys_of_the_house(house: House) -> set[bytes]:
    """What the processes of this machine know each other by."""
    settings = house.starling.settings()
    words = (settings.secret_key, settings.postgres_password, settings.redis_url)
    passwords = {
        word.get_secret_value().rpartition("@")[0].rpartition(":")[2] or word.get_secret_value() for word in words
    }
    return {password.encode() for password in passwords}


def told(secrets: set[bytes], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """The places that hold a secret, each with it."""
    return [f"{place}: {secret!r}" for place, content in places for secret in secrets if secret in content]


async def test_the_stream_server_holds_none(house: House) -> None:
    places = await in_redis(house)
    assert len(places) > 5
    assert told(secrets_of(house) | keys_of_the_house(house), places) == []


async def in_redis(house: House) -> list[tuple[str, bytes]]:
    """Every key with its value, read by its type: a dump would be compressed."""
    client: Any = Redis.from_url(house.starling.settings().redis_url.get_secret_value())
    try:
        found = [("slow log", repr(await client.slowlog_get(1000)).encode())]
        for key in [key async for key in client.scan_iter(count=1000)]:
            value = repr(await value_of(client, key)).encode()
            found.append((repr(key), key + value + await plain(client, key)))
        return found
    finally:
        await client.aclose()


async def value_of(client: Any, key: bytes) -> Any:
    match await client.type(key):
        case b"stream":
            return [await client.xrange(key), await client.xinfo_groups(key)]
        case b"hash":
            return await client.hgetall(key)
        case b"zset":
            return await client.zrange(key, 0, -1, withscores=True)
        case b"set":
            return await client.smembers(key)
        case b"list":
            return await client.lrange(key, 0, -1)
    return await client.get(key)


async def plain(client: Any, key: bytes) -> bytes:
    """The fields of a stream as they are: bytes that ``repr`` would escape."""
    if await client.type(key) != b"stream":
        return b""
    return b"\n".join(value for _, fields in await client.xrange(key) for value in fields.values())


async def test_no_row_of_any_table_holds_one(house: House) -> None:
    connection = await connect(house.starling.settings())
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        places = []
        for table in tables:
            rows = await connection.fetch(f"SELECT t::text AS text, t.* FROM {table['name']} t")
            places += [(table["name"], row_bytes(row)) for row in rows]
    finally:
        await connection.close()
    assert len(tables) > 15
    assert {"secrets", "event_log", "tracks"} <= {name.rpartition(".")[2] for name, _ in places}
    assert told(secrets_of(house) | keys_of_the_house(house), places) == []


def row_bytes(row: Any) -> bytes:
    """A row as text, and its binary columns as they are."""
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in row.values())


def files(house: House) -> Iterator[tuple[str, bytes]]:
    for path in house.starling.data_dir.rglob("*"):
        if path.is_file() and not path.is_symlink():
            try:
                yield str(path.relative_to(house.starling.data_dir)), path.read_bytes()
            except FileNotFoundError:  # a server has tidied up meanwhile
                continue


async def test_no_file_holds_one_but_those_that_keep_the_keys_of_the_house(house: House) -> None:
    secrets, keys = secrets_of(house) - OF_THE_OPERATOR, keys_of_the_house(house) | OF_THE_OPERATOR
    found = await asyncio.to_thread(lambda: list(files(house)))
    assert told(secrets, found) == []
    keepers = {name for name, content in found if any(key in content for key in keys)}
    assert {Path(name).name for name in keepers} <= KEEPERS
    assert {(house.starling.data_dir / name).stat().st_mode & 0o777 for name in keepers} == {MODE}


async def test_neither_logs_nor_metrics_tell_one(house: House) -> None:
    async with house.starling.session() as session, session.get("/metrics") as answer:
        metrics = await answer.read()
    log = house.starling.log.read_bytes()
    assert b"service=fetcher" in log
    assert told(secrets_of(house) | keys_of_the_house(house), [("log", log), ("metrics", metrics)]) == []


async def test_no_answer_tells_one(house: House) -> None:
    known = {"playlist_id": str(house.playlist["id"]), "track_id": str(house.playlist["tracks"][0]["id"])}
    known |= {"server_id": str((await house.starling.get("/api/v1/servers"))["items"][1]["id"])}
    known |= {"run_id": str((await house.starling.get("/api/v1/runs"))["items"][-1]["id"])}
    described = Described(await house.starling.get("/openapi.json"), known)
    asked = [one for one in described.reads() if not one.endswith("/live")]
    async with house.starling.session() as session:
        for path in [*asked, "/", "/docs", "/openapi.json"]:
            async with session.get(path) as answer:
                house.said.append(f"{path} {answer.headers} {(await answer.read()).decode(errors='replace')}")
    assert len(asked) > 15
    assert told(secrets_of(house) | keys_of_the_house(house), [(one[:80], one.encode()) for one in house.said]) == []


async def test_an_export_holds_none(house: House, tmp_path: Path) -> None:
    file, passphrase = tmp_path / "export.starling", tmp_path / "passphrase"
    passphrase.write_text("open sesame, if you please\n")
    options = ("--passphrase-file", str(passphrase))
    said = await cli_process.run({"STARLING_DATA_DIR": str(house.starling.data_dir)}, "export", str(file), *options)
    assert said.code == 0, said
    lines = gzip.decompress(file.read_bytes())
    assert b"gAAAA" in lines, "what is encrypted is in the file"
    places = [("export", lines), ("said", (said.out + said.err).encode())]
    assert told(secrets_of(house) | keys_of_the_house(house), places) == []
    assert b"open sesame" not in lines


def descendants(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return children + [further for child in children for further in descendants(child)]


def test_no_process_shows_one_in_its_arguments_and_decoders_know_none_at_all(house: House) -> None:
    secrets = secrets_of(house) | keys_of_the_house(house)
    process = house.starling.process
    assert process is not None
    family = [process.pid, *descendants(process.pid)]
    assert len(family) > 8
    assert told(secrets, [(str(pid), Path(f"/proc/{pid}/cmdline").read_bytes()) for pid in family]) == []
    decoders = descendants(house.starling.state().services["analyzer"])
    assert decoders
    assert told(secrets, [(str(pid), Path(f"/proc/{pid}/environ").read_bytes()) for pid in decoders]) == []


def test_the_search_finds_a_secret_in_any_dress() -> None:
    for dress in (
        PASSWORD.encode(),
        b"Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()),
        PASSWORD.encode().hex().encode(),
    ):
        assert told(forms_of(PASSWORD), [("here", b"x" + dress + b"y")]) != [], dress
    with pytest.raises(AssertionError):
        assert told(forms_of(PASSWORD), [("here", json.dumps({"p": PASSWORD}).encode())]) == []
