"""Passwords as argon2id hashes (RFC 9106, its second recommended choice: 64 MiB, three passes, four lanes)."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from functools import lru_cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.errors import InvalidInput

SHORTEST: Final = 10
LONGEST: Final = 200
_AT_ONCE: Final = 2
_HASHER = PasswordHasher()


class Passwords:
    """Hashes and compares, in threads and two at a time: each takes 64 MiB and a good part of a second's core."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        """What is stored."""
        async with self._turn:
            return await asyncio.to_thread(_HASHER.hash, _plain(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether it is the password. Without a stored one it takes as long, and it is not."""
        async with self._turn:
            return await asyncio.to_thread(_matches, stored, _plain(password))


def check(password: str, name: str, field: str = "password") -> None:
    """Raises ``InvalidInput`` for a password that is too easy to guess."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(field, f"take {SHORTEST} to {LONGEST} characters")
    if password.casefold() == name.casefold() or len(set(password)) < 4:
        raise InvalidInput(field, "take one that is harder to guess: not the name, not one letter again and again")


def is_outdated(stored: str) -> bool:
    """Whether it was hashed with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def _plain(password: str) -> bytes:
    """The same for two keyboards that write the same letters."""
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


def _matches(stored: str | None, password: bytes) -> bool:
    try:
        return _HASHER.verify(stored or _of_nobody(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _of_nobody() -> str:
    return _HASHER.hash(secrets.token_bytes(32))
