"""What an OpenID provider states about somebody, and when it is believed. All pure."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import jwt

from services.gateway.accounts.newcomers import Guest
from services.gateway.openid.registration import Registration
from shared.accounts.people import name_key
from shared.errors import InvalidInput, StarlingError

LEEWAY_S: Final = 60
"""How far the clocks of the provider and of this machine may be apart."""
_KINDS: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
ALGORITHMS: Final = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
)
"""Those that only the provider can sign with: neither none nor HS256 and its kind, which anybody could who knows what
we know."""
_LONGEST_SUBJECT: Final = 255
_NAMES: Final = ("preferred_username", "email", "name")


class NotBelieved(StarlingError):
    """What came back is not the provider's word about who sits at this browser. ``str()`` says why, for the log."""


def signed_with(token: str) -> tuple[str | None, str]:
    """Name of the key and algorithm, as the token itself says. Raises ``NotBelieved`` for an algorithm not allowed."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise NotBelieved(f"the ID token cannot be read ({type(error).__name__})") from None
    kid, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in ALGORITHMS:
        raise NotBelieved("the ID token is signed in a way that is not allowed")
    return (kid if isinstance(kid, str) else None), algorithm


def usable_key(keys: Iterable[Mapping[str, Any]], kid: str | None, algorithm: str) -> jwt.PyJWK | None:
    """The key of that name for that algorithm. Without a name, the only one there is."""
    fitting = [
        key
        for key in keys
        if key.get("kty") == _KINDS[algorithm[:2]]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (kid is None or key.get("kid") == kid)
    ]
    if len(fitting) != 1:
        return None
    try:
        return jwt.PyJWK(dict(fitting[0]), algorithm)
    except jwt.PyJWTError:
        return None


def believed(token: str, key: jwt.PyJWK, ours: Registration, issuer: str, nonce: str) -> dict[str, Any]:
    """What the ID token states. Raises ``NotBelieved`` unless it is the issuer's, for us, for now, and for the browser
    that was given ``nonce``."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=ours.client_id,
            issuer=issuer,
            leeway=LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.PyJWTError as error:
        raise NotBelieved(f"the ID token does not hold ({type(error).__name__})") from None
    stated = claims.get("nonce")
    if not isinstance(stated, str) or not hmac.compare_digest(stated.encode(), nonce.encode()):
        raise NotBelieved("the ID token is an answer to another question (nonce)")
    _check_party(claims, ours.client_id)
    if not 1 <= len(claims["sub"]) <= _LONGEST_SUBJECT:
        raise NotBelieved("the ID token names nobody (sub)")
    return claims


def _check_party(claims: Mapping[str, Any], client_id: str) -> None:
    """A token for several says for whom of them it was made."""
    alone = not isinstance(claims["aud"], Sequence) or isinstance(claims["aud"], str) or len(claims["aud"]) == 1
    if claims.get("azp", client_id if alone else None) != client_id:
        raise NotBelieved("the ID token was made for somebody else (azp)")


def names_somebody(claims: Mapping[str, Any]) -> bool:
    """Whether there is more in it than an id."""
    return any(claims.get(name) for name in _NAMES)


def guest(claims: Mapping[str, Any]) -> Guest:
    """Who that is. STARLING_OWNERS means user names, and e-mail addresses that the provider has verified: what people
    can write themselves makes nobody an owner."""
    known_as = (claims.get("preferred_username"), claims.get("email") if claims.get("email_verified") is True else None)
    return Guest(
        "openid",
        f"openid:{claims['iss']}|{claims['sub']}",
        next((name for key in _NAMES if (name := _usable(claims.get(key)))), "somebody"),
        frozenset(name for name in known_as if isinstance(name, str) and name),
    )


def _usable(name: Any) -> str | None:
    """A name that an account can have."""
    if not isinstance(name, str):
        return None
    try:
        name_key(name)
    except InvalidInput:
        return None
    return name
