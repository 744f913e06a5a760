"""What can be said about the image without building it; ``python -m tests.release`` builds and runs it."""

from __future__ import annotations

import re
import tomllib

from shared.settings import Settings
from tests.deploy.kustomize import ROOT
from tests.locks import BUILD, GPU, RUN

DOCKERFILE = (ROOT / "Dockerfile").read_text()
FINAL = DOCKERFILE.split("\nFROM ")[-1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_its_user_is_a_number_that_kubernetes_can_tell_from_root() -> None:
    (user,) = re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", user)


def test_its_labels_are_those_of_the_project() -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', FINAL))
    assert labels["version"] == PROJECT["version"]
    assert labels["licenses"] == PROJECT["license"]
    assert labels["base.name"] == "${BASE}"


def test_nothing_is_installed_in_the_final_stage_and_no_extra_in_any() -> None:
    assert "pip install" not in FINAL
    assert "apt-get" not in DOCKERFILE
    assert not re.search(r"\[(embedded|dev)", DOCKERFILE)


def test_what_it_gets_from_a_registry_is_what_the_locks_name_by_hash() -> None:
    installs = re.findall(r"pip install (.*?)(?: \\)?$", DOCKERFILE, re.MULTILINE)
    assert installs
    assert [line for line in installs if not re.search("--require-hashes|--no-index", line)] == []
    named = re.findall(r"-r (\S+)", " ".join(installs))
    assert named == [BUILD, RUN, "requirements-$EXTRAS.txt"]


def test_what_a_gpu_takes_is_in_it_only_if_asked_for() -> None:
    assert "\nARG EXTRAS=\n" in DOCKERFILE.split("\nFROM ")[1]
    assert 'RUN test -z "$EXTRAS" ' in DOCKERFILE
    copied = re.findall(r"^COPY (requirements.*) \./$", DOCKERFILE, re.MULTILINE)
    assert copied == [f"{BUILD} {RUN} {GPU}"]


def test_its_environment_has_usable_settings() -> None:
    environment = dict(re.findall(r"(STARLING_[A-Z_]+)=(\S+)", FINAL))
    assert set(environment) <= {str(field.validation_alias) for field in Settings.model_fields.values()}
    settings = Settings.model_validate(environment)
    assert f"VOLUME {settings.data_dir}\n" in FINAL
    assert f"EXPOSE {settings.port} {settings.health_port}\n" in FINAL


def test_the_build_gets_what_it_copies_and_no_more() -> None:
    allowed = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = {name for line in re.findall(r"^COPY ([^-].*) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()}
    assert allowed == copied
