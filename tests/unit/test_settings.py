"""Secrets that stand in files, as containers are given them."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.session import Session
from shared.errors import ConfigurationError
from shared.settings import Settings

SECRETS = {
    "REDIS_URL": "redis_url",
    "POSTGRES_PASSWORD": "postgres_password",
    "STARLING_TOKEN": "token",
    "STARLING_SECRET_KEY": "secret_key",
    "STARLING_LLM_KEY": "llm_key",
    "STARLING_OIDC_CLIENT_SECRET": "oidc_client_secret",
}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of whoever runs the tests."""
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "secret"
    made.write_text("  s3cret-wörd\n")
    return made


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_may_stand_in_a_file(name: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{name}_FILE", str(file))
    assert getattr(Settings(), SECRETS[name]).get_secret_value() == "s3cret-wörd"
    assert "s3cret" not in repr(Settings())


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_and_its_file_are_one_too_many(name: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{name}_FILE", str(file))
    monkeypatch.setenv(name, "another")
    with pytest.raises(ConfigurationError, match=f"^{name} and {name}_FILE are both set; unset one of them$"):
        Settings()
    monkeypatch.setenv(name, "")
    assert getattr(Settings(), SECRETS[name]).get_secret_value() == "s3cret-wörd"


def test_a_file_that_cannot_serve_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text(" \n")
    binary.write_bytes(b"\xff\xfe")
    for path, reason in (
        (empty, "is empty"),
        (binary, "it is not a text"),
        (tmp_path / "none", "No such file"),
        (tmp_path, "Is a directory"),
    ):
        monkeypatch.setenv("STARLING_TOKEN_FILE", str(path))
        with pytest.raises(ConfigurationError, match=reason) as refused:
            Settings()
        assert str(path) in str(refused.value) and "STARLING_TOKEN_FILE" in str(refused.value)


def test_a_command_takes_its_own_token_and_its_own_key_before_what_is_offered(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARLING_TOKEN_FILE", str(file))
    monkeypatch.setenv("STARLING_SECRET_KEY_FILE", str(file))
    assert Session().own_settings().token.get_secret_value() == "s3cret-wörd"
    assert Session(token="given").own_settings().token.get_secret_value() == "given"
    completed = Session().settings_with({"STARLING_SECRET_KEY": "of the instance", "POSTGRES_USER": "somebody"})
    assert completed.secret_key.get_secret_value() == "s3cret-wörd"
    assert completed.postgres_user == "somebody"
