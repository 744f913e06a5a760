"""The environment of processes that tests start."""

from __future__ import annotations

import os
from collections.abc import Mapping

from shared.settings import Settings


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours without what would lead to another Starling, and with ``more``."""
    names = ("REDIS_URL", "POSTGRES_", "STARLING_")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(names)}, **(more or {})}


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that lead a process to these stores."""
    key = settings.secret_key_file
    return {
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "POSTGRES_HOST": settings.postgres_host,
        "POSTGRES_PORT": str(settings.postgres_port),
        "POSTGRES_USER": settings.postgres_user,
        "POSTGRES_PASSWORD": settings.postgres_password.get_secret_value(),
        "POSTGRES_DB": settings.postgres_db,
        "STARLING_DATA_DIR": str(settings.data_dir),
        **(
            {"STARLING_SECRET_KEY": settings.secret_key.get_secret_value()}
            if key is None
            else {"STARLING_SECRET_KEY_FILE": str(key)}
        ),
    }
