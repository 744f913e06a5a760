"""Metrics of what all processes share: the streams, who follows them, and this gateway's index.

The gateway measures them, when it is asked: it is there in every deployment, and still tells of a projector or a
coordinator that is gone. Each gateway shows the same streams, so queries take the ``max`` of them, not the sum.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.gateway.neighbours import Neighbours
from shared.errors import StoreUnavailable
from shared.follower import FOLLOWERS
from shared.streams import Figures, Streams

_FRESH_S = 2.0
"""Whoever asks within that time gets the same figures, so ten scrapers cost no more than one."""
_PATIENCE_S = 3.0
"""A scraper gives up after ten seconds; it should get what there is before."""
_INDEX = "index"

Values = Mapping[tuple[str, ...], float]
Family = tuple[str, str, tuple[str, ...], Values]
"""Name, meaning, names of the labels, and the value for their values."""


class Watching(Collector):
    """Figures of the streams, measured at most every two seconds, by one scrape for all."""

    def __init__(self, streams: Streams, neighbours: Neighbours) -> None:
        self._streams = streams
        self._neighbours = neighbours
        self._figures: Figures | None = None
        self._measured_at = float("-inf")
        self._measuring = asyncio.Lock()
        # Its own, not the process's: a test has several gateways in one process.
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    async def registry(self) -> CollectorRegistry:
        """What there is to show now. Without an answer of the server only that is shown, never old figures."""
        async with self._measuring:
            if time.monotonic() - self._measured_at > _FRESH_S:
                self._figures = await self._measure()
                self._measured_at = time.monotonic()
        return self._registry

    async def _measure(self) -> Figures | None:
        readers = {**dict.fromkeys(FOLLOWERS), _INDEX: self._neighbours.position}
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._streams.figures(readers)
        except (StoreUnavailable, TimeoutError):
            return None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Called for each scrape, after ``registry``."""
        for name, meaning, labels, values in (*self._of_index(), *_of_streams(self._figures)):
            family = GaugeMetricFamily(name, meaning, labels=labels)
            for key, value in values.items():
                family.add_metric(key, value)
            yield family

    def _of_index(self) -> Iterable[Family]:
        ready, vectors = float(self._neighbours.ready), float(self._neighbours.vectors)
        return (
            ("starling_index_ready", "1 when every vector was read once.", (), {(): ready}),
            ("starling_index_vectors", "Vectors that this gateway searches.", (), {(): vectors}),
        )


def _of_streams(figures: Figures | None) -> Iterable[Family]:
    yield "starling_streams_up", "1 when the Redis-protocol server answers.", (), {(): float(figures is not None)}
    if figures is None:
        return
    of_work = ("service", "priority")
    backlog: Values = {(work.service, work.priority): float(work.backlog) for work in figures.work}
    oldest: Values = {(work.service, work.priority): work.oldest_s for work in figures.work}
    lags: Values = {(name,): seconds for name, seconds in figures.lag_s.items() if name != _INDEX}
    yield "starling_backlog", "Commands of a work stream that have not ended.", of_work, backlog
    yield "starling_backlog_oldest_seconds", "Age of the oldest of them.", of_work, oldest
    yield "starling_delayed_commands", "Commands that wait for their time.", (), {(): figures.delayed}
    yield "starling_delayed_overdue_seconds", "How late the first of them is.", (), {(): figures.overdue_s}
    yield "starling_parked_commands", "Commands of paused runs.", (), {(): figures.parked}
    yield "starling_dead_letters", "Commands that were given up.", (), {(): figures.dead}
    yield "starling_log_events", "Events in the log since it was trimmed.", (), {(): figures.events}
    yield "starling_follower_lag_seconds", "Age of the oldest event not followed yet.", ("follower",), lags
    searched = "Age of the oldest event that this gateway's index does not know."
    yield "starling_index_lag_seconds", searched, (), {(): figures.lag_s[_INDEX]}
