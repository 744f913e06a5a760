"""The environment of processes that tests start."""

from __future__ import annotations

import os
from collections.abc import Mapping


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours without what would lead to another Starling, and with ``more``."""
    names = ("REDIS_URL", "POSTGRES_", "STARLING_")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(names)}, **(more or {})}
