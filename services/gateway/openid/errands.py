"""What has to be known when a browser comes back from the provider, to whichever gateway it comes."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from shared.streams import Tickets

VALID_S: Final = 600
_KIND: Final = "openid"


@dataclass(frozen=True, slots=True)
class Errand:
    """``nonce`` binds the ID token to it, ``verifier`` the code (PKCE), ``to`` is where the browser goes in the end."""

    nonce: str
    verifier: str
    to: str

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier (S256)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")


_ERRAND: Final = TypeAdapter(Errand)


class Errands:
    """Each is known by the state that goes by the provider and by a cookie that does not: who has one of the two has
    nothing. It counts once, and for ten minutes."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    async def begin(self, to: str) -> tuple[Errand, str, str]:
        """The errand, its state, and the cookie."""
        errand = Errand(secrets.token_urlsafe(32), secrets.token_urlsafe(48), to)
        state, cookie = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        await self._tickets.leave(_KIND, f"{state} {cookie}", _ERRAND.dump_json(errand), VALID_S)
        return errand, state, cookie

    async def end(self, state: str, cookie: str) -> Errand | None:
        """None for what was not begun, or not here, or too long ago, or has ended already."""
        found = await self._tickets.take(_KIND, f"{state} {cookie}")
        return _ERRAND.validate_json(found) if found is not None else None
