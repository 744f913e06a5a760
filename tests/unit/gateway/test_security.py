"""Tokens, cookies, and what counts as this machine."""

from __future__ import annotations

import pytest

from services.gateway import security
from services.gateway.security import Sessions, check_exposure, is_loopback
from shared.errors import ConfigurationError
from shared.settings import Settings


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.9.1", "::1", "[::1]", "a.localhost"])
def test_these_can_only_be_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "192.168.1.2", "nas", "localhost.evil.example", "127.0.0.1.nip.io"]
)
def test_these_may_be_anything(host: str) -> None:
    assert not is_loopback(host)


def test_an_open_door_needs_a_token() -> None:
    with pytest.raises(ConfigurationError, match="STARLING_TOKEN"):
        check_exposure(Settings.model_validate({"STARLING_HOST": "0.0.0.0"}))
    check_exposure(Settings.model_validate({"STARLING_HOST": "0.0.0.0", "STARLING_TOKEN": "t"}))
    check_exposure(Settings.model_validate({"STARLING_HOST": "127.0.0.1"}))


def test_a_session_knows_its_token_and_its_cookie() -> None:
    sessions = Sessions("the token")
    assert sessions.is_token("the token")
    assert not sessions.is_token("another")
    assert sessions.is_cookie(sessions.new_cookie())


@pytest.mark.parametrize(
    "cookie", ["", ".", "9999999999.", "x.y", "9999999999." + "0" * 64, "²." + "0" * 64, "\udcff.\udcff"]
)
def test_a_made_up_cookie_opens_nothing(cookie: str) -> None:
    assert not Sessions("the token").is_cookie(cookie)


def test_a_new_token_ends_the_old_sessions() -> None:
    assert not Sessions("new").is_cookie(Sessions("old").new_cookie())


def test_a_session_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "SESSION_S", -1)
    sessions = Sessions("the token")
    assert not sessions.is_cookie(sessions.new_cookie())
