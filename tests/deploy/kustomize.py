"""Renders the overlays as `kubectl apply -k` would.

Debian 12 has a kubectl that speaks an older kustomization: directories are `bases` there, and patches of objects
`patchesStrategicMerge`. For that one a copy is translated; nothing else differs in what we use.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
OVERLAYS = ("small", "scaled", "external-databases")

Object = dict[str, Any]


@functools.cache
def render(overlay: str) -> tuple[Object, ...]:
    """Every object of ``k8s/overlays/<overlay>``. Raises ``AssertionError`` with kubectl's own words."""
    assert shutil.which("kubectl"), "kubectl is not installed; run: apt-get install kubernetes-client"
    if not _is_old():
        return _rendered(ROOT / "k8s", overlay)
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(ROOT / "k8s", Path(folder, "k8s"))
        for file in copy.rglob("kustomization.yaml"):
            file.write_text(yaml.safe_dump(_translated(yaml.safe_load(file.read_text()), file.parent)))
        return _rendered(copy, overlay)


def _rendered(folder: Path, overlay: str) -> tuple[Object, ...]:
    command = ["kubectl", "kustomize", str(folder / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def _is_old() -> bool:
    command = ["kubectl", "version", "--client", "--output", "json"]
    return "kustomizeVersion" not in json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def _translated(kustomization: Object, folder: Path) -> Object:
    resources, patches = kustomization.pop("resources", []), kustomization.pop("patches", [])
    return {
        **kustomization,
        "bases": [name for name in resources if (folder / name).is_dir()],
        "resources": [name for name in resources if not (folder / name).is_dir()],
        "patchesStrategicMerge": [patch["path"] for patch in patches],
    }
