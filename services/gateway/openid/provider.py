"""HTTP to the OpenID provider. Codes and tokens travel in bodies and headers, and are in no message of ours."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
import jwt
from pydantic import AfterValidator, BaseModel, ValidationError

from services.gateway.openid.registration import Registration, is_safe
from services.gateway.openid.statements import NotBelieved, usable_key
from shared.errors import ProviderUnavailable

Claims = dict[str, Any]

_KEEP_S: Final = 3600.0
_LOOK_AGAIN_S: Final = 60.0
"""A key that is not among those we have makes us look again, so often at most."""
_LARGEST: Final = 256 * 1024
_PATIENCE: Final = aiohttp.ClientTimeout(total=10.0, connect=5.0)
_LONG_AGO: Final = float("-inf")


def _safe(address: str) -> str:
    if not is_safe(address):
        raise ValueError("neither https nor this machine")
    return address


Address = Annotated[str, AfterValidator(_safe)]


class Places(BaseModel):
    """What the provider says about itself (OpenID Connect Discovery)."""

    issuer: str
    authorization_endpoint: Address
    token_endpoint: Address
    jwks_uri: Address
    userinfo_endpoint: Address | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


@dataclass(frozen=True, slots=True)
class Granted:
    """What a code was exchanged for."""

    id_token: str = field(repr=False)
    access_token: str | None = field(repr=False)


class Provider:
    """One per gateway. Everything raises ``ProviderUnavailable`` when it cannot be had."""

    def __init__(self, registration: Registration) -> None:
        self._registration = registration
        self._name = f"the OpenID provider {urlsplit(registration.issuer).hostname}"
        self._session: aiohttp.ClientSession | None = None
        self._places: Places | None = None
        self._keys: list[Claims] = []
        self._places_at = self._keys_at = _LONG_AGO
        self._turn = asyncio.Lock()

    async def places(self) -> Places:
        """Its addresses, an hour old at most."""
        async with self._turn:
            if self._places is None or time.monotonic() - self._places_at >= _KEEP_S:
                self._places = await self._discover()
                self._places_at = time.monotonic()
            return self._places

    async def key(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        """The key that signs with ``algorithm`` under this name. Raises ``NotBelieved`` when there is none."""
        places = await self.places()
        async with self._turn:
            age = time.monotonic() - self._keys_at
            found = usable_key(self._keys, kid, algorithm)
            if age >= _KEEP_S or (found is None and age >= _LOOK_AGAIN_S):
                self._keys = await self._look_up_keys(places.jwks_uri)
                self._keys_at = time.monotonic()
                found = usable_key(self._keys, kid, algorithm)
        if found is None:
            raise NotBelieved(f"{self._name} has no key of the name that the token gives")
        return found

    async def exchange(self, code: str, verifier: str) -> Granted:
        """Raises ``NotBelieved`` when the provider does not take the code."""
        places, ours = await self.places(), self._registration
        secret = ours.client_secret.get_secret_value()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": ours.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        methods = places.token_endpoint_auth_methods_supported
        if "client_secret_basic" in methods or "client_secret_post" not in methods:
            headers["Authorization"] = aiohttp.encode_basic_auth(quote(ours.client_id, safe=""), quote(secret, safe=""))
        else:
            form |= {"client_id": ours.client_id, "client_secret": secret}
        status, answer = await self._ask("POST", places.token_endpoint, data=form, headers=headers)
        if status != 200:
            raise NotBelieved(f"{self._name} refused the code: {_error_code(answer)}")
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise NotBelieved(f"{self._name} answered without an ID token")
        return Granted(token, access if isinstance(access, str) else None)

    async def about(self, granted: Granted) -> Claims:
        """What it tells beside the token; empty where it tells nothing more."""
        places = await self.places()
        if places.userinfo_endpoint is None or granted.access_token is None:
            return {}
        headers = {"Authorization": f"Bearer {granted.access_token}"}
        status, answer = await self._ask("GET", places.userinfo_endpoint, headers=headers)
        return answer if status == 200 else {}

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _discover(self) -> Places:
        status, answer = await self._ask("GET", f"{self._registration.issuer}/.well-known/openid-configuration")
        try:
            places = Places.model_validate(answer) if status == 200 else None
        except ValidationError as error:
            fields = ", ".join(str(item["loc"][0]) for item in error.errors())
            raise ProviderUnavailable(f"{self._name} describes itself in a way we cannot use: {fields}") from None
        if places is None:
            raise ProviderUnavailable(
                f"{self._name} does not describe itself (HTTP {status}); see STARLING_OIDC_ISSUER"
            )
        if places.issuer.rstrip("/") != self._registration.issuer:
            raise ProviderUnavailable(f"{self._name} says that it is another; see STARLING_OIDC_ISSUER")
        return places

    async def _look_up_keys(self, address: str) -> list[Claims]:
        status, answer = await self._ask("GET", address)
        keys = answer.get("keys")
        if status != 200 or not isinstance(keys, list):
            raise ProviderUnavailable(f"{self._name} does not show its keys (HTTP {status})")
        return [key for key in keys if isinstance(key, dict)]

    async def _ask(self, method: str, address: str, **content: Any) -> tuple[int, Claims]:
        """Status below 500 and a JSON object. Redirects are not followed: what we send is for this address alone."""
        try:
            async with self._open().request(method, address, allow_redirects=False, **content) as response:
                status, body = response.status, bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > _LARGEST:
                        raise ProviderUnavailable(f"{self._name} answers with more than {_LARGEST} bytes")
            answer = json.loads(body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderUnavailable(f"{self._name} does not answer ({type(error).__name__})") from None
        except (ValueError, RecursionError):
            raise ProviderUnavailable(f"{self._name} answers with something else than JSON (HTTP {status})") from None
        if status >= 500 or not isinstance(answer, dict):
            raise ProviderUnavailable(f"{self._name} answers with HTTP {status}")
        return status, answer

    def _open(self) -> aiohttp.ClientSession:
        """Made when first needed, since it belongs to the running event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=_PATIENCE, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "Starling"}
            )
        return self._session


def _error_code(answer: Claims) -> str:
    """The provider's word for what is wrong, if it is one of those words (RFC 6749)."""
    code = answer.get("error")
    return code if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,40}", code) else "it does not say why"
