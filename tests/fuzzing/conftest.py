"""The same fixtures as the gateway's own tests."""

from tests.integration.gateway.conftest import cheap_hashes, database, music, prepared, settings

__all__ = ["cheap_hashes", "database", "music", "prepared", "settings"]
