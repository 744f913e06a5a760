"""Containers of the image, through whichever engine there is."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

IMAGE = "starling:release"
CONFINED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:mode=1777")


@dataclass
class Engine:
    """``command`` is docker or podman with its options; ``build`` and ``run`` are more options for those two."""

    command: Sequence[str]
    build: Sequence[str] = ()
    run: Sequence[str] = ()
    names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, command: str, build: str, run: str) -> Engine:
        """From what was written on the command line."""
        return cls(shlex.split(command), shlex.split(build), shlex.split(run))

    def build_image(self, source: Path) -> float:
        """Build it; seconds that took."""
        start = time.monotonic()
        self._do("build", *self.build, "--tag", IMAGE, str(source), shown=True)
        return time.monotonic() - start

    def size_mb(self) -> float:
        """Of the image, with its base."""
        return int(self._do("image", "inspect", "--format", "{{.Size}}", IMAGE)) / 1e6

    def packages(self) -> dict[str, str]:
        """What is installed in the image: the version of each package of Python."""
        listing = "import importlib.metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()))"
        found = self._do("run", *self.run, "--rm", *CONFINED, IMAGE, "python", "-c", listing)
        return dict(entry.split("==") for entry in found.split())

    def start(
        self,
        name: str,
        service: str,
        environment: Mapping[str, str],
        volumes: Sequence[str] = (),
        network: str = "host",
    ) -> None:
        """Run a service, confined as the compose file does it; ``host`` is the network of this machine."""
        container = self.names[name] = f"starling-release-{os.getpid()}-{name}"
        variables = [f"--env={key}={value}" for key, value in environment.items()]
        options = ["--detach", "--init", "--network", network, "--name", container]
        options += [f"--volume={volume}" for volume in volumes]
        self._do("run", *self.run, *options, *CONFINED, *variables, IMAGE, "python", "-m", f"services.{service}")

    def is_healthy(self, name: str) -> bool:
        """What the image's own health check says, asked in the container."""
        command = [*self.command, "exec", self.names[name], "python", "-m", "shared.healthcheck"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def logs(self, name: str) -> str:
        """The end of what it wrote."""
        command = [*self.command, "logs", "--tail", "20", self.names[name]]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.stdout

    def stop(self, name: str) -> tuple[float, int]:
        """Ask it to end: seconds that took, and its exit code."""
        start = time.monotonic()
        self._do("stop", "--time", "30", self.names[name])
        taken = time.monotonic() - start
        return taken, int(self._do("inspect", "--format", "{{.State.ExitCode}}", self.names[name]))

    def remove(self, name: str) -> None:
        """End a container and leave nothing of it behind."""
        container = self.names.pop(name)
        subprocess.run([*self.command, "rm", "--force", "--volumes", container], capture_output=True, check=False)

    def remove_all(self) -> None:
        """Leave nothing behind but the image."""
        for name in list(self.names):
            self.remove(name)

    def _do(self, *arguments: str, shown: bool = False) -> str:
        done = subprocess.run(
            [*self.command, *arguments], stdout=None if shown else subprocess.PIPE, text=True, check=False
        )
        assert done.returncode == 0, f"{self.command[0]} {arguments[0]} ended with {done.returncode}"
        return (done.stdout or "").strip()
