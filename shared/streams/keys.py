"""Names of all keys.

One hash tag keeps a deployment in one slot of a Redis Cluster; a second tenant is a second tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from shared.commands import SERVICES
from shared.errors import InvalidInput

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OURS = {"events", "commands", "delayed", "dead", *SERVICES}


@dataclass(frozen=True, slots=True)
class Keys:
    """``tenant`` is the hash tag."""

    tenant: str

    def _key(self, name: str) -> str:
        return f"{{{self.tenant}}}:{name}"

    @property
    def events(self) -> str:
        return self._key("events")

    @property
    def delayed(self) -> str:
        """Sorted set: command id by due time in milliseconds."""
        return self._key("delayed")

    @property
    def delayed_contents(self) -> str:
        """Hash: command id to its stream and fields."""
        return self._key("delayed:contents")

    @property
    def dead(self) -> str:
        return self._key("dead")

    @property
    def versions(self) -> str:
        """Hash: subject to the number of decisions taken about it."""
        return self._key("versions")

    @property
    def runs(self) -> str:
        """Hash: run id to ``cancelled`` or ``paused``; absent while it simply runs."""
        return self._key("runs")

    @property
    def consumed(self) -> str:
        """Hash: follower name to the position it has committed; what trimming rests on."""
        return self._key("consumed")

    @property
    def workers(self) -> str:
        """Hash: worker's name to what it says of itself."""
        return self._key("workers")

    @property
    def workers_heard(self) -> str:
        """Sorted set: worker's name by when it was last heard of, in seconds."""
        return self._key("workers:heard")

    @property
    def release(self) -> str:
        """The release of the coordinator that leads."""
        return self._key("release")

    @property
    def set_up_codes(self) -> str:
        """Set: digests of the codes with which the first owner may be made."""
        return self._key("set-up-codes")

    def ticket(self, name: str) -> str:
        """What was left for whoever comes with the secret."""
        return self._key(f"ticket:{name}")

    def allowance(self, name: str) -> str:
        """When an allowance is full again."""
        return self._key(f"allowance:{name}")

    def replay(self, name: str) -> str:
        """A stream for a consumer outside of Starling. Raises ``InvalidInput`` for a name that is not plain, or that a
        stream of our own has."""
        if not _PLAIN_NAME.fullmatch(name) or name in _OURS:
            raise InvalidInput(
                "stream",
                f"{name} cannot be the name of a stream for others; choose one of letters, digits, '.', '_' and '-' "
                f"that is none of Starling's own, e.g. 'warehouse' for the stream {self._key('replay:warehouse')}",
            )
        return self._key(f"replay:{name}")

    def parked(self, run_id: UUID) -> str:
        return self._key(f"parked:{run_id}")

    def seen(self, unit_id: UUID) -> str:
        return self._key(f"seen:{unit_id}")

    def commands(self, service: str, *, high: bool = False) -> str:
        return self._key(f"commands:{service}:high" if high else f"commands:{service}")

    def work_streams(self, service: str) -> tuple[str, str]:
        """The two streams of a service, urgent one first."""
        return self.commands(service, high=True), self.commands(service)

    def all_work_streams(self) -> tuple[str, ...]:
        return tuple(key for service in SERVICES for key in self.work_streams(service))
