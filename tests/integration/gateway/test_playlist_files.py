"""Playlists as files over HTTP."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from tests.given import track
from tests.integration.gateway.system import System, discovered, folder, song
from tests.integration.gateway.test_playlists import made


async def given_songs(system: System) -> None:
    songs = [song(number, item_id=f"Artist/{number} song.flac") for number in range(5)]
    seen = await system.tell(folder(), discovered(*songs))
    await system.get("/api/v1/servers", after=seen)


async def imported(system: System, content: bytes, **query: str) -> tuple[int, dict[str, Any]]:
    headers = {**system.api.headers, "Content-Type": "audio/x-mpegurl"}
    client = system.api.client
    async with client.post("/api/v1/playlists/import", data=content, params=query, headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def exported(system: System, playlist_id: str, **query: str) -> tuple[bytes, dict[str, str]]:
    path = f"/api/v1/playlists/{playlist_id}/export"
    async with system.api.client.get(path, params=query, headers=system.api.headers) as response:
        assert response.status == 200
        return await response.read(), dict(response.headers)


async def test_an_exported_playlist_is_imported_as_it_was(system: System) -> None:
    await given_songs(system)
    one = await made(system, 3, 1, 2, name="Søul / 🎵")
    for file_format, media in (("m3u8", "audio/x-mpegurl"), ("jspf", "application/jspf+json")):
        content, headers = await exported(system, one["id"], format=file_format)
        assert headers["Content-Type"].startswith(media)
        assert f"S%C3%B8ul%20_%20%F0%9F%8E%B5.{file_format}" in headers["Content-Disposition"]
        assert b"Artist/3 song.flac" in content
        status, body = await imported(system, content)
        assert (status, body["name"], body["matched"], body["missing"]) == (201, "Søul / 🎵", 3, [])
        assert [item["id"] for item in body["tracks"]] == [item["id"] for item in one["tracks"]]
        assert (body["recipe"]["kind"], body["action"], body["version"]) == ("import", "imported", 1)


async def test_what_is_not_in_the_library_is_said_by_its_place_and_name(system: System) -> None:
    await given_songs(system)
    lines = [
        "#EXTM3U",
        "#EXTINF:1,Who - What",
        r"D:\x\1 song.flac",
        "nowhere.mp3",
        "#EXTINF:9,Nobody - Nothing",
        "b.mp3",
    ]
    status, body = await imported(system, "\r\n".join(lines).encode(), name="From a file")
    assert (status, body["name"], body["matched"], body["missing_count"]) == (201, "From a file", 1, 2)
    assert body["missing"] == [{"line": 2, "text": "nowhere.mp3"}, {"line": 3, "text": "Nobody - Nothing"}]
    assert body["recipe"]["missing"] == 2


async def test_a_form_is_taken_too(system: System) -> None:
    await given_songs(system)
    form = aiohttp.FormData(quote_fields=False)  # as browsers do
    form.add_field("other", "thing")
    form.add_field("file", b"4 song.flac\n", filename="Länge.m3u8")
    answer = await system.api.client.post("/api/v1/playlists/import", data=form, headers=system.api.headers)
    body = await answer.json()
    assert (answer.status, body["name"], body["recipe"]["file_name"]) == (201, "Länge", "Länge.m3u8")
    assert [item["id"] for item in body["tracks"]] == [str(track(4))]
    form = aiohttp.FormData({"other": "thing"}, default_to_multipart=True)
    answer = await system.api.client.post("/api/v1/playlists/import", data=form, headers=system.api.headers)
    assert (answer.status, (await answer.json())["errors"][0]["field"]) == (422, "file")


async def test_a_file_that_is_no_playlist_is_refused_with_advice(system: System) -> None:
    await given_songs(system)
    for content in (b"", b"ID3\x00\x01", b"{}", b"#EXTM3U\n", b"unknown.mp3\n", json.dumps({"playlist": 1}).encode()):
        status, body = await imported(system, content)
        assert (status, body["errors"][0]["field"]) == (422, "file"), content
    status, body = await imported(system, b"1 song.flac\n", name="x\x07")
    assert (status, body["errors"][0]["field"]) == (422, "name")
