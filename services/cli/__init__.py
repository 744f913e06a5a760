"""The command line: ``starling``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command named in ``sys.argv``; exits with 0 (well), 1 (a problem) or 2 (usage or configuration)."""
    from services.cli.app import app

    # A name that the terminal's encoding lacks is no reason to stop half-way through a list.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="starling")
