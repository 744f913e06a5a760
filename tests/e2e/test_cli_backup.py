"""``starling export`` and ``starling import`` as a user calls them."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.projector.compare import compare
from services.up.datadir import SECRET_KEY
from services.up.postgres import PostgresServer
from services.up.stores import standing
from services.up.valkey import ValkeyServer
from shared import postgres, secrets
from shared.settings import Settings
from tests.e2e import cli_process
from tests.environment import clean_environment, environment_of
from tests.instance import Instance
from tests.integration.backup.house import KEY, PASSPHRASE, House, header_of, house, new_house

WITH = {"STARLING_EXPORT_PASSPHRASE": PASSPHRASE}


def after_the_passwords(file: Path) -> list[bytes]:
    """The lines of an export that are the same in every one."""
    _, password, *lines, _ = gzip.decompress(file.read_bytes()).splitlines()
    assert password.startswith(b'{"row":"secrets"')
    return lines


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[House]:
    """A Starling that has been lived in."""
    with_key = settings.model_validate({**settings.model_dump(), "STARLING_SECRET_KEY": KEY})
    async with house(with_key) as made:
        await made.lived_in(60)
        yield made


async def through_a_shell(variables: dict[str, str], line: str) -> tuple[int, str]:
    """A line of shell in which ``$starling`` is the command: its exit code and what it said on stderr."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", line),
        stderr=PIPE,
        env=clean_environment({**variables, "starling": f"{sys.executable} -m services.cli"}),
    )
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, err.decode()


async def test_out_of_one_and_into_another(
    home: House, postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path
) -> None:
    file, piped = tmp_path / "library.starling", tmp_path / "piped.starling"
    before, count = await home.contents(), await home.connection.fetchval("SELECT count(*) FROM event_log")

    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    there = f"--passphrase-file={tmp_path / 'passphrase'}"

    said = await cli_process.run(environment_of(home.settings), "export", str(file), there)
    assert (said.code, said.out) == (0, "")
    assert f"Exported {count} events to {file} (" in said.err
    assert "It holds 1 password, which only the passphrase opens: keep that as well, in another place." in said.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert (await through_a_shell({**environment_of(home.settings), **WITH}, f"$starling export - > {piped}"))[0] == 0
    assert after_the_passwords(piped) == after_the_passwords(file)

    again = await cli_process.run(environment_of(home.settings), "import", str(file), there)
    assert again.code == 1
    assert again.err.startswith(
        "starling: this Starling is not empty, its table event_log holds something; import into"
    )
    assert await home.contents() == before

    async with new_house(postgres, valkey, home.settings) as new:
        code, err = await through_a_shell(environment_of(new.settings), f"$starling import {there} - < {piped}")
        assert (code, err.partition(" of ")[0]) == (0, f"Imported {count} events"), err
        assert await new.contents() == before
        assert await compare(new.settings) == []


async def test_passwords_without_the_right_passphrase(home: House, tmp_path: Path) -> None:
    file, rest = tmp_path / "library.starling", {"STARLING_DATA_DIR": str(tmp_path / "new")}
    said = await cli_process.run(environment_of(home.settings), "export", str(file))
    assert "1 password left out: after an import, log in to your media servers again. With --passph" in said.err
    assert "secrets" not in json.loads(gzip.decompress(file.read_bytes()).splitlines()[0])["tables"]
    short = {**environment_of(home.settings), "STARLING_EXPORT_PASSPHRASE": "swordfish"}
    said = await cli_process.run(short, "export", str(tmp_path / "none"))
    assert (said.code, "has 9 characters; take at least 12" in said.err, "swordf" in said.err) == (2, True, False)

    file.write_bytes(await home.exported(PASSPHRASE))
    said = await cli_process.run(rest, "import", str(file))
    assert (said.code, "holds 1 password under a passphrase; give it with --passphrase-file" in said.err) == (2, True)
    wrong = {**rest, "STARLING_EXPORT_PASSPHRASE": "four words in a row"}
    said = await cli_process.run(wrong, "--debug", "import", str(file))
    assert (said.code, "starling: this is not the passphrase" in said.err, "four" in said.err) == (1, True, False)
    assert {path.name for path in tmp_path.iterdir()} <= {"data", file.name}


async def test_where_there_is_no_room_it_says_so_and_leaves_nothing(home: House, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    code, err = await through_a_shell(environment_of(home.settings), f"ulimit -f 8; $starling export {folder}/a")
    assert (code, err) == (
        1,
        f"starling: cannot write the export to {folder}/a (File too large); what was there before is still there. "
        "Make room, or name another place\n",
    )
    assert list(folder.iterdir()) == []
    code, err = await through_a_shell(environment_of(home.settings), "$starling export - > /dev/full")
    assert (code, "cannot write the export to standard output (No space left on device)" in err) == (1, True)


async def test_a_file_that_is_none_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    song, data_dir = tmp_path / "song.mp3", tmp_path / "new"
    song.write_bytes(b"ID3")
    for file, reason in ((song, "no whole export of Starling"), (tmp_path / "none", "cannot read")):
        said = await cli_process.run({"STARLING_DATA_DIR": str(data_dir)}, "import", str(file))
        assert (said.code, reason in said.err) == (1, True)
    assert not data_dir.exists()


async def test_a_starling_at_rest_is_filled_and_exported_by_the_command_alone(home: House, tmp_path: Path) -> None:
    """On one machine nothing else runs: the command starts the servers, and stops them in the end."""
    file, again, data_dir = tmp_path / "a.starling", tmp_path / "b.starling", tmp_path / "new"
    rest = {"STARLING_DATA_DIR": str(data_dir)}
    assert (await cli_process.run({**environment_of(home.settings), **WITH}, "export", str(file))).code == 0
    nothing = await cli_process.run(rest, "export", str(again))
    assert (nothing.code, nothing.err.startswith(f"starling: there is no Starling on {data_dir}")) == (2, True)

    said = await cli_process.run({**rest, **WITH}, "import", str(file))
    assert said.code == 0, said.err
    assert (await cli_process.run({**rest, **WITH}, "export", str(again))).code == 0
    assert after_the_passwords(again) == after_the_passwords(file)

    own = Settings.model_validate(rest)
    async with standing(own, make=False) as found:
        there = Settings.model_validate({**rest, **found})
        assert await compare(there) == []
        async with house(there) as new:
            (secret,) = await new.rows("SELECT secret_id FROM secrets")
            assert await secrets.load(new.pool, there, secret["secret_id"]) == "open sesame"


async def test_an_instance_starts_on_what_was_imported_and_can_be_exported_while_it_runs(
    home: House, tmp_path: Path
) -> None:
    file, again, data_dir = tmp_path / "a.starling", tmp_path / "b.starling", tmp_path / "new"
    file.write_bytes(await home.exported(PASSPHRASE))
    rest = {"STARLING_DATA_DIR": str(data_dir)}
    said = await cli_process.run({**rest, **WITH}, "import", str(file))
    assert said.code == 0, said.err
    made = (data_dir / SECRET_KEY).read_text()

    instance = Instance(data_dir, tmp_path)
    try:
        await asyncio.to_thread(instance.start)
        servers = (await instance.get("/api/v1/servers"))["items"]
        expected = await home.rows("SELECT name FROM servers WHERE NOT removed")
        assert sorted(server["name"] for server in servers) == sorted(row["name"] for row in expected) != []
        said = await cli_process.run(rest, "rotate-key")
        assert (said.code, said.out.partition(". ")[2]) == (0, "Nothing has to be restarted.\n"), said.err
        assert (data_dir / SECRET_KEY).read_text() != made
        (secret,) = await home.rows("SELECT secret_id FROM secrets")
        pool = await postgres.open_pool(instance.settings())
        try:
            assert await secrets.load(pool, instance.settings(), secret["secret_id"]) == "open sesame"
        finally:
            await pool.close()
        assert (await cli_process.run(rest, "export", str(again))).code == 0
        refused = await cli_process.run(rest, "import", str(again))
        assert (refused.code, "is at work; stop Starling" in refused.err) == (1, True)
        assert await asyncio.to_thread(instance.stop) == 0
    finally:
        instance.kill()
    old, new = header_of(file.read_bytes()), header_of(again.read_bytes())
    assert new.until >= old.until and new.count >= old.count
