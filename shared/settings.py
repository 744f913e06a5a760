"""Every setting, typed, read from the environment once. README's configuration table is checked against this file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

import platformdirs
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigurationError


class Settings(BaseSettings):
    """Names of environment variables are the upper-case field names (``STARLING_`` in front, save for the servers).

    A secret may stand in a file instead, as containers are given them: its field has a twin that ends in ``_file``.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", populate_by_name=True)

    redis_url: SecretStr = Field(SecretStr(""), validation_alias="REDIS_URL")
    redis_url_file: Path | None = Field(None, validation_alias="REDIS_URL_FILE")
    postgres_host: str = Field("", validation_alias="POSTGRES_HOST")
    postgres_port: int = Field(5432, validation_alias="POSTGRES_PORT", ge=1, le=65535)
    postgres_user: str = Field("starling", validation_alias="POSTGRES_USER")
    postgres_password: SecretStr = Field(SecretStr(""), validation_alias="POSTGRES_PASSWORD")
    postgres_password_file: Path | None = Field(None, validation_alias="POSTGRES_PASSWORD_FILE")
    postgres_db: str = Field("starling", validation_alias="POSTGRES_DB")

    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("starling")), validation_alias="STARLING_DATA_DIR"
    )
    host: str = Field("127.0.0.1", validation_alias="STARLING_HOST")
    port: int = Field(8000, validation_alias="STARLING_PORT", ge=0, le=65535)
    health_port: int = Field(0, validation_alias="STARLING_HEALTH_PORT", ge=0, le=65535)
    """Port of /healthz, /readyz and /metrics of every service, for machines, without signing in; 0 is off."""
    token: SecretStr = Field(SecretStr(""), validation_alias="STARLING_TOKEN")
    """A word of the operator's that opens everything, as a bearer token; accounts are made on the page."""
    token_file: Path | None = Field(None, validation_alias="STARLING_TOKEN_FILE")
    local_token: SecretStr = Field(SecretStr(""), validation_alias="STARLING_LOCAL_TOKEN")
    """The same for the commands of this machine; ``starling up`` makes one at each start."""
    rate_limit: float = Field(100.0, validation_alias="STARLING_RATE_LIMIT", ge=0, le=100_000)
    """Requests a second of one client, on average; ten seconds' worth may come at once. 0 is no limit."""
    base_path: str = Field("", validation_alias="STARLING_BASE_PATH", pattern=r"^(/[A-Za-z0-9._~-]+)*$")
    """Where everything lives behind a reverse proxy that shares its name with others, e.g. ``/music``."""
    trusted_proxies: str = Field("", validation_alias="STARLING_TRUSTED_PROXIES")
    """Addresses and networks, separated by commas, whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    proxy_user_header: str = Field("", validation_alias="STARLING_PROXY_USER_HEADER", pattern=r"^[A-Za-z0-9-]*$")
    """In which header a trusted proxy says who has signed in there, e.g. ``Remote-User``; empty is off."""
    new_accounts: Literal["reader", "member", "none"] = Field("reader", validation_alias="STARLING_NEW_ACCOUNTS")
    """The role of whom another system signs in here for the first time; ``none`` lets nobody new in."""
    owners: str = Field("", validation_alias="STARLING_OWNERS")
    """Who of them becomes an owner instead: names and verified e-mail addresses, separated by commas."""
    oidc_issuer: str = Field("", validation_alias="STARLING_OIDC_ISSUER")
    """Address of an OpenID provider where people sign in; empty is off."""
    oidc_client_id: str = Field("", validation_alias="STARLING_OIDC_CLIENT_ID")
    oidc_client_secret: SecretStr = Field(SecretStr(""), validation_alias="STARLING_OIDC_CLIENT_SECRET")
    oidc_client_secret_file: Path | None = Field(None, validation_alias="STARLING_OIDC_CLIENT_SECRET_FILE")
    public_url: str = Field("", validation_alias="STARLING_PUBLIC_URL")
    """Address of the page as browsers see it, with the base path; where the OpenID provider sends them back to."""
    secret_key: SecretStr = Field(SecretStr(""), validation_alias="STARLING_SECRET_KEY")
    """Fernet key that encrypts media server passwords; ``starling up`` makes one."""
    secret_key_file: Path | None = Field(None, validation_alias="STARLING_SECRET_KEY_FILE")
    tenant: str = Field("starling", validation_alias="STARLING_TENANT", pattern=r"^[a-z0-9_-]{1,32}$")
    """Hash tag of all stream keys and prefix of the PostgreSQL schemas."""

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", validation_alias="STARLING_LOG_LEVEL")
    log_format: Literal["console", "json"] = Field("console", validation_alias="STARLING_LOG_FORMAT")

    durability: Literal["always", "everysec"] = Field("always", validation_alias="STARLING_DURABILITY")
    lease_s: float = Field(30.0, validation_alias="STARLING_LEASE_S", gt=0)
    max_deliveries: int = Field(3, validation_alias="STARLING_MAX_DELIVERIES", ge=1)
    retry_base_s: float = Field(1.0, validation_alias="STARLING_RETRY_BASE_S", gt=0)
    log_retention_h: float = Field(24.0, validation_alias="STARLING_LOG_RETENTION_H", ge=0)

    audio_store: str = Field("", validation_alias="STARLING_AUDIO_STORE")
    """``file:///path`` or ``redis://``; empty is ``file://`` inside the data directory."""
    audio_budget_mb: int = Field(2048, validation_alias="STARLING_AUDIO_BUDGET_MB", ge=16)
    scan_window: int = Field(200, validation_alias="STARLING_SCAN_WINDOW", ge=1)
    """How many tracks may wait for fetch and analysis before the next page is listed."""
    fetch_slots: int = Field(8, validation_alias="STARLING_FETCH_SLOTS", ge=1)

    analyzer_processes: int = Field(0, validation_alias="STARLING_ANALYZER_PROCESSES", ge=0)
    """0 is one per core."""
    analyzer_device: Literal["cpu", "cuda"] = Field("cpu", validation_alias="STARLING_ANALYZER_DEVICE")
    """What evaluates the networks; an analyzer that is asked for a GPU and finds none does not start."""
    track_timeout_s: float = Field(600.0, validation_alias="STARLING_TRACK_TIMEOUT_S", gt=0)
    track_memory_mb: int = Field(1500, validation_alias="STARLING_TRACK_MEMORY_MB", ge=256)

    llm_url: str = Field("", validation_alias="STARLING_LLM_URL")
    """An OpenAI-compatible API up to and including ``/v1``, e.g. Ollama's; empty is off."""
    llm_model: str = Field("", validation_alias="STARLING_LLM_MODEL")
    llm_key: SecretStr = Field(SecretStr(""), validation_alias="STARLING_LLM_KEY")
    llm_key_file: Path | None = Field(None, validation_alias="STARLING_LLM_KEY_FILE")
    llm_timeout_s: float = Field(5.0, validation_alias="STARLING_LLM_TIMEOUT_S", gt=0, le=300)
    """For the names of a whole clustering; then names come from tags."""

    @model_validator(mode="after")
    def _take_secrets_from_files(self) -> Self:
        for name in type(self).model_fields:
            path = getattr(self, f"{name}_file", None)
            if path is None:
                continue
            variable = str(type(self).model_fields[name].validation_alias)
            secret, held = secret_in(path, f"{variable}_FILE"), getattr(self, name).get_secret_value()
            # What is held may be what the file holds: ``model_validate`` comes by here twice.
            if held not in ("", secret):
                raise ConfigurationError(f"{variable} and {variable}_FILE are both set; unset one of them")
            setattr(self, name, SecretStr(secret))
        return self

    @property
    def read_schema(self) -> str:
        """Schema of the read models that are live."""
        return f"{self.tenant.replace('-', '_')}_read"

    @property
    def kept_schema(self) -> str:
        """Schema of what is never rebuilt: archive, positions, secrets, working rows."""
        return self.tenant.replace("-", "_")


def secret_in(path: Path, variable: str) -> str:
    """The secret in a file, without the white space around it. Raises ``ConfigurationError`` that names the file and
    the variable that led to it."""
    try:
        content = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text"
        raise ConfigurationError(f"cannot read {path} ({reason}); {variable} names a file that we may read") from None
    if not content:
        raise ConfigurationError(f"{path} is empty; write the secret into it, or unset {variable}")
    return content


@lru_cache(maxsize=1)
def load() -> Settings:
    """Read the environment. Raises ``ConfigurationError`` that names each variable at fault, never its value."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise ConfigurationError("; ".join(lines)) from None
