"""What the lock files say, and whether pyproject.toml agrees."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.locks import ROOT


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock: its name and version, for some Pythons only if it has a marker, and its files' hashes."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        """As PyPI compares names."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The one version, or what stands there instead of one."""
        return str(self.requirement.specifier).removeprefix("==")

    @property
    def applies(self) -> bool:
        """To this Python on this machine."""
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def read(names: Iterable[str]) -> list[Pin]:
    """Every entry of these lock files, in their order."""
    text = "\n".join((ROOT / name).read_text() for name in names)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.lstrip().startswith("#")]
    entries = [line.split(" --hash=") for line in lines]
    return [Pin(Requirement(what), tuple(item.strip() for item in hashes)) for what, *hashes in entries]


def wanted(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, with these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return [requirement for requirement in map(Requirement, lines) if requirement.name != project["name"]]


def stale(requirements: Iterable[Requirement], locked: Sequence[Pin], name: str) -> list[str]:
    """A sentence for each requirement that ``locked``, read from the lock ``name``, does not fulfil."""
    versions = {pin.name: pin.version for pin in locked}
    sentences = []
    for requirement in requirements:
        version = versions.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            has = f"has {version}" if version else "does not have it"
            sentences.append(f"pyproject.toml asks for {requirement}, {name} {has}. Renew the locks: make lock")
    return sentences
