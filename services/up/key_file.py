"""The file ``secret.key``: one key a line, the newest first. What is written is on the disk before we go on; who reads
meanwhile finds the old lines or the new ones."""

from __future__ import annotations

import os
from pathlib import Path

from services.up.datadir import write_private
from shared.errors import ConfigurationError
from shared.secrets import keys_in


def put_in_front(path: Path, key: str) -> list[str]:
    """Add a key before the others; those others. Raises ``ConfigurationError`` for a file of another user, who could
    not read it any more."""
    if path.stat().st_uid != os.geteuid():
        raise ConfigurationError(f"{path} belongs to another user; run the command as that user")
    older = keys_in(path.read_text())
    _write(path, [key, *older])
    return older


def remove(path: Path, keys: list[str]) -> None:
    """Take keys out that nothing is encrypted with any more."""
    _write(path, [key for key in keys_in(path.read_text()) if key not in keys])


def _write(path: Path, keys: list[str]) -> None:
    try:
        write_private(path, "".join(f"{key}\n" for key in keys))
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {path} ({error.strerror}); what was there is still there. Make room, and run it again"
        ) from error
