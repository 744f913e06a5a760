"""One Starling for all attacks: a folder and a media server that lie, playlists with evil names, secrets to guard."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import music
from tests.attacks.hostile import FAKE_LINES, MARKUP, TERMINAL
from tests.attacks.house import TOKEN, Guarded, House
from tests.attacks.lying import in_a_thread, lying_server
from tests.instance import running
from tests.subsonic.faulty_server import FaultyServer

ENVIRONMENT = {
    "STARLING_TOKEN": TOKEN,
    "STARLING_RATE_LIMIT": "0",
    "STARLING_RETRY_BASE_S": "0.2",
    "STARLING_ANALYZER_PROCESSES": "1",
    "STARLING_LOG_LEVEL": "debug",
    "STARLING_LLM_URL": "http://127.0.0.1:9/v1",
    "STARLING_LLM_MODEL": "none",
    "STARLING_LLM_KEY": "the key of the language model",
}


@pytest.fixture(scope="package")
def lying() -> Iterator[FaultyServer]:
    """A media server that lies in every field."""
    with in_a_thread(lying_server()) as server:
        yield server


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory, lying: FaultyServer) -> Iterator[House]:
    """A running Starling that was lied to by everybody."""
    folder = tmp_path_factory.mktemp("attacked")
    fill(folder / "music")
    instance = Guarded(folder / "data", folder / "music", ENVIRONMENT)
    with running(instance):
        yield asyncio.run(House(instance, lying).lived_in())


def fill(folder: Path) -> None:
    """Songs that can be heard, with tags that attack; names of files as far as a file system takes them."""
    named = {
        "1 plain.ogg": MARKUP,
        "2 100% love_song \\ 'quoted'.ogg": "100% love_song \\ 'quoted'",
        "3 \x1b[31m $(reboot) `id` ;rm -rf.ogg": TERMINAL,
        "4 \n[info] fake=line.ogg": FAKE_LINES,
    }
    for number, (name, title) in enumerate(named.items(), 1):
        song = music.Song(name, title, MARKUP, MARKUP, number, genre=MARKUP, duration_s=3.0, hertz=200.0 * number)
        music.write_song(folder, song)
    (folder / "5 no sound <img src=x onerror=window.attacked=7>.mp3").write_bytes(b"<script>" * 500)
