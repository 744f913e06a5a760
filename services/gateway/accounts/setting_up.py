"""The code with which somebody who is not at the machine may make the first owner: whoever reads what the server prints
is its operator."""

from __future__ import annotations

import sys
import time

from shared.streams.codes import VALID_S, Codes


class SettingUp:
    """Prints a code when somebody comes and there is no owner, once a day."""

    def __init__(self, codes: Codes) -> None:
        self._codes = codes
        self._printed = -float(VALID_S)

    async def print_code(self) -> None:
        """On standard error as a line of its own: not in the log, which others keep and read."""
        if time.monotonic() - self._printed < VALID_S:
            return
        self._printed = time.monotonic()
        try:
            code = await self._codes.make()
        except BaseException:
            self._printed = -float(VALID_S)
            raise
        print(f"Starling has no owner yet. The code to make the owner's account on its page: {code}", file=sys.stderr)
        sys.stderr.flush()

    async def knows(self, code: str) -> bool:
        """Whether a gateway has printed it."""
        return await self._codes.knows(code)

    async def forget(self) -> None:
        """There is an owner."""
        await self._codes.forget()
