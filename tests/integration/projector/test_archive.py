"""Whatever stood in the log comes back from the archive."""

from __future__ import annotations

import json
from dataclasses import replace

from shared.archive import archived, read_archive
from shared.follower import parse
from tests.integration.projector.history import entry
from tests.integration.projector.projecting import Projecting
from tests.integration.projector.telling import added, analysed, described, discovered


async def test_events_come_back_with_their_blobs_in_order(projector: Projecting) -> None:
    await projector.tell(added(), discovered(described(1, title="Ünïcode 🎵")), analysed(1), analysed(2))
    found = await read_archive(projector.connection, 0, 100)
    assert parse(found) == parse(projector.log)
    assert [item.raw.blob for item in found] == [item.raw.blob for item in projector.log]
    assert await archived(projector.connection) == 4


async def test_reading_goes_on_behind_a_position(projector: Projecting) -> None:
    await projector.tell(*(analysed(number) for number in range(10)))
    places = [item.position for item in projector.log]
    found = await read_archive(projector.connection, places[2], 3)
    assert [item.position for item in found] == places[3:6]
    found = await read_archive(projector.connection, places[2], 100, until=places[4])
    assert [item.position for item in found] == places[3:5]
    assert await archived(projector.connection, until=places[4]) == 5


ODD = [
    b"not json at all",
    b"\xff\xfe\x00",
    b'{"name": NaN}',
    b'{"name": "half \\ud83d a pair"}',
    b'{"name": "nul \\u0000"}',
    b'{"name": "costs $raw"}',
    b'"\x00"',
    b"[" * 3000,
]


async def test_odd_data_is_kept_byte_for_byte_and_holds_up_nobody(projector: Projecting) -> None:
    odd = [entry(added(), number) for number in range(2, 2 + len(ODD))]
    odd = [
        replace(item, raw=replace(item.raw, data=data, traceparent="00-\x00"))
        for item, data in zip(odd, ODD, strict=True)
    ]
    await projector.hand_over([entry(analysed(1)[0], 1), *odd, entry(analysed(2)[0], 99)])
    found = await read_archive(projector.connection, 0, 100)
    assert [item.position for item in found] == [item.position for item in projector.log]
    assert [item.raw.data for item in found[1:-1]] == ODD
    assert json.loads(found[0].raw.data) == json.loads(projector.log[0].raw.data)
    assert await projector.count("track_analysis") == 2


async def test_an_event_of_a_newer_release_is_kept(projector: Projecting) -> None:
    newer = entry(added(), 1)
    newer = replace(newer, raw=replace(newer.raw, type="server.painted", version=7, data=b'{"colour": "red"}'))
    await projector.hand_over([newer])
    (found,) = await read_archive(projector.connection, 0, 10)
    assert (found.raw.type, found.raw.version, json.loads(found.raw.data)) == ("server.painted", 7, {"colour": "red"})
