"""Which Starling a command speaks to: its address, its token, and where its servers are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from services.cli.client import Api
    from services.up.datadir import RunState
    from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Session:
    """The options that every command knows; None is what was not given."""

    data_dir: Path | None = None
    url: str | None = None
    token: str | None = None
    debug: bool = False

    def own_settings(self) -> Settings:
        """Settings of the environment and the options alone. Raises ``ConfigurationError``."""
        return self._load({})

    def settings(self) -> Settings:
        """Settings that lead to Redis and PostgreSQL: the ones configured, else those of the running instance.

        Raises ``ConfigurationError`` if none is configured and none runs.
        """
        own = self.own_settings()
        if own.redis_url.get_secret_value() and own.postgres_host:
            return own
        from services.up.datadir import load_environment

        return self.settings_with(load_environment(own.data_dir))

    def settings_with(self, environment: Mapping[str, str]) -> Settings:
        """Settings of the environment and the options, completed by ``environment``. Raises ``ConfigurationError``."""
        return self._load({name: value for name, value in environment.items() if value and not _is_set(name)})

    def api(self) -> Api:
        """The gateway: as given, else the instance that runs on the data directory, else the one on the usual port."""
        from services.cli.client import Api

        own = self.own_settings()
        token = own.token.get_secret_value() or None
        if self.url:
            return Api(self.url, token)
        running = self._running(own)
        if running is None:
            return Api(f"http://127.0.0.1:{own.port or 8000}", token)
        # The token of that instance is for that instance alone, so it never goes with an address that was given.
        return Api(running.url, token or running.environment.get("STARLING_LOCAL_TOKEN"))

    def _running(self, own: Settings) -> RunState | None:
        from services.up.datadir import LOCK, load_state

        try:
            return load_state(own.data_dir)
        except ConfigurationError:
            # A data directory that was named and has been used says which instance is meant: not the one on port 8000.
            if self.data_dir is not None and (self.data_dir / LOCK).exists():
                raise
            return None

    def _load(self, more: Mapping[str, Any]) -> Settings:
        from pydantic import ValidationError

        from shared.settings import Settings

        given: dict[str, Any] = {"STARLING_DATA_DIR": self.data_dir, "STARLING_TOKEN": self.token}
        # The option wins over the file; the variable, which is an option to us, does not.
        if self.token and self.token != os.environ.get("STARLING_TOKEN"):
            more = {**more, "STARLING_TOKEN_FILE": None}
        try:
            return Settings(**{**more, **{name: value for name, value in given.items() if value}})
        except ValidationError as error:
            lines = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
            raise ConfigurationError("; ".join(lines)) from None


def _is_set(name: str) -> bool:
    """True for a variable of the environment, and for one whose twin is there, which leads to the same in a file."""
    twin = name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE"
    return bool(os.environ.get(name) or os.environ.get(twin))
