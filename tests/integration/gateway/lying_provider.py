"""An OpenID provider that keeps to the rules, but for the lies it is told to tell."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLIENT, SECRET = "starling", "a secret & its %signs: thirty-two letters"
Claims = dict[str, Any]


@dataclass
class Key:
    """A key of the provider's under a name."""

    kid: str
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def public(self) -> Claims:
        described: Claims = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key()))
        return {**described, "kid": self.kid, "alg": "ES256", "use": "sig"}

    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, claims: Claims) -> str:
        return jwt.encode(claims, self.private, "ES256", {"kid": self.kid})


def handmade(header: Claims, claims: Claims, secret: bytes | None) -> str:
    """A token that no library would make: signed with HMAC, or not at all."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(secret, b".".join(parts), "sha256") if secret is not None else b""
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


@dataclass
class LyingProvider:
    """``lie`` changes the claims of tokens, ``sign`` how they are signed, ``places`` what it says of itself."""

    issuer: str = ""
    key: Key = field(default_factory=lambda: Key("first"))
    person: Claims = field(default_factory=lambda: {"sub": "17", "preferred_username": "anna"})
    about: Claims = field(default_factory=dict)
    lie: Callable[[Claims], Claims] = lambda claims: claims
    sign: Callable[[Claims], str] | None = None
    places: Claims = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    down: bool = False

    def grant(self, wish: dict[str, str]) -> str:
        """The code that a person who signs in is sent back with."""
        code = f"code-{len(self.codes)}-{time.monotonic_ns()}"
        self.codes[code] = wish
        return code

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._noting])
        app.router.add_get("/.well-known/openid-configuration", self._described)
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/token", self._token)
        app.router.add_get("/about", self._about)
        return app

    @web.middleware
    async def _noting(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.down:
            raise web.HTTPBadGateway
        found: web.StreamResponse = await handler(request)
        return found

    async def _described(self, _: web.Request) -> web.Response:
        described = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?realm=music",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/about",
        }
        return web.json_response(described | self.places)

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [{"kty": "oct", "kid": "other", "k": "AAAA"}, self.key.public()]})

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        wish = self.codes.pop(str(form["code"]), None)
        login = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest()).decode()
        if (
            wish is None
            or login != f"{CLIENT}:a%20secret%20%26%20its%20%25signs%3A%20thirty-two%20letters"
            or wish["code_challenge"] != challenge.rstrip("=")
            or wish["redirect_uri"] != form["redirect_uri"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        times = {"iat": now, "exp": now + 300}
        claims = {"iss": self.issuer, "aud": CLIENT, "nonce": wish["nonce"], **times, **self.person}
        return web.json_response(
            {
                "token_type": "Bearer",
                "access_token": "access",
                "id_token": (self.sign or self.key.sign)(self.lie(claims)),
            }
        )

    async def _about(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer access"
        return web.json_response(self.about)


@asynccontextmanager
async def lying_provider() -> AsyncIterator[LyingProvider]:
    """It listens on this machine."""
    provider = LyingProvider()
    async with TestServer(provider.app()) as server:
        provider.issuer = str(server.make_url("")).rstrip("/")
        yield provider
