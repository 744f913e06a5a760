"""The lock files: every package that is installed, by version and hash. ``make lock`` writes them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

BUILD = "requirements-build.txt"
RUN = "requirements.txt"
EMBEDDED = "requirements-embedded.txt"
DEV = "requirements-dev.txt"
TOOLS = "requirements-tools.txt"

TOGETHER = (BUILD, RUN, EMBEDDED, DEV)
"""Installed into one environment, so that their versions agree; no package is in two of them."""
