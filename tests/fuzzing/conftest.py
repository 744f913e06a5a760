"""The same fixtures as the gateway's own tests."""

from tests.integration.gateway.conftest import database, music, prepared, settings

__all__ = ["database", "music", "prepared", "settings"]
