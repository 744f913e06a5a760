"""A gateway with something in it, to be asked from another thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from shared.events import SyncRequested, TrackAnalysisFailed
from shared.messages import derived_id
from shared.settings import Settings
from tests.fuzzing.making_up import Target
from tests.given import RUN, SERVER, fetch_audio, track
from tests.integration.gateway.conftest import gateway, is_ready, projector
from tests.integration.gateway.listening import DONE, SYNC, WAITING, clustered, playlist, proposed
from tests.integration.gateway.system import System, analysed, asked, discovered, folder, song
from tests.integration.gateway.test_dead import bury
from tests.waiting import until

TOKEN = "a long random word"


@asynccontextmanager
async def inhabited(settings: Settings, music: Path) -> AsyncIterator[tuple[Target, Target]]:
    """The gateway as its owner sees it, and as nobody does."""
    guarded = settings.model_copy(update={"token": SecretStr(TOKEN), "rate_limit": 0.0})
    async with projector(guarded), gateway(guarded) as system:
        await until(lambda: is_ready(system), "the gateway is ready")
        owner = {"name": "Anna", "password": "correct horse battery", "code": TOKEN}
        account = (await system.api.post("/api/v1/set-up", owner)).body["account_id"]
        known = {**await _fill(system, music), "account_id": account}
        url = str(system.api.client.make_url("")).rstrip("/")
        yield Target(url, {"Authorization": f"Bearer {TOKEN}"}, known), Target(url, {}, known)


async def _fill(system: System, music: Path) -> dict[str, str]:
    await system.tell(
        folder(str(music)),
        *asked(),
        discovered(*(song(number) for number in range(1, 7))),
        *(analysed(number) for number in range(1, 6)),
        TrackAnalysisFailed(run_id=RUN, server_id=SERVER, track_id=track(6), reason="corrupt", detail="Cut off."),
    )
    await bury(system, fetch_audio(1))
    seen = await system.tell(
        clustered(DONE), *proposed(DONE), clustered(WAITING), SyncRequested(run_id=SYNC), playlist()
    )
    await system.get("/api/v1/playlists", after=seen)
    return {
        "server_id": str(SERVER),
        "run_id": str(RUN),
        "track_id": str(track(1)),
        "clustering_id": str(DONE),
        "playlist_id": str(playlist().playlist_id),
        "sync_id": str(SYNC),
        "schedule_id": str(derived_id("a schedule")),
        "letter_id": (await system.get("/api/v1/dead"))["items"][0]["id"],
    }
