"""What has to be right before anybody can sign in at an OpenID provider."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.openid.registration import registration
from shared.errors import ConfigurationError
from shared.settings import Settings

USABLE = {
    "STARLING_OIDC_ISSUER": "https://login.example/realms/home/",
    "STARLING_OIDC_CLIENT_ID": "starling",
    "STARLING_OIDC_CLIENT_SECRET": "a secret",
    "STARLING_PUBLIC_URL": "https://music.example/",
}


def agreed(**changes: str) -> Any:
    return registration(Settings.model_validate({**USABLE, **changes}))


def test_the_provider_is_told_where_to_send_people_back_to() -> None:
    assert agreed().redirect_uri == "https://music.example/api/v1/openid/callback"
    below = agreed(STARLING_PUBLIC_URL="https://home.example/music", STARLING_BASE_PATH="/music")
    assert below.redirect_uri == "https://home.example/music/api/v1/openid/callback"
    assert below.issuer == "https://login.example/realms/home"


def test_without_its_settings_there_is_no_provider() -> None:
    assert registration(Settings.model_validate({"STARLING_PUBLIC_URL": "https://music.example"})) is None


@pytest.mark.parametrize("missing", USABLE)
def test_of_the_four_settings_each_is_needed(missing: str) -> None:
    with pytest.raises(ConfigurationError, match=f"takes {missing} as well"):
        agreed(**{missing: ""})


@pytest.mark.parametrize("name", ["STARLING_OIDC_ISSUER", "STARLING_PUBLIC_URL"])
@pytest.mark.parametrize(
    "address", ["http://login.example", "login.example", "https://", "https://a?b", "https://a b", "https://u:p@a"]
)
def test_an_address_that_others_could_read_along_is_refused(name: str, address: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is an address like https"):
        agreed(**{name: address})


@pytest.mark.parametrize("address", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_this_machine_needs_no_tls(address: str) -> None:
    assert agreed(STARLING_PUBLIC_URL=address).redirect_uri == f"{address}/api/v1/openid/callback"


def test_the_pages_address_has_to_fit_the_base_path() -> None:
    with pytest.raises(ConfigurationError, match="has to end in STARLING_BASE_PATH"):
        agreed(STARLING_PUBLIC_URL="https://home.example/music")


def test_the_secret_is_in_nothing_that_is_printed() -> None:
    assert "a secret" not in repr(agreed())
