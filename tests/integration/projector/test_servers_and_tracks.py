"""Given what happened to libraries, then what is listed."""

from __future__ import annotations

from typing import Any

from shared import events
from shared.messages import derived_id
from tests.integration.projector.projecting import Projecting
from tests.integration.projector.telling import (
    OTHER,
    SERVER,
    added,
    analysed,
    described,
    discovered,
    failed,
    gone,
    listed,
    not_listed,
    removed,
    skipped,
    track,
)


async def server_row(projector: Projecting) -> dict[str, Any]:
    return await projector.one("SELECT * FROM servers WHERE server_id = $1", SERVER)


async def track_row(projector: Projecting, number: int) -> dict[str, Any]:
    return await projector.one("SELECT * FROM tracks WHERE track_id = $1", track(number))


async def test_a_library_is_added_changed_and_removed(projector: Projecting) -> None:
    secret = derived_id("secret")
    await projector.tell(added(server_type="subsonic", url="http://nas", username="me", path=None, secret_id=secret))
    before = await server_row(projector)
    assert (before["server_type"], before["url"], before["secret_id"]) == ("subsonic", "http://nas", secret)
    assert (before["version"], before["removed"]) == (1, False)

    await projector.tell(events.ServerChanged(server_id=SERVER, name="Attic", url="http://attic"), removed())
    after = await server_row(projector)
    assert (after["name"], after["url"], after["username"]) == ("Attic", "http://attic", None)
    assert (after["version"], after["removed"]) == (3, True)
    assert after["added_at"] == before["added_at"]


async def test_a_library_tells_how_its_last_scan_went(projector: Projecting) -> None:
    await projector.tell(added())
    for event, problem in (
        (listed(3, incomplete=True), "A part of the library could not be listed, so nothing was removed."),
        (listed(3), None),
        (not_listed(), "It does not answer."),
    ):
        await projector.tell(event)
        row = await server_row(projector)
        assert row["last_scan_problem"] == problem
        assert row["last_scan_at"] == projector.log[-1].raw.occurred_at


async def test_a_cancelled_scan_says_nothing_about_a_library(projector: Projecting) -> None:
    await projector.tell(added(), not_listed())
    before = await server_row(projector)
    await projector.tell(not_listed("cancelled"))
    assert await server_row(projector) == before


async def test_a_track_is_described_as_its_server_does(projector: Projecting) -> None:
    whole = described(
        1,
        title="Ágætis byrjun",
        artist="Sigur Rós",
        album="Á",
        year=1999,
        track_number=2,
        size_bytes=1 << 33,
        suffix="ogg",
    )
    await projector.tell(added(), discovered(whole))
    row = await track_row(projector, 1)
    assert (row["title"], row["artist"], row["year"], row["size_bytes"]) == (
        "Ágætis byrjun",
        "Sigur Rós",
        1999,
        1 << 33,
    )
    assert (row["status"], row["removed"], row["content_version"]) == ("discovered", False, "1")
    assert "ágætis byrjun sigur rós á" in row["search"]
    assert "agætis byrjun sigur ros a" in row["search"]


async def test_odd_tags_do_not_hold_up_the_others(projector: Projecting) -> None:
    odd = described(1, title="nul\x00 and\n\u202e", artist="x" * 5000, year=10**15, duration_s=float("inf"))
    long = described(2, title="𝄞" * 4000, artist="𝄢" * 4000, album="夜" * 4000)
    await projector.tell(added(), discovered(odd, long, described(3)))
    row = await track_row(projector, 1)
    assert row["title"] == "nul and\n\u202e"
    assert (len(row["artist"]), row["year"], row["duration_s"]) == (600, None, None)
    assert await projector.count("tracks") == 3


async def test_a_track_is_analysed(projector: Projecting) -> None:
    await projector.tell(added(), discovered(described(1), described(2)), analysed(1))
    assert (await track_row(projector, 1))["status"] == "analysed"
    assert (await track_row(projector, 2))["status"] == "discovered"


async def test_a_changed_track_waits_for_its_analysis_and_keeps_the_old_one(projector: Projecting) -> None:
    await projector.tell(added(), discovered(described(1)), analysed(1))
    await projector.tell(discovered(described(1, content_version="2", meta_version="2", title="Remastered")))
    row = await track_row(projector, 1)
    assert (row["status"], row["title"]) == ("discovered", "Remastered")
    assert await projector.one("SELECT content_version FROM track_analysis") == {"content_version": "1"}

    await projector.tell(analysed(1, content_version="1"))
    assert (await track_row(projector, 1))["status"] == "discovered", "this was about the bytes of before"
    await projector.tell(analysed(1, content_version="2"))
    assert (await track_row(projector, 1))["status"] == "analysed"
    await projector.tell(discovered(described(1, content_version="2", meta_version="3", title="Again")))
    assert (await track_row(projector, 1))["status"] == "analysed", "only the description is new"


async def test_a_failed_track_tells_why_until_it_changes_or_succeeds(projector: Projecting) -> None:
    await projector.tell(added(), discovered(described(1), described(2)), failed(1, permanent=True), failed(2))
    row = await track_row(projector, 1)
    assert (row["status"], row["failure_reason"], row["failure_permanent"]) == ("failed", "corrupt", True)
    assert row["failed_content_version"] == "1"
    await projector.tell(discovered(described(1, content_version="2")), analysed(2))
    for number, status in ((1, "discovered"), (2, "analysed")):
        row = await track_row(projector, number)
        assert (row["status"], row["failure_reason"], row["failure_permanent"]) == (status, None, None)


async def test_a_failure_does_not_take_away_what_is_known(projector: Projecting) -> None:
    await projector.tell(added(), discovered(described(1), described(2, content_version="2")))
    await projector.tell(analysed(1), failed(1), failed(1, content_version=None), failed(2, content_version="1"))
    assert (await track_row(projector, 1))["status"] == "analysed"
    assert (await track_row(projector, 2))["status"] == "discovered", "the bytes that failed were replaced"
    await projector.tell(failed(2, content_version=None))
    assert (await track_row(projector, 2))["status"] == "failed"


async def test_a_track_that_left_comes_back(projector: Projecting) -> None:
    await projector.tell(added(), discovered(described(1), described(2)), analysed(1), gone(1, 2))
    assert [row["removed"] for row in await projector.all("SELECT removed FROM tracks")] == [True, True]
    await projector.tell(discovered(described(1), unchanged=(track(2),)), skipped(2))
    assert [row["removed"] for row in await projector.all("SELECT removed FROM tracks")] == [False, False]
    assert (await track_row(projector, 1))["status"] == "analysed"


async def test_a_removed_library_takes_its_tracks_along_and_late_pages_do_not_bring_them_back(
    projector: Projecting,
) -> None:
    await projector.tell(added(), added(OTHER), discovered(described(1)), discovered(described(1, OTHER), server=OTHER))
    await projector.tell(analysed(1), removed(), analysed(1), discovered(described(1), described(2)))
    assert (await track_row(projector, 1))["removed"] is True
    rows = await projector.all("SELECT server_id, removed FROM tracks ORDER BY removed")
    assert rows == [{"server_id": OTHER, "removed": False}, {"server_id": SERVER, "removed": True}]


async def test_what_nobody_has_heard_of_changes_nothing(projector: Projecting) -> None:
    await projector.tell(removed(), gone(1), failed(1), not_listed(), events.ServerChanged(server_id=SERVER, name="x"))
    assert await projector.count("servers") == 0
    assert await projector.count("tracks") == 0
