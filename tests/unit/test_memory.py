"""What a container or a machine allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.memory import limit_bytes


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/meminfo": "MemTotal:  1000 kB\nMemFree:  10 kB\n"}, 1_024_000),
        ({"proc/meminfo": "MemTotal:  1000 kB\n", "sys/fs/cgroup/memory.max": "max\n"}, 1_024_000),
        ({"proc/meminfo": "MemTotal:  1000 kB\n", "sys/fs/cgroup/memory.max": "500000\n"}, 500_000),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "700000\n"}, 700_000),
        ({"proc/meminfo": "MemTotal:  1000 kB\n", "sys/fs/cgroup/memory.max": "9999999999\n"}, 1_024_000),
        ({}, None),
    ],
)
def test_the_smaller_of_what_the_container_allows_and_the_machine_has(
    tmp_path: Path, files: dict[str, str], expected: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert limit_bytes(tmp_path) == expected
