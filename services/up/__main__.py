"""``python -m services.up [--music FOLDER]``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from services.up.supervisor import up
from shared import settings
from shared.errors import ConfigurationError


def main() -> int:
    parser = argparse.ArgumentParser(prog="starling up", description="Run Starling on this machine.")
    parser.add_argument("--music", type=Path, metavar="FOLDER", help="add this folder and analyse it")
    arguments = parser.parse_args()
    try:
        loaded = settings.load()
    except ConfigurationError as error:
        print(f"starling: {error}", file=sys.stderr)
        return 2
    return asyncio.run(up(loaded, arguments.music))


if __name__ == "__main__":
    sys.exit(main())
