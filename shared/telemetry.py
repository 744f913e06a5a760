"""What a process counts about itself. README's table of metrics is compared with what services show.

No label has values without end: no ids, no names, no paths. What many processes share, the streams, is measured by
the gateway (``services.gateway.watching``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared import memory
from shared.release import our_version

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, which nobody asks for

BUILD = Info("starling_build", "Which service this is, of which release.")
COMMANDS_TOTAL = Counter(
    "starling_commands_total", "Deliveries of commands, by how they ended.", ["service", "type", "result"]
)
COMMAND_SECONDS = Histogram(
    "starling_command_seconds",
    "Seconds from delivery to commit.",
    ["service", "type"],
    buckets=(0.005, 0.02, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 120, 600),
)
RETRIES_TOTAL = Counter(
    "starling_command_retries_total", "Commands put back for another try, by why.", ["service", "type", "reason"]
)
SLOTS = Gauge("starling_worker_slots", "Commands that this process works on at a time, at most.", ["service"])
SLOTS_BUSY = Gauge("starling_worker_slots_busy", "Commands that this process works on just now.", ["service"])
EVENTS_APPLIED = Counter("starling_events_applied_total", "Events a follower committed.", ["follower"])
FOLLOWER_ACTIVE = Gauge(
    "starling_follower_active", "1 for the one that follows, 0 for one that stands by.", ["follower"]
)
FOLLOWER_POSITION = Gauge("starling_follower_position_seconds", "Unix time of the last event committed.", ["follower"])


class MemoryCollector(Collector):
    """Looks when it is asked. ``process_resident_memory_bytes`` leaves out the children, who do the heavy work."""

    def collect(self) -> Iterator[Metric]:
        """Two gauges; the limit only where one is known."""
        held = "Resident memory of this process and its children."
        yield GaugeMetricFamily("starling_memory_bytes", held, value=memory.resident_bytes(os.getpid()))
        if (limit := memory.limit_bytes()) is not None:
            allowed = "What the container allows, or the machine has."
            yield GaugeMetricFamily("starling_memory_limit_bytes", allowed, value=limit)


REGISTRY.register(MemoryCollector())


def identify(service: str) -> None:
    """Say which service this process is."""
    BUILD.info({"service": service, "version": our_version()})


def command_done(service: str, command_type: str, result: str, seconds: float) -> None:
    """Count one delivery. ``result`` is a word and, behind a colon, a reason."""
    word, _, reason = result.partition(":")
    COMMANDS_TOTAL.labels(service, command_type, word).inc()
    COMMAND_SECONDS.labels(service, command_type).observe(seconds)
    if word == "retry":
        RETRIES_TOTAL.labels(service, command_type, reason).inc()


def events_applied(follower: str, count: int, written_s: float) -> None:
    """Count events that a follower committed; the last one was written at that Unix time."""
    EVENTS_APPLIED.labels(follower).inc(count)
    FOLLOWER_POSITION.labels(follower).set(written_s)
