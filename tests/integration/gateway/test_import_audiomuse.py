"""Analyses and playlists come over from AudioMuse-AI's database, and Starling's own analyses take their place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import pytest

from services.cli.audiomuse.commands import AT_ONCE, import_audiomuse
from services.cli.audiomuse.source import opened
from services.projector.compare import compare
from services.up.postgres import PostgresServer
from shared import positions
from shared.embedding import AUDIOMUSE_SPACE, SPACE
from shared.errors import ConfigurationError, InvalidInput, StoreUnavailable
from shared.events import PlaylistSaved, ServerAdded, TrackAnalysisImported
from shared.messages import derived_id, track_id
from tests.audiomuse import AudioMuse, audiomuse, vector
from tests.e2e.cli_process import start
from tests.given import SERVER
from tests.integration.gateway.system import System, analysed, discovered, folder, song
from tests.integration.gateway.test_command_line import said, session
from tests.waiting import until


@pytest.fixture
async def source(postgres: PostgresServer) -> AsyncIterator[AudioMuse]:
    async with audiomuse(postgres) as made:
        yield made


def jellyfin() -> ServerAdded:
    return ServerAdded(server_id=SERVER, server_type="jellyfin", name="Nas", url="http://nas:8096")


def known(item_id: str, number: int, **facts: Any) -> Any:
    """A song under the id that Starling gives to the server's ``item_id``."""
    return song(number, track_id=track_id(SERVER, item_id), item_id=item_id, **facts)


async def shown(system: System, item_id: str) -> Any:
    return await system.get(f"/api/v1/tracks/{track_id(SERVER, item_id)}")


async def near(system: System, item_id: str, after: str | None = None) -> tuple[str, list[str]]:
    """The space that was searched, and the items that were found."""
    found = await system.get(f"/api/v1/tracks/{track_id(SERVER, item_id)}/similar", after=after)
    return found["space"], [item["track"]["item_id"] for item in found["items"]]


async def last(system: System) -> str:
    """Where the log ends."""
    return positions.text(await system.gateway.streams.log.last())


async def run(system: System, source: AudioMuse, folder: Path, **options: Any) -> int:
    """The command, told by a file where the database is, once everything that was told can be seen."""
    await system.get("/api/v1/servers", after=await last(system))
    file = folder / "database.url"
    file.write_text(f"{source.url}\n")
    wanted = {"playlists": False, "dry_run": False, **options}
    return await import_audiomuse(session(system), (None, file), "nas", wanted.pop("server", None), **wanted)


async def events(system: System, kind: type[Any]) -> int:
    """How many events of a kind the log holds."""
    entries = await system.gateway.streams.log.page(0, 10_000)
    return sum(entry.raw.type == kind.wire_type for entry in entries)


async def test_an_import_stands_in_until_starling_has_listened_itself(
    system: System, source: AudioMuse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await system.tell(jellyfin(), discovered(*(known(item, place) for place, item in enumerate(("a", "b", "c", "d")))))
    await source.analysed("a", vector(1))
    await source.analysed("b", vector(2, towards=1, share=0.7), key="Bb", tempo=119.0)
    await source.analysed("c", vector(3), tempo=0.0, key="", mood_vector="rock:0.000,pop:0.000")
    before = await source.everything()

    assert await run(system, source, tmp_path) == 0
    assert said(capsys) == "Took over 3 analyses into Nas; 0 had been taken over before.\n"
    track = await shown(system, "a")
    assert (track["analysis_source"], track["analysis"], track["status"]) == ("audiomuse", None, "discovered")
    assert track["imported"] | {"imported_at": ""} == {
        "source": "audiomuse", "imported_at": "", "tempo_bpm": 117.45, "key": "A#", "scale": "minor",
        "energy_rms": 0.0829,
    }  # fmt: skip
    assert [tag["label"] for tag in track["top_tags"]] == ["rock", "indie", "alternative", "electronic", "punk"]
    assert track["top_tags"][0]["probability"] == pytest.approx(0.2371, abs=1e-3)
    quiet = await shown(system, "c")
    assert (quiet["imported"]["tempo_bpm"], quiet["imported"]["key"], quiet["top_tags"]) == (None, None, [])
    assert await near(system, "a", await last(system)) == (AUDIOMUSE_SPACE, ["b", "c"])
    playlist = await system.api.post("/api/v1/playlists", {"name": "Like a", "similar_to": [track["id"]], "n": 2})
    assert [item["item_id"] for item in playlist.body["tracks"]] == ["a", "b"]

    await system.tell(
        analysed(1, track_id=track_id(SERVER, "a"), tempo_bpm=118.0), analysed(2, track_id=track_id(SERVER, "d"))
    )
    seen = await last(system)
    assert await near(system, "a", seen) == (SPACE, ["d"])
    space, others = await near(system, "c", seen)
    assert (space, sorted(others)) == (AUDIOMUSE_SPACE, ["a", "b"]), "what was imported stays comparable with itself"
    mixed = [str(track_id(SERVER, item)) for item in ("c", "d")]
    refused = await system.api.post("/api/v1/playlists", {"name": "Like two", "similar_to": mixed})
    assert (refused.status, refused.body["reason"]) == (409, "not_analysed")
    track = await shown(system, "a")
    assert (track["analysis_source"], track["imported"]) == ("starling", None)
    assert track["analysis"]["tempo_bpm"] == 118.0

    assert await run(system, source, tmp_path) == 0
    assert said(capsys) == "Took over 0 analyses into Nas; 3 had been taken over before.\n"
    await source.connection.execute("UPDATE score SET tempo = 90 WHERE item_id = 'b'")
    assert await run(system, source, tmp_path) == 0
    assert said(capsys).startswith("Took over 1 analysis into Nas; 2 had")
    assert (await shown(system, "b"))["imported"]["tempo_bpm"] == 90
    assert await events(system, TrackAnalysisImported) == 4
    assert await compare(system.settings) == []
    await source.connection.execute("UPDATE score SET tempo = 119 WHERE item_id = 'b'")
    assert await source.everything() == before, "nobody wrote into the other database"


async def test_what_cannot_be_taken_over_is_named_with_its_reason(
    system: System, source: AudioMuse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await system.tell(
        folder("/music", SERVER, "Nas"),
        discovered(
            known("good.flac", 1),
            known("Artist/Album/path.flac", 2),
            known("names.flac", 3, title="Été", artist="Ann", album="Sea", duration_s=200.0),
            *(known(f"twin {number}.flac", number, title="Twin", artist="Ann") for number in (4, 5)),
        ),
    )
    await source.know_several_servers(home="jellyfin")
    good: list[tuple[str, dict[str, Any]]] = [("good.flac", {}), ("1", {"file_path": "/data/Artist/Album/path.flac"}),
            ("2", {"title": "été", "author": "ANN", "album": "sea", "duration": 202.0}),
            ("3", {"title": "Été", "author": "Ann", "duration": 200.0})]  # fmt: skip
    for item, facts in good:
        await source.analysed(item, **facts)
    await source.analysed("4", title="Twin", author="Ann")
    await source.analysed("5", title="Nowhere\x1b", author="Bob")
    bad = np.frombuffer(vector(1), "<f4").copy()
    bad[7] = np.inf
    rows: list[tuple[bytes | None, dict[str, Any], str]] = [
        (b"x" * 2048, {}, "the vector has 2048 bytes instead of 800"),
        (np.full(200, np.nan, "<f4").tobytes(), {}, "the vector holds NaN or infinity"),
        (bad.tobytes(), {}, "the vector holds NaN or infinity"),
        (bytes(800), {}, "the vector is all zero"),
        (None, {"tempo": 999.0}, "the tempo is not within 20 to 400 BPM"),
        (None, {"tempo": float("nan")}, "the tempo is not within 20 to 400 BPM"),
        (None, {"mood_vector": "rock=0.5"}, "the mood_vector cannot be read"),
        (None, {"key": "H"}, "the key is not one of the twelve"),
        (None, {"scale": "dorian"}, "the scale is neither major nor minor"),
    ]
    for number, (embedding, facts, _) in enumerate(rows):
        await source.analysed(f"bad {number}", embedding, **facts)

    for dry_run in (True, False):
        assert await run(system, source, tmp_path, dry_run=dry_run) == 1
        told = said(capsys).splitlines()
        assert (
            told[0] == f"{'Would take' if dry_run else 'Took'} over 3 analyses into Nas; 0 had been taken over before."
        )
        assert told[1].startswith("2 of them by path or names")
        assert await events(system, TrackAnalysisImported) == (0 if dry_run else 3)
    assert told[2:4] == ["1 left out, since another one stands for the same track", "  Ann - Été (3)"]
    assert told[4:7] == ["2 unknown: Nas has no such track", "  Ann - Twin (4)", "  Bob - Nowhere\ufffd (5)"]
    for number, (_, _, reason) in enumerate(rows):
        group = next(place for place, line in enumerate(told) if line.endswith(f"refused: {reason}"))
        assert f"  Somebody - Title bad {number} (bad {number})" in told[group : group + 3]
    assert (await shown(system, "Artist/Album/path.flac"))["analysis_source"] == "audiomuse"
    assert (await shown(system, "twin 4.flac"))["analysis_source"] is None
    assert await run(system, source, tmp_path) == 1
    assert said(capsys).startswith("Took over 0 analyses into Nas; 3 had")


async def test_playlists_come_only_when_asked_for_and_only_once(
    system: System, source: AudioMuse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = derived_id("other")
    await system.tell(
        jellyfin(),
        folder("/other", other, "Other"),
        discovered(*(known(item, place) for place, item in enumerate("ab"))),
    )
    await source.know_several_servers(home="navidrome", nas="jellyfin")
    await source.analysed("fp_1")
    await source.analysed("fp_2")
    await source.analysed("b")
    await source.mapped("fp_1", "home", "z")
    await source.mapped("fp_1", "nas", "a")
    await source.mapped("fp_2", "home", "b")
    await source.playlist("Rock_Happy_automatic (2)", "fp_1", "b", "gone", server_id="nas")
    await source.playlist("Theirs", "fp_2", server_id="home")
    await source.playlist("Lost", "gone", server_id="nas")

    assert await run(system, source, tmp_path) == 0
    assert said(capsys) == "Took over 1 analysis into Nas; 0 had been taken over before.\n"
    assert await run(system, source, tmp_path, playlists=True, dry_run=True) == 0
    assert said(capsys).endswith("Would take over 1 playlist (1 entry without a track here); 1 have no track here.\n")
    assert await events(system, PlaylistSaved) == 0
    for again in (False, True):
        assert await run(system, source, tmp_path, playlists=True) == 0
        assert f"Took over {0 if again else 1} playlist" in said(capsys)
    [kept] = (await system.get("/api/v1/playlists"))["items"]
    assert (kept["name"], kept["kind"], kept["track_count"]) == ("Rock_Happy (2)", "import", 2)
    await system.api.delete(f"/api/v1/playlists/{kept['id']}")
    assert await run(system, source, tmp_path, playlists=True) == 0
    assert "1 had been taken over before" in said(capsys)
    assert (await system.get("/api/v1/playlists", after=await last(system)))["items"] == []
    for again in (False, True):
        assert await run(system, source, tmp_path, server="My navidrome") == 1
        assert said(capsys).startswith(
            "Took over 0 analyses into Nas; 1" if again else "Took over 1 analysis into Nas; 0"
        )
    with pytest.raises(InvalidInput, match=r"My jellyfin \(jellyfin\), My navidrome \(navidrome\)"):
        await run(system, source, tmp_path, server="Plex")


async def test_of_imports_at_the_same_time_each_fact_is_written_once(system: System) -> None:
    seen = await system.tell(jellyfin(), discovered(known("a", 1), known("b", 2)))
    await system.get("/api/v1/servers", after=seen)
    items = [{"item_id": item, "tempo_bpm": 90.0} for item in ("a", "b")]
    body = {"server_id": str(SERVER), "source": "audiomuse", "source_version": "item_id", "items": items}
    answers = await asyncio.gather(*(system.api.post("/api/v1/imports/analyses", body) for _ in range(8)))
    assert {answer.status for answer in answers} <= {200, 409}
    taken = [item for answer in answers if answer.status == 200 for item in answer.body["items"]]
    assert sum(item["state"] == "taken" for item in taken) == 2
    assert await events(system, TrackAnalysisImported) == 2
    unknown = await system.api.post("/api/v1/imports/analyses", {**body, "server_id": str(derived_id("nobody"))})
    assert unknown.status == 404
    for bad in ({"vector": "AAAA"}, {"tags": {"rock": 0.5}}, {"key": "H"}):
        wrong = await system.api.post("/api/v1/imports/analyses", {**body, "items": [{"item_id": "a", **bad}]})
        assert wrong.status == 422, bad


async def test_an_import_that_was_killed_is_finished_by_the_next(
    system: System, source: AudioMuse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [f"{number:05}" for number in range(2 * AT_ONCE + 50)]
    for start_at in range(0, len(items), 1000):
        await system.tell(
            jellyfin(), discovered(*(known(item, place) for place, item in enumerate(items[start_at:][:1000])))
        )
    await source.connection.execute(
        "INSERT INTO score SELECT n, n, 'Ann', 'Sea', 'Ann', 120, 'C', 'major', 'rock:0.55', 0.1, ''"
        " FROM unnest($1::text[]) n", items,
    )  # fmt: skip
    await source.connection.execute("INSERT INTO embedding SELECT item_id, $1 FROM score", vector(1))
    # The second batch can be read only when this test lets go, so the first is written when the kill comes.
    await source.connection.execute(
        f"""
        ALTER TABLE score RENAME TO scores;
        CREATE FUNCTION held(item text) RETURNS text STABLE LANGUAGE plpgsql AS $$
        BEGIN
            IF item = '{items[AT_ONCE + 10]}' THEN PERFORM pg_advisory_xact_lock_shared(7); END IF;
            RETURN item;
        END $$;
        CREATE VIEW score AS SELECT held(item_id) AS item_id, title, author, tempo, key, scale, mood_vector FROM scores;
        ALTER ROLE audiomuse_reader SET enable_hashjoin = off;
        ALTER ROLE audiomuse_reader SET enable_mergejoin = off;
        """
    )
    environment = {
        "AUDIOMUSE_DATABASE_URL": source.url,
        "STARLING_URL": str(system.api.client.make_url("/")),
        "STARLING_DATA_DIR": str(tmp_path),
    }
    await system.get("/api/v1/servers", after=await last(system))
    await source.connection.execute("SELECT pg_advisory_lock(7)")
    process = await start(environment, "import-audiomuse", "--server", "Nas")
    await until(lambda: _holds(system, AT_ONCE), "the first batch is written")
    process.kill()
    await process.communicate()
    assert await events(system, TrackAnalysisImported) == AT_ONCE
    await source.connection.execute("SELECT pg_advisory_unlock(7)")

    assert await run(system, source, tmp_path) == 0
    taken = f"Took over {AT_ONCE + 50} analyses into Nas; {AT_ONCE} had been taken over before.\n"
    assert said(capsys) == taken
    assert await events(system, TrackAnalysisImported) == len(items)


async def _holds(system: System, number: int) -> bool:
    return await events(system, TrackAnalysisImported) >= number


async def test_a_database_is_only_read_and_one_that_is_no_audiomuse_is_refused(source: AudioMuse) -> None:
    async with opened(source.owners_url, "jellyfin", None) as mine:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await mine.connection.execute("DELETE FROM score")
    with pytest.raises(ConfigurationError, match="cannot be read; it looks like"):
        await _open(f"{source.url}?sslmode=bogus")
    with pytest.raises(StoreUnavailable, match="AudioMuse-AI's database does not answer"):
        await _open("postgresql://nobody@127.0.0.1:1/db")
    with pytest.raises(ConfigurationError, match="refused the user or the password"):
        await _open(source.url.replace("reading", "writing"))
    await source.connection.execute("REVOKE SELECT ON score FROM audiomuse_reader")
    with pytest.raises(ConfigurationError, match="permission denied for table score; let the user read"):
        await _open(source.url)
    await source.connection.execute("ALTER TABLE score RENAME item_id TO track_id")
    with pytest.raises(ConfigurationError, match="numbers its tracks"):
        await _open(source.url)
    await source.connection.execute("ALTER TABLE score RENAME TO scores")
    with pytest.raises(ConfigurationError, match=r"no table 'score'.* it has: embedding, playlist, scores"):
        await _open(source.url)


async def _open(url: str) -> None:
    async with opened(url, "jellyfin", None) as source:
        await source.count()
