"""The check of test servers against a description sees what is off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.specs import Exchange, Validator

_DESCRIPTION = {
    "openapi": "3.0.0",
    "info": {"title": "a server", "version": "1"},
    "paths": {
        "/songs": {
            "get": {
                "parameters": [
                    {"name": "owner", "in": "query", "required": True, "schema": {"type": "string", "format": "uuid"}}
                ],
                "responses": {
                    "200": {
                        "description": "songs",
                        "content": {
                            "application/json": {"schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
                        },
                    }
                },
            }
        }
    },
}
_ID = "0123456789abcdef" * 2


@pytest.fixture
def validator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Validator:
    (tmp_path / "a-server.openapi.json").write_text(json.dumps(_DESCRIPTION))
    monkeypatch.setenv("STARLING_SPECS", str(tmp_path))
    return Validator.load("a-server")


def exchange(path: str = "/songs", owner: str | None = _ID, answer: object = None, status: int = 200) -> Exchange:
    query = [("owner", owner)] if owner else []
    body = json.dumps(answer or {"n": 1}).encode()
    return Exchange("GET", path, query, {}, b"", status, {"Content-Type": "application/json"}, body)


def test_what_is_as_described_passes(validator: Validator) -> None:
    validator.check(exchange())
    validator.finish()
    assert validator.checked == 1


@pytest.mark.parametrize(
    "off",
    [exchange("/tunes"), exchange(owner=None), exchange(owner="me"), exchange(answer={"n": "one"})],
    ids=["path", "missing parameter", "wrong parameter", "wrong answer"],
)
def test_what_is_off_is_named(validator: Validator, off: Exchange) -> None:
    validator.check(off)
    with pytest.raises(AssertionError, match="GET /"):
        validator.finish()


def test_broken_servers_are_not_judged(validator: Validator) -> None:
    validator.check(exchange("/tunes", status=503))
    assert validator.checked == 0


def test_without_descriptions_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STARLING_SPECS", raising=False)
    validator = Validator.load("a-server")
    validator.check(exchange("/tunes"))
    validator.finish()
    assert validator.checked == 0
