"""What a check found, and what it may look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from services.cli.session import Session
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Connection
    from shared.streams import Streams

Store = Literal["redis", "postgres"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``note`` is for what could not be looked at or does not matter yet. ``advice`` says what to do."""

    state: Literal["ok", "note", "problem"]
    text: str
    advice: str = ""


def ok(text: str) -> Finding:
    """It is as it should be."""
    return Finding("ok", text)


def note(text: str, advice: str = "") -> Finding:
    """Nothing wrong, nothing sure."""
    return Finding("note", text, advice)


def problem(text: str, advice: str = "") -> Finding:
    """Something to be put right."""
    return Finding("problem", text, advice)


@dataclass(slots=True)
class Patient:
    """One deployment under examination. ``streams`` and ``connection`` are there once their check has found them."""

    session: Session
    settings: Settings
    streams: Streams | None = None
    connection: Connection | None = None

    def has(self, store: Store) -> bool:
        """True once the check of that store has found it."""
        return (self.streams if store == "redis" else self.connection) is not None

    async def release(self) -> None:
        """Close what was opened."""
        if self.streams is not None:
            await self.streams.close()
        if self.connection is not None:
            await self.connection.close()


@dataclass(frozen=True, slots=True)
class Check:
    """``look`` says what it found; ``needs`` names what has to be there first."""

    name: str
    look: Callable[[Patient], Awaitable[Finding]]
    needs: tuple[Store, ...] = ()
