"""How much one client may ask for, counted for all gateways together.

The allowance is in Redis. A gateway takes a few requests' worth of it at a time, so that most requests cost no round
trip; what it took and did not use in a few seconds is lost to the client.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import structlog

from services.gateway.accounts.attempts import too_often
from shared.errors import StoreUnavailable
from shared.streams import Allowance, Allowances

log = structlog.get_logger(__name__)

_AT_A_TIME: Final = 10
_KEEP_S: Final = 5.0
_MOST_CLIENTS: Final = 10_000
BURST_S: Final = 10
"""A client that was quiet may ask for so many seconds' worth at once."""


@dataclass(slots=True)
class _Share:
    left: int
    until: float


class Pace:
    """``per_second`` requests for each client on average; 0 is no limit."""

    def __init__(self, allowances: Allowances, per_second: float) -> None:
        self._allowances = allowances
        most = max(1, round(per_second * BURST_S))
        self._allowance = Allowance(most, 1.0 / per_second) if per_second else None
        self._at_a_time = max(1, min(_AT_A_TIME, most // 10))
        self._shares: OrderedDict[str, _Share] = OrderedDict()

    async def take(self, client: str) -> None:
        """One request. Raises ``ProblemError`` (429)."""
        if self._allowance is None:
            return
        share = self._shares.get(client)
        if share is None or share.left == 0 or share.until < time.monotonic():
            share = await self._more(client, self._allowance)
        share.left -= 1

    async def _more(self, client: str, allowance: Allowance) -> _Share:
        try:
            wait = await self._allowances.take("requests", client, allowance, self._at_a_time)
        except StoreUnavailable as error:
            log.warning("requests_not_counted", error=error.detail)
            wait = 0.0
        if wait:
            raise too_often("This client asks for too much at once.", wait)
        share = self._shares[client] = _Share(self._at_a_time, time.monotonic() + _KEEP_S)
        self._shares.move_to_end(client)
        if len(self._shares) > _MOST_CLIENTS:
            self._shares.popitem(last=False)
        return share
