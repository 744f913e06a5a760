"""The compose files are such as compose takes, start nothing with a password of their own, and can be scaled."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from compose_spec import PyCompose

from shared.settings import Settings
from tests.deploy import compose
from tests.deploy.compose import FILES, MAIN, REMOTE_ACCESS, REMOTE_ANALYZER
from tests.deploy.kustomize import ROOT

STORES = {"valkey", "postgres"}
# What is the compose file's own: which image, which folder, the password and the address of Valkey, which files.
OWN = {"STARLING_IMAGE", "STARLING_GPU_IMAGE", "MUSIC_FOLDER", "VALKEY_PASSWORD", "VALKEY_ADDRESS", "COMPOSE_FILE"}
SETTINGS = {str(field.validation_alias) for field in Settings.model_fields.values()}
FILLED = {
    "STARLING_TOKEN": "a-token",
    "STARLING_SECRET_KEY": "a-key",
    "VALKEY_PASSWORD": "one",
    "POSTGRES_PASSWORD": "two",
    "MUSIC_FOLDER": "/srv/music",
    "VALKEY_ADDRESS": "192.0.2.1",
    "REDIS_URL": "redis://:one@192.0.2.1:6379/0",
}


def _main() -> dict[str, dict[str, Any]]:
    return dict(compose.services(MAIN, FILLED))


@pytest.mark.parametrize("file", FILES)
def test_compose_takes_the_file(file: str) -> None:
    content = compose.read(file, FILLED)
    PyCompose.from_yaml(yaml.safe_dump(content))
    published = Path(os.environ.get("STARLING_SPECS") or "/nonexistent") / "compose-spec.schema.json"
    if published.is_file():
        jsonschema.Draft7Validator(json.loads(published.read_text())).validate(content)


def test_a_field_that_compose_does_not_know_is_refused() -> None:
    content = compose.read(MAIN, FILLED)
    content["services"]["gateway"]["read_onyl"] = True
    with pytest.raises(ValueError, match="read_onyl"):
        PyCompose.from_yaml(yaml.safe_dump(content))


@pytest.mark.parametrize(
    ("file", "name"),
    [(MAIN, name) for name in ("STARLING_TOKEN", "STARLING_SECRET_KEY", "VALKEY_PASSWORD", "POSTGRES_PASSWORD")]
    + [(MAIN, "MUSIC_FOLDER"), (REMOTE_ACCESS, "VALKEY_ADDRESS"), (REMOTE_ANALYZER, "REDIS_URL")],
)
def test_what_has_no_safe_default_must_be_set(file: str, name: str) -> None:
    with pytest.raises(compose.Missing, match=name):
        compose.read(file, {**FILLED, name: ""})


def test_a_remote_analyzer_needs_nothing_but_the_url() -> None:
    compose.read(REMOTE_ANALYZER, {"REDIS_URL": FILLED["REDIS_URL"]})


@pytest.mark.parametrize("file", FILES)
def test_every_variable_is_a_setting_or_explained_as_the_files_own(file: str) -> None:
    assert set(compose.variables(file)) - OWN <= SETTINGS
    for name, service in compose.services(file, FILLED):
        if name not in STORES:
            assert set(service["environment"]) <= SETTINGS, name


def test_every_variable_is_in_the_example_with_its_default() -> None:
    example = (ROOT / ".env.example").read_text()
    lines = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE))
    wanted = {name: default for file in FILES for name, default in compose.variables(file).items()}
    assert set(lines) == set(wanted) | {"COMPOSE_FILE"}
    for name, default in wanted.items():
        assert lines[name] == ("" if default == "?" else default), name
    for line, following in zip(example.splitlines(), example.splitlines()[1:], strict=False):
        assert not (re.match(r"#?[A-Z_]+=", following) and not line), f"{following} has no explanation"


def test_defaults_are_those_of_starling() -> None:
    differ = {"STARLING_LOG_FORMAT", "STARLING_AUDIO_STORE", "STARLING_ANALYZER_PROCESSES"}
    for name, default in compose.variables(MAIN).items():
        if name in SETTINGS - differ and default not in ("?", ""):
            assert getattr(Settings.model_validate({name: default}), _field(name)) == getattr(Settings(), _field(name))


def _field(alias: str) -> str:
    return next(name for name, field in Settings.model_fields.items() if field.validation_alias == alias)


def test_workers_can_be_scaled() -> None:
    for name, service in _main().items():
        assert "container_name" not in service
        if name != "gateway":
            assert "ports" not in service, name


@pytest.mark.parametrize("file", [MAIN, REMOTE_ANALYZER])
def test_every_container_is_confined(file: str) -> None:
    for name, service in compose.services(file, FILLED):
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped", name
        assert set(service["deploy"]["resources"]["limits"]) == {"memory"}, name


def test_music_is_never_writable_but_for_the_folder_of_the_playlists() -> None:
    for name, service in _main().items():
        for volume in service.get("volumes", []):
            if isinstance(volume, dict) and not volume.get("read_only"):
                assert (name, volume["target"]) == ("syncer", "/music/Starling")


def test_only_who_works_with_logins_has_the_key_to_them() -> None:
    with_key = {name for name, service in _main().items() if "STARLING_SECRET_KEY" in service["environment"]}
    with_database = {name for name, service in _main().items() if "POSTGRES_PASSWORD" in service["environment"]}
    assert with_key == {"gateway", "fetcher", "syncer"}
    assert with_database == set(_main()) - {"analyzer", "analyzer-gpu", "valkey"}


@pytest.mark.parametrize("file", [MAIN, REMOTE_ANALYZER])
def test_an_analyzer_with_a_gpu_differs_in_that_alone_and_waits_to_be_asked_for(file: str) -> None:
    found = dict(compose.services(file, FILLED))
    plain, gpu = found["analyzer"], found["analyzer-gpu"]
    different = {name for name in plain.keys() | gpu.keys() if plain.get(name) != gpu.get(name)}
    assert different == {"profiles", "image", "build", "environment", "deploy"}
    assert gpu["profiles"] == ["gpu"]
    assert gpu["build"] == {"context": plain["build"], "args": {"EXTRAS": "gpu"}}
    assert gpu["environment"] == {**plain["environment"], "STARLING_ANALYZER_DEVICE": "cuda"}
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"]) == ("nvidia", 1)
