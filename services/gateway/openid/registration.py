"""What Starling and its OpenID provider have agreed on: the settings, looked at before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from services.gateway.origins import is_loopback
from shared.errors import ConfigurationError
from shared.settings import Settings

CALLBACK: Final = "/api/v1/openid/callback"


@dataclass(frozen=True, slots=True)
class Registration:
    """``issuer`` as configured, without a slash at the end; ``redirect_uri`` is what the provider has to allow."""

    issuer: str
    client_id: str
    client_secret: SecretStr
    redirect_uri: str

    @property
    def by_tls(self) -> bool:
        """Whether browsers come by TLS."""
        return self.redirect_uri.startswith("https:")


def registration(settings: Settings) -> Registration | None:
    """None where no provider is set. Raises ``ConfigurationError``."""
    needed = {
        "STARLING_OIDC_ISSUER": settings.oidc_issuer,
        "STARLING_OIDC_CLIENT_ID": settings.oidc_client_id,
        "STARLING_OIDC_CLIENT_SECRET": settings.oidc_client_secret.get_secret_value(),
        "STARLING_PUBLIC_URL": settings.public_url,
    }
    if not any(value for name, value in needed.items() if name != "STARLING_PUBLIC_URL"):
        return None
    if missing := [name for name, value in needed.items() if not value]:
        raise ConfigurationError(f"signing in at an OpenID provider takes {', '.join(missing)} as well")
    _check("STARLING_OIDC_ISSUER", settings.oidc_issuer)
    _check("STARLING_PUBLIC_URL", settings.public_url)
    public = settings.public_url.rstrip("/")
    if urlsplit(public).path != settings.base_path:
        raise ConfigurationError(
            f"STARLING_PUBLIC_URL has to end in STARLING_BASE_PATH ({settings.base_path or 'which is empty'}), so that "
            "the provider's answer finds its way back"
        )
    return Registration(
        settings.oidc_issuer.rstrip("/"),
        settings.oidc_client_id,
        settings.oidc_client_secret,
        f"{public}{CALLBACK}",
    )


def is_safe(address: str) -> bool:
    """Whether what travels there can be read by nobody else: https, or this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    readable = address.isascii() and address.isprintable() and " " not in address
    return readable and bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def _check(name: str, address: str) -> None:
    if not is_safe(address) or "?" in address or "#" in address or "@" in address:
        raise ConfigurationError(
            f"{name} is an address like https://login.example, with nothing behind a ? or #; http is for this machine "
            "(localhost) alone"
        )
