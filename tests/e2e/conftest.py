"""One whole system for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import music
from tests.instance import Instance, running


@pytest.fixture(scope="module")
def music_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small library of generated songs with awkward names."""
    folder = tmp_path_factory.mktemp("music")
    music.make_library(folder)
    return folder


@pytest.fixture(scope="module")
def starling(tmp_path_factory: pytest.TempPathFactory, music_dir: Path) -> Iterator[Instance]:
    """A running Starling that knows no library yet: ``.url``, ``.data_dir``, ``.music_dir``, ``.environment``."""
    instance = Instance(tmp_path_factory.mktemp("starling") / "data", music_dir, {"STARLING_RETRY_BASE_S": "0.2"})
    with running(instance):
        yield instance
