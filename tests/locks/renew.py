"""``python -m tests.locks.renew [PACKAGE ... | all]``: write the lock files anew for pyproject.toml.

Versions stay as they are unless pyproject.toml does not allow them any more, or the package is named here; ``all``
takes the newest of everything. Needs nothing but the standard library and the uv beside this Python.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

from tests.locks import BESIDE_RUN, BUILD, DEV, EMBEDDED, GPU, ROOT, RUN, TOGETHER, TOOLS

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")
UV = Path(sys.executable).with_name("uv")

HEADER = """\
# {about}
# Written by `make lock` from pyproject.toml, for every Python from {oldest} to {newest}; not edited by hand.
# `make lock UPGRADE=name` takes the newest version of a package that pyproject.toml allows, UPGRADE=all of every one.

"""
ABOUT = {
    BUILD: "What builds Starling, by version and hash.",
    RUN: "What Starling runs with, by version and hash. The image holds this and nothing else.",
    EMBEDDED: "What `starling up` runs with beside requirements.txt: the servers it starts, by version and hash.",
    DEV: "What the tests need beside the other locks, by version and hash.",
    GPU: "What an analyzer with a GPU runs with beside requirements.txt, by version and hash.",
    TOOLS: "What locks, audits and lists the dependencies, by version and hash; in an environment of its own.",
}


def main() -> int:
    """0 when the locks are written; the first thing that went wrong is on standard error otherwise."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            _renew(Path(folder), sys.argv[1:])
            for python, machine in product(PYTHONS, MACHINES):
                print(f"Python {python} on {machine}", flush=True)
                _try(Path(folder), TOGETHER, python, f"{machine}-manylinux_2_28")
                _try(Path(folder), [BUILD, RUN, GPU], python, f"{machine}-manylinux_2_34")
            _publish(Path(folder))
    except subprocess.CalledProcessError as error:
        print(f"The locks stay as they were: uv ended with {error.returncode}, see above.", file=sys.stderr)
        return 1
    return 0


def _renew(folder: Path, upgrade: Sequence[str]) -> None:
    """Resolve everything that goes together at once, and lay it out in layers that have nothing in common."""
    wishes = _wishes(upgrade)
    everything, tools = folder / "everything.txt", folder / TOOLS
    extras = _extras()
    everything.write_text(_versions(TOGETHER))
    _compile(everything, "pyproject.toml", "-", *extras, *wishes)
    above: list[str] = []
    for name, sources in (
        (BUILD, ["-"]),
        (RUN, ["pyproject.toml"]),
        (EMBEDDED, ["pyproject.toml", "--extra", "embedded"]),
        (DEV, ["pyproject.toml", *extras]),
    ):
        (folder / name).write_text(everything.read_text())
        _compile(folder / name, *sources, *above)
        above += ["--excludes", str(folder / name)]
    _renew_beside_run(folder, everything, wishes)
    tools.write_text(_versions([TOOLS]))
    _compile(tools, "--group", "tools", *wishes)


def _renew_beside_run(folder: Path, everything: Path, wishes: Sequence[str]) -> None:
    """The lock of the extra that does not go with the tests. What they share with it has their version."""
    target = folder / GPU
    target.write_text(_versions([GPU]))
    below = [option for name in (BUILD, RUN) for option in ("--excludes", str(folder / name))]
    held = ["--constraint", str(everything)]
    _compile(target, "pyproject.toml", "--extra", BESIDE_RUN, *held, *below, *wishes)
    # uv notes by whom each is asked for, and takes the file that holds the versions for one who asks.
    target.write_text(re.sub(r"^ +#   -c .*\n", "", target.read_text(), flags=re.MULTILINE))


def _extras() -> list[str]:
    """Every extra that goes into one environment with all others."""
    names = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    return [f"--extra={name}" for name in names if name != BESIDE_RUN]


def _wishes(upgrade: Sequence[str]) -> list[str]:
    if "all" in upgrade:
        return ["--upgrade"]
    return [f"--upgrade-package={name}" for name in upgrade]


def _versions(names: Iterable[str]) -> str:
    """What is locked now, for uv to keep. Only the versions: a file in which a merge left its marks will do."""
    found = [path.read_text() for name in names if (path := ROOT / name).exists()]
    return "\n".join(re.findall(r"^[a-z0-9][\w.-]*==[^\\\n]+", "\n".join(found), re.MULTILINE))


def _compile(target: Path, *arguments: str) -> None:
    """Resolve for all Pythons and machines at once, into ``target``, whose versions are kept where they can be."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    options = ["--universal", "--python-version", PYTHONS[0], "--fork-strategy", "fewest", "--only-binary", ":all:"]
    written = ["--generate-hashes", "--no-header", "--output-file", str(target)]
    _uv("compile", *options, *written, *arguments, given="\n".join(build))


def _try(folder: Path, names: Iterable[str], python: str, platform: str) -> None:
    """Is there a wheel of everything in these locks for that Python there? Downloads none of them."""
    there = ["--target", str(folder / "nowhere"), "--python-version", python]
    there += ["--python-platform", platform, "--dry-run"]
    locked = [f"--requirement={folder / name}" for name in names]
    _uv("install", *there, "--require-hashes", "--no-deps", "--only-binary", ":all:", *locked)


def _publish(folder: Path) -> None:
    for name, about in ABOUT.items():
        pins = (folder / name).read_text()
        (ROOT / name).write_text(HEADER.format(about=about, oldest=PYTHONS[0], newest=PYTHONS[-1]) + pins)
        print(f"{name}: {pins.count('==')} pinned")


def _uv(*arguments: str, given: str = "") -> None:
    subprocess.run([UV, "pip", arguments[0], "--quiet", *arguments[1:]], cwd=ROOT, input=given, text=True, check=True)


if __name__ == "__main__":
    sys.exit(main())
