"""The lock files: every package that is installed, by version and hash. ``make lock`` writes them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

BUILD = "requirements-build.txt"
RUN = "requirements.txt"
EMBEDDED = "requirements-embedded.txt"
DEV = "requirements-dev.txt"
GPU = "requirements-gpu.txt"
TOOLS = "requirements-tools.txt"

BESIDE_RUN = "gpu"
"""The extra that is installed beside the first two alone: onnxruntime-gpu and the onnxruntime of the tests are the same
module. Its lock is ``GPU``, in the versions of the others where they share a package."""

TOGETHER = (BUILD, RUN, EMBEDDED, DEV)
"""Installed into one environment, so that their versions agree; no package is in two of them."""
