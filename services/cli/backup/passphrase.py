"""Where the passphrase of an export comes from: a file, the terminal, or the environment. Never from the command line,
where everybody on the machine can read it."""

from __future__ import annotations

import getpass
import os
import unicodedata
from pathlib import Path

from shared.errors import InvalidInput

VARIABLE = "STARLING_EXPORT_PASSPHRASE"
SHORTEST = 12
_TERMINAL = "-"


def new_passphrase(source: str | None) -> str | None:
    """One to encrypt with, None if none is given; ``source`` is a file, or ``-`` to ask at the terminal, twice. Raises
    ``InvalidInput``, for one that is too short, too."""
    passphrase = known_passphrase(source)
    if passphrase is None:
        return None
    if len(passphrase) < SHORTEST:
        raise InvalidInput(
            "passphrase",
            f"the passphrase has {len(passphrase)} characters; take at least {SHORTEST}, e.g. four words that have "
            "nothing to do with each other",
        )
    if source == _TERMINAL and _normal(_asked("The same once more: ")) != passphrase:
        raise InvalidInput("passphrase", "these were two different passphrases; nothing was exported, try again")
    return passphrase


def known_passphrase(source: str | None) -> str | None:
    """One that was chosen before, as it was typed then, on whatever keyboard. Raises ``InvalidInput``."""
    if source is None:
        text = os.environ.get(VARIABLE, "")
    else:
        text = _asked("Passphrase: ") if source == _TERMINAL else _read(source)
    return _normal(text) or None


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text.rstrip("\r\n"))


def _asked(prompt: str) -> str:
    try:
        with Path("/dev/tty").open():
            pass
    except OSError:
        raise InvalidInput(
            "passphrase", f"there is no terminal to ask at; name a file with --passphrase-file, or set {VARIABLE}"
        ) from None
    return getpass.getpass(prompt)


def _read(name: str) -> str:
    path = Path(name).expanduser()
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text"
        raise InvalidInput("passphrase", f"cannot read {path} ({reason}); name a file with the passphrase") from None
    if not text.strip():
        raise InvalidInput("passphrase", f"{path} is empty; write the passphrase into it")
    return text
