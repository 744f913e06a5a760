"""Reading JSON answers, and words out of lyrics."""

from __future__ import annotations

import pytest

from shared.errors import ServerMisbehaved, ServerRefused, ServerUnavailable
from shared.mediaservers.http import Answer
from shared.mediaservers.json_answers import objects, read_object, text_id


def answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status, "application/json", body)


def test_an_object_is_read() -> None:
    assert read_object(answer(b' {"a": "\xc3\xa9\n"} '), "it", "a Plex server") == {"a": "é\n"}


@pytest.mark.parametrize(
    ("body", "status", "kind", "reason"),
    [
        (b"", 401, ServerRefused, "wrong_password"),
        (b"<html>", 403, ServerRefused, "forbidden"),
        (b"", 404, ServerRefused, "not_found"),
        (b"{}", 400, ServerRefused, "refused"),
        (b"", 200, ServerUnavailable, "server_unavailable"),
        (b'{"a": [1', 200, ServerUnavailable, "server_unavailable"),
        (b"<!DOCTYPE html><html>", 200, ServerMisbehaved, "not_json"),
        (b"[1, 2]", 200, ServerMisbehaved, "not_json"),
        (b"[" * 100_000, 200, ServerMisbehaved, "not_json"),
        (b"{no}", 200, ServerMisbehaved, "not_json"),
    ],
)
def test_anything_else_has_a_name(body: bytes, status: int, kind: type[Exception], reason: str) -> None:
    with pytest.raises(kind) as caught:
        read_object(answer(body, status), "the server at h:1", "a Plex server")
    assert getattr(caught.value, "reason", None) == reason
    assert "the server at h:1" in str(caught.value)


def test_one_object_is_a_list_of_one() -> None:
    assert objects({"a": 1}, "things") == [{"a": 1}]
    assert objects(None, "things") == []
    with pytest.raises(ServerMisbehaved):
        objects(["a"], "things")


def test_ids_are_numbers_or_text() -> None:
    assert [text_id(value) for value in (7, "7", "a1", -94)] == ["7", "7", "a1", "-94"]
    assert [text_id(value) for value in (None, "", True, 1.5, "a\0b", " a", "x" * 600)] == [None] * 7
