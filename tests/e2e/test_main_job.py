"""The main job over HTTP: a library with every kind of bad file, a Subsonic server, freshness, retries."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from shared import positions
from shared.streams import Streams
from tests import music
from tests.instance import Instance
from tests.subsonic.supysonic_server import supysonic
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)


def _bad_library(root: Path) -> dict[str, str | None]:
    """Write files that must not stop a run; the reason expected for each, None for those that can be analysed."""
    good = music.write_tone(root / "good.ogg", seconds=4.0)
    whole = music.write_tone(root / "whole.flac", seconds=4.0).read_bytes()
    (root / "cut.flac").write_bytes(whole[:60])
    (root / "empty.mp3").touch()
    (root / "text.mp3").write_text("this is a shopping list, not music\n" * 200)
    (root / "noise.ogg").write_bytes(random.Random(1).randbytes(50_000))
    (root / "wrong extension.mp3").write_bytes(good.read_bytes())
    music.write_tone(root / "silent.wav", seconds=3.0, gain=0.0)
    music.write_tone(root / "one second.wav", seconds=1.0)
    music.write_tone(root / "blink.wav", seconds=0.05)
    music.write_tone(root / "東京 🎵\n\x07.ogg", seconds=3.0)
    (root / "link.mp3").symlink_to("/etc/passwd")
    return {
        "good.ogg": None,
        "whole.flac": None,
        "cut.flac": "corrupt",
        "empty.mp3": "empty_file",
        "text.mp3": "not_audio",
        "noise.ogg": "not_audio",
        "wrong extension.mp3": None,
        "silent.wav": None,
        "one second.wav": None,
        "blink.wav": "too_short",
        "東京 🎵\n\x07.ogg": None,
    }


async def _failures(starling: Instance, run_id: str) -> dict[str, str]:
    answer = await starling.get(f"/api/v1/runs/{run_id}/failures?limit=200")
    tracks = {item["track_id"]: item["reason"] for item in answer["items"]}
    names = {}
    for track_id, reason in tracks.items():
        track = await starling.get(f"/api/v1/tracks/{track_id}")
        names[track["item_id"]] = reason
    return names


async def test_bad_files_end_in_named_reasons_and_stop_nothing(starling: Instance, tmp_path: Path) -> None:
    expected = _bad_library(tmp_path)
    server = await starling.post(
        "/api/v1/servers", {"type": "folder", "name": "Bad", "path": str(tmp_path), "test": False}
    )

    run = await starling.ended(await starling.analyse(server_id=server["id"]))

    assert run["state"] == "completed"
    failures = await _failures(starling, run["id"])
    wanted = {name: reason for name, reason in expected.items() if reason}
    assert set(failures) == set(wanted)
    assert {name: failures[name] for name in wanted if name != "noise.ogg"} == {
        name: reason for name, reason in wanted.items() if name != "noise.ogg"
    }
    assert failures["noise.ogg"] in ("not_audio", "corrupt", "unsupported")
    totals = run["totals"]
    assert totals["discovered"] == len(expected) == totals["analysed"] + totals["skipped"] + totals["failed"]
    assert totals["failed"] == len(wanted)

    again = await starling.ended(await starling.analyse(server_id=server["id"]), seconds=15)
    assert again["totals"]["analysed"] == again["totals"]["failed"] == 0
    assert again["totals"]["skipped"] == len(expected)
    reasons = {skip["reason"]: skip["count"] for skip in again["skips"]}
    assert reasons == {"unchanged": len(expected) - len(wanted), "unreadable_before": len(wanted)}


async def test_a_silent_track_has_no_tempo_and_no_key_but_neighbours(starling: Instance) -> None:
    found = await starling.get("/api/v1/tracks?query=silent")
    (track,) = [item for item in found["items"] if item["item_id"] == "silent.wav"]
    analysis = track["analysis"]
    assert analysis["silent"]
    assert analysis["tempo_bpm"] is analysis["key"] is analysis["loudness_lufs"] is None
    similar = await starling.get(f"/api/v1/tracks/{track['id']}/similar?n=3")
    assert similar["items"]


async def test_a_subsonic_library_is_analysed_and_played_through_its_server(starling: Instance, tmp_path: Path) -> None:
    songs = music.make_library(tmp_path / "music", music.many_songs(12, suffix="mp3", seconds=2.0))
    with supysonic(tmp_path / "music", _new(tmp_path / "supysonic")) as subsonic:
        body = {"name": "Subsonic", "type": "subsonic", "url": subsonic.url}
        login = {"username": subsonic.user, "password": subsonic.password}
        wrong = await starling.post("/api/v1/servers/test", {**body, **login, "password": "wrong"})
        assert not wrong["ok"]
        assert "wrong" not in wrong["message"].lower() or "password" in wrong["message"].lower()
        server = await starling.post("/api/v1/servers", {**body, **login})

        run = await starling.ended(await starling.analyse(server_id=server["id"]))

        assert run["totals"]["analysed"] == len(songs)
        tracks = await starling.get(f"/api/v1/tracks?server_id={server['id']}&limit=50")
        assert {track["title"] for track in tracks["items"]} == {song.title for song in songs}
        again = await starling.ended(await starling.analyse(server_id=server["id"]), seconds=15)
        assert again["totals"]["skipped"] == len(songs)
        status, _ = await _first_bytes(starling, tracks["items"][0]["id"])
        assert status == 206
    await _nothing_secret(starling, subsonic.password)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _first_bytes(starling: Instance, track_id: str) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{starling.url}/api/v1/tracks/{track_id}/audio", headers={"Range": "bytes=0-99"}) as answer,
    ):
        return answer.status, await answer.read()


async def _nothing_secret(starling: Instance, password: str) -> None:
    """The password is in no event and in no log line."""
    streams = Streams(starling.settings())
    try:
        position = 0
        while page := await streams.log.page(position, 500):
            position = page[-1].position
            assert not any(password.encode() in entry.raw.data for entry in page)
    finally:
        await streams.close()
    assert password not in starling.log.read_text(errors="replace")


async def test_a_subsonic_server_that_goes_away_leaves_named_failures_and_its_tracks(
    starling: Instance, tmp_path: Path
) -> None:
    music.make_library(tmp_path / "music", music.many_songs(6, suffix="mp3", seconds=1.0))
    with supysonic(tmp_path / "music", _new(tmp_path / "supysonic")) as subsonic:
        server = await starling.post(
            "/api/v1/servers",
            {
                "type": "subsonic",
                "name": "Gone soon",
                "url": subsonic.url,
                "username": subsonic.user,
                "password": subsonic.password,
            },
        )
        run = await starling.ended(await starling.analyse(server_id=server["id"]))
        assert run["totals"]["analysed"] == 6

    broken = await starling.ended(await starling.analyse(server_id=server["id"]), seconds=60)

    assert broken["state"] == "failed"
    (scan,) = broken["scans"]
    assert scan["reason"] == "server_unavailable"
    left = await starling.get(f"/api/v1/tracks?server_id={server['id']}")
    assert left["total"] == 6


async def test_an_analysed_track_is_found_within_a_second(starling: Instance, tmp_path: Path) -> None:
    """From the TrackAnalyzed in the log to its first appearance in an answer of /similar: p95 under a second."""
    music.make_library(tmp_path, music.many_songs(30, suffix="wav", seconds=1.5))
    server = await starling.post("/api/v1/servers", {"type": "folder", "name": "Fresh", "path": str(tmp_path)})
    streams = Streams(starling.settings())
    try:
        start = await streams.log.last()
        run_id = await starling.analyse(server_id=server["id"])
        seen = await _watch(starling, streams, start, 30)
    finally:
        await streams.close()
    await starling.ended(run_id)
    delays = sorted(seen.values())
    assert len(delays) == 30
    assert delays[int(len(delays) * 0.95)] < 1.0, delays


async def _watch(starling: Instance, streams: Streams, start: int, count: int) -> dict[str, float]:
    """For each newly analysed track, seconds until /similar answers for it."""
    found: dict[str, float] = {}
    waiting: dict[str, float] = {}
    position = start
    deadline = time.monotonic() + 90
    while len(found) < count and time.monotonic() < deadline:
        for entry in await streams.log.page(position, 500):
            position = entry.position
            if entry.raw.type == "track.analyzed":
                waiting[entry.raw.subject.removeprefix("track:")] = positions.milliseconds(entry.position) / 1000
        for track_id, appended_at in list(waiting.items()):
            status, _ = await starling.call("GET", f"/api/v1/tracks/{track_id}/similar?n=5")
            if status == 200:
                found[track_id] = time.time() - appended_at
                del waiting[track_id]
        await asyncio.sleep(0.02)
    return found


async def test_a_run_can_be_paused_resumed_and_cancelled(starling: Instance, tmp_path: Path) -> None:
    music.make_library(tmp_path, music.many_songs(40, suffix="wav", seconds=8.0))
    server = await starling.post("/api/v1/servers", {"type": "folder", "name": "Long", "path": str(tmp_path)})
    run_id = await starling.analyse(server_id=server["id"])

    async def some_done() -> bool:
        return bool((await starling.get(f"/api/v1/runs/{run_id}"))["totals"]["analysed"] >= 2)

    await until(some_done, "the first tracks are analysed", seconds=40)
    paused = await starling.post(f"/api/v1/runs/{run_id}/pause")
    run = await starling.get(f"/api/v1/runs/{run_id}?after={paused['position']}")
    assert run["state"] == "paused"
    still = await _settled(starling, run_id)
    assert still["totals"]["analysed"] < 40

    await starling.post(f"/api/v1/runs/{run_id}/resume")

    async def more_done() -> bool:
        now = await starling.get(f"/api/v1/runs/{run_id}")
        return bool(now["totals"]["analysed"] > still["totals"]["analysed"])

    await until(more_done, "the run goes on", seconds=30)
    await starling.post(f"/api/v1/runs/{run_id}/cancel")
    cancelled = await starling.ended(run_id, seconds=20)
    assert cancelled["state"] == "cancelled"
    totals = cancelled["totals"]
    assert totals["discovered"] == totals["analysed"] + totals["skipped"] + totals["failed"] == 40
    assert totals["skipped"] > 0
    status, problem = await starling.call("POST", f"/api/v1/runs/{run_id}/pause")
    assert status == 409, problem


async def _settled(starling: Instance, run_id: str) -> dict[str, Any]:
    """What was in hand when the pause came has ended: three looks in a row say the same."""
    looks: list[int] = []
    run: dict[str, Any] = {}

    async def same() -> bool:
        nonlocal run
        run = await starling.get(f"/api/v1/runs/{run_id}")
        looks.append(run["totals"]["analysed"])
        await asyncio.sleep(0.15)
        return len(looks) > 5 and len(set(looks[-5:])) == 1

    await until(same, "the run rests", seconds=30)
    return run
