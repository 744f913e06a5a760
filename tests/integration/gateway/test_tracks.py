"""Listing, searching and showing tracks."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from shared.events import LibraryTrack, TrackAnalysisFailed, TracksRemoved
from shared.messages import derived_id
from tests.given import RUN, SERVER, track
from tests.integration.gateway.system import System, analysed, asked, discovered, folder, song, tags


def library(n: int) -> list[LibraryTrack]:
    return [song(number) for number in range(n)]


async def fill(system: System, songs: list[LibraryTrack]) -> str:
    pages = [songs[start : start + 250] for start in range(0, len(songs), 250)]
    return await system.tell(folder(), *(discovered(*page) for page in pages))


async def every(system: System, **query: Any) -> list[dict[str, Any]]:
    """All pages of a listing."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = await system.get("/api/v1/tracks", cursor=cursor, **query)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        assert page["total"] >= len(found)


async def test_a_thousand_tracks_come_page_by_page_each_once_and_in_order(system: System) -> None:
    seen = await fill(system, library(1000))
    found = await every(system, limit=170, after=seen)
    assert len({item["id"] for item in found}) == len(found) == 1000
    places = [(item["artist"].lower(), item["album"].lower(), item["track_number"]) for item in found]
    assert places == sorted(places)
    assert (await system.get("/api/v1/tracks", limit=1))["total"] == 1000


async def test_a_page_does_not_shift_when_tracks_come_and_go(system: System) -> None:
    seen = await fill(system, library(20))
    first = await system.get("/api/v1/tracks", limit=10, after=seen)
    last = UUID(first["items"][-1]["id"])
    seen = await system.tell(
        TracksRemoved(run_id=RUN, server_id=SERVER, track_ids=(last,)),
        discovered(song(100, artist="AAA", album="AAA")),
    )
    rest = await system.get("/api/v1/tracks", limit=100, cursor=first["next_cursor"], after=seen)
    together = [item["id"] for item in first["items"] + rest["items"]]
    assert len(set(together)) == len(together) == 20


async def test_tracks_without_names_or_numbers_have_their_place_too(system: System) -> None:
    bare = [
        song(number, artist=None, album=None, track_number=None, year=None, duration_s=None, title=f"t{number % 2}")
        for number in range(7)
    ]
    seen = await fill(system, bare)
    found = await every(system, limit=2, after=seen)
    assert len({item["id"] for item in found}) == 7


async def test_every_word_must_be_found_somewhere(system: System) -> None:
    seen = await fill(
        system,
        [
            song(1, title="Jóga", artist="Björk", album="Homogenic"),
            song(2, title="Army of Me", artist="Björk", album="Post"),
            song(3, title="100% pure", artist="Joga Bonito", album="Samba_2"),
            song(4, title="海の歌", artist="さくら", album="春"),
        ],
    )

    async def hits(query: str) -> list[str]:
        return [item["title"] for item in (await system.get("/api/v1/tracks", query=query, after=seen))["items"]]

    assert await hits("björk homo") == ["Jóga"]
    assert await hits("BJORK") == ["Jóga", "Army of Me"]
    assert await hits("joga") == ["Jóga", "100% pure"]
    assert await hits("100%") == ["100% pure"]
    assert await hits("a_2") == ["100% pure"]
    assert await hits("海") == ["海の歌"]
    assert await hits("'; drop table tracks; --") == []
    assert await hits("björk metallica") == []
    assert len(await hits("  ")) == 4


async def test_tracks_are_chosen_by_library_and_by_state(system: System) -> None:
    other = derived_id("other")
    seen = await system.tell(
        folder(),
        folder("/other", other, "Other"),
        *asked(),
        discovered(song(1), song(2), song(3)),
        discovered(song(4), server=other),
        analysed(1),
        TrackAnalysisFailed(run_id=RUN, server_id=SERVER, track_id=track(2), reason="corrupt", detail="Cut off."),
    )
    assert [t["id"] for t in await every(system, status="analysed", after=seen)] == [str(track(1))]
    assert [t["id"] for t in await every(system, server_id=other)] == [str(track(4))]
    [failed] = await every(system, status="failed")
    assert failed["failure"] == {"reason": "corrupt", "detail": "Cut off."}
    assert (await system.api.get("/api/v1/tracks", status="lost")).status == 422


async def test_a_track_shows_how_it_sounds(system: System) -> None:
    seen = await system.tell(
        folder(), *asked(), discovered(song(1)), analysed(1, heard=tags(msd__sad=0.6, mtt__piano=0.5, msd__jazz=0.3))
    )
    shown = await system.get(f"/api/v1/tracks/{track(1)}", after=seen)
    assert (shown["title"], shown["status"], shown["failure"]) == ("Song 0001", "analysed", None)
    assert (shown["analysis"]["tempo_bpm"], shown["analysis"]["key"], shown["analysis"]["scale"]) == (
        72.0,
        "A",
        "minor",
    )
    assert shown["analysis"]["loudness_lufs"] == -14.5
    assert len(shown["top_tags"]) == 12
    assert [tag["label"] for tag in shown["top_tags"][:3]] == ["sad", "piano", "jazz"]
    assert shown["top_tags"][0]["zscore"] is None
    assert shown["mood_strip"]["mood"] < 0.4

    [listed] = (await system.get("/api/v1/tracks"))["items"]
    assert len(listed["top_tags"]) == 3


async def test_in_a_large_library_tags_are_measured_against_the_rest(system: System) -> None:
    usual = [analysed(number, heard=tags(msd__rock=0.7)) for number in range(30)]
    odd = analysed(30, heard=tags(msd__rock=0.7, mtt__harp=0.3))
    seen = await system.tell(folder(), *asked(), discovered(*library(31)), *usual, odd)
    await system.get("/api/v1/tracks", after=seen)
    system.gateway.tags._read_at = float("-inf")
    shown = await system.get(f"/api/v1/tracks/{track(30)}")
    assert shown["top_tags"][0]["label"] == "harp"
    assert shown["top_tags"][0]["zscore"] > 2


async def test_what_is_not_there_is_said_to_be_missing(system: System) -> None:
    for path in (f"/api/v1/tracks/{uuid4()}", "/api/v1/tracks/nonsense", f"/api/v1/tracks/{uuid4()}/similar"):
        answer = await system.api.get(path)
        assert (answer.status, answer.body["status"]) == (404, 404)


async def test_wrong_parameters_are_named(system: System) -> None:
    for query in ({"limit": 0}, {"limit": 201}, {"limit": "many"}, {"cursor": "x"}, {"server_id": "1"}, {"after": "x"}):
        answer = await system.api.get("/api/v1/tracks", **query)
        assert answer.status == 422
        assert answer.body["errors"][0]["field"] == next(iter(query))
