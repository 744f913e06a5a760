"""Clusterings over HTTP: asked for, watched, ended, kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from shared.commands import KeepPlaylists, StartClustering
from shared.events import ClusteringFailed, ClusteringRequested, ClusterRecipe, PlaylistsKept
from shared.messages import Message, derived_id
from shared.upcasts import read
from tests.given import track
from tests.integration.gateway.listening import DONE, clustered, playlist, proposed, searched
from tests.integration.gateway.system import System, discovered, folder, song


async def ordered(system: System, service: str) -> list[Message]:
    """The commands that wait for a service."""
    from shared.commands import COMMANDS
    from shared.messages import decode_raw

    streams = system.gateway.streams
    found: list[Message] = []
    for key in streams.keys.work_streams(service):
        entries: Any = await streams.client.xrange(key)
        found += [read(COMMANDS, decode_raw(fields)).message for _, fields in entries]
    return found


async def given_proposals(system: System) -> None:
    seen = await system.tell(
        folder(), discovered(*(song(number) for number in range(6))), clustered(evaluations=10), *proposed()
    )
    await system.get("/api/v1/clusterings", after=seen)


async def test_a_clustering_needs_nothing_to_be_said(system: System) -> None:
    answer = await system.api.post("/api/v1/clusterings")
    assert answer.status == 202
    found = await system.get(answer.headers["Location"], after=answer.body["position"])
    assert (found["state"], found["planned"], found["evaluated"], found["best"]) == ("requested", 240, 0, None)
    [command] = await ordered(system, "clusterer")
    assert isinstance(command, StartClustering)
    assert (command.run_id, command.seed) == (UUID(answer.body["clustering_id"]), found["seed"])


async def test_what_is_asked_for_is_passed_on_and_the_same_key_asks_once(system: System) -> None:
    await system.tell(folder())
    body = {"seed": 42, "algorithms": ["gmm"], "tracks_min": 5, "weights": {"purity": 1}, "save": True}
    answers = [await system.api.post("/api/v1/clusterings", body, Idempotency_Key="once") for _ in range(3)]
    assert len({answer.body["clustering_id"] for answer in answers}) == 1
    [command] = await ordered(system, "clusterer")
    assert isinstance(command, StartClustering)
    assert (command.seed, command.options.algorithms, command.options.tracks_min) == (42, ("gmm",), 5)
    assert (command.options.weights.purity, command.options.save) == (1.0, True)


async def test_what_cannot_be_is_refused_by_field(system: System) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"clusters_min": 1}, "clusters_min"),
        ({"evaluations": 10**9}, "evaluations"),
        ({"algorithms": ["magic"]}, "algorithms"),
        ({"seed": 2**53}, "seed"),
        ({"algorithm": "kmeans"}, "algorithm"),
        ({"weights": {"puritty": 1}}, "weights.puritty"),
        ({"server_ids": [str(uuid4())]}, "server_ids"),
        ({"tracks_min": 50, "tracks_max": 20}, "tracks_min is greater than tracks_max"),
        ({"sync": True}, "sync needs save"),
    ]
    for body, words in refused:
        answer = await system.api.post("/api/v1/clusterings", body)
        assert answer.status == 422, body
        assert words in answer.body["detail"]


async def test_progress_best_and_time_left_are_shown(system: System) -> None:
    seen = await system.tell(clustered(evaluations=9), *searched())
    found = await system.get(f"/api/v1/clusterings/{DONE}", after=seen)
    assert (found["state"], found["evaluated"], found["planned"], found["generation"]) == ("running", 3, 9, 1)
    assert (found["best"]["number"], found["best"]["score"]["total"]) == (1, 0.7)
    assert {item["algorithm"]: item["evaluated"] for item in found["algorithms"]} == {"kmeans": 2, "gmm": 1}
    assert [item["best"] for item in found["generations"]] == [0.7, 0.6]
    assert found["eta_s"] > 0
    listed = await system.get("/api/v1/clusterings")
    assert [item["id"] for item in listed["items"]] == [str(DONE)]


async def test_clusterings_come_page_by_page_newest_first(system: System) -> None:
    runs = [derived_id("page", number) for number in range(5)]
    for run in runs:
        seen = await system.tell(clustered(run))
    first = await system.get("/api/v1/clusterings", limit=3, after=seen)
    rest = await system.get("/api/v1/clusterings", limit=3, cursor=first["next_cursor"])
    assert [item["id"] for item in first["items"] + rest["items"]] == [str(run) for run in reversed(runs)]
    assert rest["next_cursor"] is None


async def test_proposals_are_shown_with_their_tracks_and_what_they_would_refresh(system: System) -> None:
    await given_proposals(system)
    old = playlist(1, 4, 5, 0, recipe=ClusterRecipe(clustering_id=derived_id("older"), number=9))
    seen = await system.tell(old)
    found = await system.get(f"/api/v1/clusterings/{DONE}/proposals", after=seen)
    first, second = found["items"]
    assert [item["id"] for item in first["tracks"]] == [str(track(number)) for number in (1, 2, 3)]
    assert (first["name"], first["track_count"], first["facts"]["years"]) == ("Slow soul 0", 3, [1970, 1979])
    assert (first["recognised"], second["recognised"]) == (None, str(old.playlist_id))
    bare = await system.get(f"/api/v1/clusterings/{DONE}/proposals", tracks="false")
    assert [item["tracks"] for item in bare["items"]] == [None, None]


async def test_keeping_takes_those_that_are_named(system: System) -> None:
    await given_proposals(system)
    path = f"/api/v1/clusterings/{DONE}/keep"
    wrong = await system.api.post(path, {"numbers": [0, 7]})
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (422, "numbers")
    answers = [await system.api.post(path, {"numbers": [1], "sync": True}, Idempotency_Key="k") for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 202]
    assert await ordered(system, "clusterer") == [KeepPlaylists(run_id=DONE, numbers=(1,), sync=True)]
    seen = await system.tell(PlaylistsKept(run_id=DONE, created=(playlist().playlist_id,)))
    kept = (await system.get(f"/api/v1/clusterings/{DONE}", after=seen))["kept"]
    assert (kept["created"], kept["refreshed"]) == ([str(playlist().playlist_id)], [])


async def test_only_what_is_complete_can_be_kept_and_only_what_is_not_can_be_cancelled(system: System) -> None:
    await given_proposals(system)
    path = f"/api/v1/clusterings/{DONE}"
    assert (await system.api.post(f"{path}/cancel")).status == 409
    started = (await system.api.post("/api/v1/clusterings")).body["clustering_id"]
    refused = await system.api.post(f"/api/v1/clusterings/{started}/keep")
    assert (refused.status, refused.body["reason"]) == (409, "wrong_state")
    cancelled = await system.api.post(f"/api/v1/clusterings/{started}/cancel")
    found = await system.get(f"/api/v1/clusterings/{started}", after=cancelled.body["position"])
    assert found["state"] == "cancelled"
    assert await system.gateway.streams.run_states([UUID(started)]) == {UUID(started): "cancelled"}
    assert (await system.api.post(f"/api/v1/clusterings/{started}/cancel")).status == 409


async def test_a_clustering_that_failed_says_why(system: System) -> None:
    failed = ClusteringFailed(run_id=DONE, reason="too_few_tracks", detail="Only 3 tracks are analysed.")
    seen = await system.tell(ClusteringRequested(run_id=DONE, options=clustered().options, seed=1), failed)
    found = await system.get(f"/api/v1/clusterings/{DONE}", after=seen)
    assert (found["state"], found["reason"], found["detail"]) == (
        "failed",
        "too_few_tracks",
        "Only 3 tracks are analysed.",
    )


async def test_what_is_not_there_is_not_found(system: System) -> None:
    for path in (f"/api/v1/clusterings/{uuid4()}", "/api/v1/clusterings/x", f"/api/v1/clusterings/{uuid4()}/proposals"):
        assert (await system.api.get(path)).status == 404
    for word in ("cancel", "keep"):
        assert (await system.api.post(f"/api/v1/clusterings/{uuid4()}/{word}")).status == 404
