"""Messages on the wire: every version ever written stays readable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import ValidationError

from shared import embedding
from shared.commands import COMMANDS, AnalyzeTrack, Command, FetchAudio
from shared.events import EVENTS, TrackAnalysisFailed, TrackAnalyzed
from shared.messages import Catalogue, Failure, Message, decode_raw, derived_id, encode, uuid7, wrap
from shared.upcasts import UPCASTS, UnknownMessage, read
from tests import given

FIXTURES = sorted((Path(__file__).parent.parent / "fixtures" / "messages").glob("*.json"))
CATALOGUES = {"event": EVENTS, "command": COMMANDS}


def _wire(fields: dict[str, bytes | str]) -> dict[bytes, bytes]:
    """The fields as they come back from the server."""
    return {name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in fields.items()}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_every_version_ever_written_is_read_as_the_newest(path: Path) -> None:
    stored: dict[str, Any] = json.loads(path.read_text())
    catalogue = CATALOGUES[path.name.split(".")[0]]
    fields = encode(wrap(given.fetch_audio())) | {
        "type": stored["type"],
        "version": str(stored["version"]),
        "data": json.dumps(stored["data"]),
    }

    envelope = read(catalogue, decode_raw(_wire(fields)))

    newest = catalogue.by_type[stored["type"]]
    assert type(envelope.message) is newest
    if stored["version"] == newest.version:
        said = json.loads(envelope.message.model_dump_json(exclude_none=True))
        assert said | stored["data"] == said  # fields that came later have their defaults


@pytest.mark.parametrize("cls", [*EVENTS.classes, *COMMANDS.classes], ids=lambda cls: cls.__name__)
def test_every_message_has_a_fixture_of_its_newest_version(cls: type[Message]) -> None:
    family = "command" if issubclass(cls, Command) else "event"
    names = {path.name for path in FIXTURES}
    assert f"{family}.{cls.wire_type}.v{cls.version}.json" in names
    for version in range(1, cls.version):
        assert f"{family}.{cls.wire_type}.v{version}.json" in names
        assert (cls.wire_type, version) in UPCASTS


@pytest.mark.parametrize("cls", [*EVENTS.classes, *COMMANDS.classes], ids=lambda cls: cls.__name__)
def test_messages_are_frozen_and_say_who_they_are_about(cls: type[Message]) -> None:
    assert cls.model_config["frozen"]
    fixture = next(path for path in FIXTURES if f".{cls.wire_type}.v" in path.name)
    message = cls.model_validate(json.loads(fixture.read_text())["data"])
    kind, _, subject_id = message.subject.partition(":")
    assert kind in {"run", "track", "server", "command", "playlist", "schedule", "account"}
    assert subject_id
    with pytest.raises(ValidationError):
        message.run_id = uuid7()  # type: ignore[attr-defined]


def test_an_envelope_survives_the_wire() -> None:
    cause = wrap(given.fetch_audio())
    sent = wrap(given.analyze_track(), blob=b"\x00\xff\n").caused_by(cause)

    back = read(COMMANDS, decode_raw(_wire(encode(sent))))

    assert back == sent
    assert back.causation_id == cause.id
    assert back.correlation_id == given.RUN


def test_older_versions_are_brought_up_one_step_at_a_time() -> None:
    class Renamed(Message):
        wire_type: ClassVar[str] = "test.renamed"
        version: ClassVar[int] = 3
        colour: str
        shade: int = 0

    catalogue = Catalogue("test", (Renamed,))
    upcasts = {
        ("test.renamed", 1): lambda data: {"color": data["c"]},
        ("test.renamed", 2): lambda data: {"colour": data["color"], "shade": 7},
    }
    fields = _wire(encode(wrap(given.fetch_audio())) | {"type": "test.renamed", "version": "1", "data": '{"c":"red"}'})

    envelope = read(catalogue, decode_raw(fields), upcasts=upcasts)

    assert envelope.message == Renamed(colour="red", shade=7)
    with pytest.raises(UnknownMessage, match="no upcast"):
        read(catalogue, decode_raw(fields), upcasts={})


def test_a_message_of_a_newer_release_is_named_not_guessed() -> None:
    fields = _wire(encode(wrap(given.fetch_audio())) | {"version": "99"})
    with pytest.raises(UnknownMessage, match=r"track\.fetch_audio' version 99"):
        read(COMMANDS, decode_raw(fields))


def test_every_command_names_the_event_of_its_death_and_of_its_cancellation() -> None:
    for path in FIXTURES:
        if not path.name.startswith("command."):
            continue
        stored = json.loads(path.read_text())
        command = COMMANDS.by_type[stored["type"]].model_validate(stored["data"])
        assert isinstance(command, Command)
        died = command.death(Failure("gave_up", "three times"))
        assert died
        assert command.cancelled()
        assert any(getattr(event, "reason", None) == "gave_up" for event in died)
        assert all(event.run == command.run_id for event in died)


def test_a_retry_fetches_downloaded_audio_anew_and_leaves_a_borrowed_file_alone() -> None:
    borrowed, owned = given.analyze_track(owned=False), given.analyze_track(owned=True)

    assert borrowed.again() is borrowed
    again = owned.again()
    assert isinstance(again, FetchAudio)
    assert (again.track_id, again.run_id, again.suffix) == (owned.track_id, owned.run_id, "ogg")
    assert isinstance(borrowed, AnalyzeTrack)


def test_uuid7_sorts_by_time_and_derived_ids_repeat() -> None:
    ids = [uuid7() for _ in range(50)]
    assert all(value.version == 7 and value.variant == "specified in RFC 4122" for value in ids)
    assert [value.int >> 80 for value in ids] == sorted(value.int >> 80 for value in ids)
    assert len(set(ids)) == 50
    assert derived_id("a", 1) == derived_id("a", 1) != derived_id("a", 2)
    assert derived_id("a", "b") != derived_id("ab")


def test_an_embedding_keeps_its_direction_on_the_wire_and_refuses_nan() -> None:
    random = np.random.default_rng(1)
    vector = random.normal(size=400).astype(np.float32)
    vector /= np.linalg.norm(vector)
    tags = random.random(100).astype(np.float32)

    again, tags_again = embedding.unpack(embedding.pack(vector, tags))

    assert 1 - float(vector @ again / np.linalg.norm(again)) < 1e-6
    assert np.abs(tags - tags_again).max() < 5e-4
    assert len(embedding.TAGS) == len(set(embedding.TAGS)) == embedding.TAG_COUNT
    vector[3] = np.nan
    with pytest.raises(ValueError, match="finite"):
        embedding.pack(vector, tags)
    with pytest.raises(ValueError, match="1000 bytes"):
        embedding.unpack(b"x" * 998)


def test_a_broken_analysis_cannot_be_said() -> None:
    good = json.loads(next(path for path in FIXTURES if "track.analyzed" in path.name).read_text())["data"]
    with pytest.raises(ValidationError, match="tempo_confidence"):
        TrackAnalyzed.model_validate({**good, "tempo_confidence": 1.5})
    with pytest.raises(ValidationError, match="reason"):
        TrackAnalysisFailed.model_validate({key: good[key] for key in ("run_id", "server_id", "track_id")})
