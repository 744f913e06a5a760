"""How often somebody may try to sign in, whichever gateway is asked.

Counted are tries for a name from one address, tries for a name from anywhere, and tries from one address. So a guesser
is slowed down at once, a thousand guessers together too, and an owner whose name is being guessed can still sign in
from where nobody guesses, until very many do. Sessions and tokens that exist are not touched.
"""

from __future__ import annotations

from typing import Final

from services.gateway.problems import ProblemError
from shared.streams import Allowance, Allowances

_PAIR: Final = Allowance(most=5, refill_s=60.0)
_NAME: Final = Allowance(most=50, refill_s=30.0)
_ADDRESS: Final = Allowance(most=30, refill_s=20.0)
_ELSEWHERE: Final = Allowance(most=30, refill_s=5.0)


class Attempts:
    """Take before looking at a password; give back after a right one."""

    def __init__(self, allowances: Allowances) -> None:
        self._allowances = allowances

    async def take(self, name: str, address: str) -> None:
        """Raises ``ProblemError`` (429) when it was too often."""
        key = name.strip().casefold()
        for kind, who, allowance in (
            ("sign-in-address", address, _ADDRESS),
            ("sign-in-pair", f"{key} {address}", _PAIR),
            ("sign-in-name", key, _NAME),
        ):
            if wait := await self._allowances.take(kind, who, allowance):
                raise too_often("Too many tries to sign in.", wait)

    async def start(self, address: str) -> None:
        """Set out to sign in elsewhere, where somebody else counts. Raises ``ProblemError`` (429)."""
        if wait := await self._allowances.take("sign-in-elsewhere", address, _ELSEWHERE):
            raise too_often("Too many tries to sign in.", wait)

    async def succeeded(self, name: str, address: str) -> None:
        """Forget the tries of somebody who knows the password."""
        await self._allowances.refill("sign-in-pair", f"{name.strip().casefold()} {address}")


def too_often(what: str, wait_s: float) -> ProblemError:
    """429, and when to come back."""
    seconds = max(1, round(wait_s + 0.5))
    return ProblemError(
        429, f"{what} Try again in {seconds} s.", reason="too_often", headers={"Retry-After": str(seconds)}
    )
