"""What counts as this machine, whose word about addresses is believed, and which tokens are too short."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from services.gateway.accounts.clients import address_of, networks, was_forwarded
from services.gateway.origins import is_loopback
from services.gateway.security import check_exposure
from shared.accounts import passwords, people
from shared.errors import ConfigurationError, InvalidInput
from shared.settings import Settings

PROXIES = networks("127.0.0.1, 10.0.0.0/8, ::1")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.9.1", "::1", "[::1]", "a.localhost"])
def test_these_can_only_be_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "192.168.1.2", "nas", "localhost.evil.example", "127.0.0.1.nip.io"]
)
def test_these_may_be_anything(host: str) -> None:
    assert not is_loopback(host)


def test_an_open_door_takes_no_token_that_can_be_guessed() -> None:
    with pytest.raises(ConfigurationError, match="STARLING_TOKEN is shorter than 16"):
        check_exposure(Settings.model_validate({"STARLING_HOST": "0.0.0.0", "STARLING_TOKEN": "swordfish"}))
    check_exposure(Settings.model_validate({"STARLING_HOST": "0.0.0.0", "STARLING_TOKEN": "t" * 16}))
    check_exposure(Settings.model_validate({"STARLING_HOST": "0.0.0.0"}))
    check_exposure(Settings.model_validate({"STARLING_HOST": "127.0.0.1", "STARLING_TOKEN": "t"}))


@pytest.mark.parametrize(
    ("peer", "told", "address"),
    [
        ("192.168.1.9", "1.2.3.4", "192.168.1.9"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.1.1.1", "6.6.6.6, 1.2.3.4, 10.0.0.7", "1.2.3.4"),
        ("::ffff:10.1.1.1", "1.2.3.4", "1.2.3.4"),
        ("127.0.0.1", "10.0.0.1, 10.0.0.2", "127.0.0.1"),
    ],
)
def test_the_address_of_a_client_is_the_last_that_nobody_can_make_up(peer: str, told: str, address: str) -> None:
    headers = {"X-Forwarded-For": told} if told else {}
    request = make_mocked_request("GET", "/", headers=headers)
    assert address_of(request.clone(remote=peer), PROXIES) == address


def test_what_came_through_a_proxy_is_not_from_this_machine() -> None:
    assert not was_forwarded(make_mocked_request("GET", "/"))
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        assert was_forwarded(make_mocked_request("GET", "/", headers={header: "x"})), header


def test_trusted_proxies_that_are_no_addresses_are_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match=r"STARLING_TRUSTED_PROXIES.*nginx"):
        networks("10.0.0.1, nginx")


@pytest.mark.parametrize("word", ["short", "x" * 201, "aaaaaaaaaaaa", "ananananananan", "Anna Annason"])
def test_a_password_that_is_easy_to_guess_is_refused(word: str) -> None:
    with pytest.raises(InvalidInput, match="password"):
        passwords.check(word, "anna annason")


def test_two_spellings_of_a_name_are_one_name() -> None:
    assert people.name_key(" Ａnna ") == people.name_key("ANNA")
    for name in ("", "  ", "a\nb", "x" * 61, "\x00"):
        with pytest.raises(InvalidInput, match="name"):
            people.name_key(name)


async def test_a_password_is_recognised_and_another_is_not() -> None:
    kept = passwords.Passwords()
    stored = await kept.hash("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert await kept.matches(stored, "correct horse battery")
    assert not await kept.matches(stored, "correct horse batterY")
    assert not await kept.matches(None, "correct horse battery")
    assert not await kept.matches("not a hash", "correct horse battery")
