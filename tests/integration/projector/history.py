"""A made-up history: libraries, scans, analyses, failures, retries, removals, in the order of a log."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from shared import embedding, events, positions
from shared.events import Event, LibraryTrack
from shared.messages import decode_raw, derived_id, encode, track_id, wrap
from shared.streams import LogEntry

START = datetime(2026, 1, 1, tzinfo=UTC)
_WORDS = ("Ólafur", "night", "Blue", "été", "Ωmega", "train", "夜", "love", "%_", "ruin")


def blob(rng: np.random.Generator) -> bytes:
    """A random embedding of length one, and random tag probabilities."""
    vector = rng.normal(size=embedding.EMBEDDING_SIZE).astype(np.float32)
    tags = rng.random(embedding.TAG_COUNT).astype(np.float32)
    return embedding.pack(vector / np.linalg.norm(vector), tags)


def entry(event: Event, number: int, content: bytes | None = None) -> LogEntry:
    """``event`` as the ``number``-th entry of a log."""
    position = positions.pack(f"{1_767_225_600_000 + number // 3}-{number % 3}")
    when = START + timedelta(milliseconds=137 * number)
    envelope = replace(wrap(event, id=derived_id("history", number), blob=content), occurred_at=when)
    fields = {
        name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in encode(envelope).items()
    }
    return LogEntry(position, decode_raw(fields))


class History:
    """Appends random but plausible events to ``entries``."""

    def __init__(self, seed: int) -> None:
        self.entries: list[LogEntry] = []
        self.random = random.Random(seed)
        self.numpy = np.random.default_rng(seed)
        self.servers: dict[UUID, dict[str, LibraryTrack]] = {}
        self.runs: list[UUID] = []
        self.failed: list[tuple[UUID, UUID, UUID]] = []

    def add(self, event: Event, content: bytes | None = None) -> None:
        self.entries.append(entry(event, len(self.entries), content))

    def grow(self, count: int) -> Sequence[LogEntry]:
        """At least ``count`` events more."""
        goal = len(self.entries) + count
        while len(self.entries) < goal:
            self._something()
        return self.entries

    def _something(self) -> None:
        choice = self.random.random()
        if len(self.servers) < 2 or choice < 0.06:
            self._add_server()
        elif choice < 0.10:
            self._change_server()
        elif choice < 0.115:
            self._remove_server()
        elif choice < 0.20:
            self._retry()
        elif choice < 0.24:
            self._odd_one()
        elif choice < 0.36:
            self._import()
        else:
            self._run()

    def _pick_server(self) -> UUID:
        return self.random.choice(list(self.servers))

    def _add_server(self) -> None:
        server = derived_id("history", "server", len(self.entries))
        self.servers[server] = {}
        self.add(events.ServerAdded(server_id=server, server_type="folder", name="Müsic\x00", path="/music"))

    def _change_server(self) -> None:
        self.add(events.ServerChanged(server_id=self._pick_server(), name=self._words(), path="/other"))

    def _remove_server(self) -> None:
        """Late pages and analyses of a removed library may follow."""
        server = self._pick_server()
        self.add(events.ServerRemoved(server_id=server))
        if self.random.random() < 0.7:
            del self.servers[server]

    def _retry(self) -> None:
        """A failed track of a run that may be over is tried once more."""
        if self.failed:
            run, server, track = self.random.choice(self.failed)
            self._terminal(run, server, track, self.random.choice(("analysed", "failed", "skipped")))

    def _odd_one(self) -> None:
        """What nobody would expect: runs, servers and tracks that were never heard of."""
        stray = derived_id("history", "stray", len(self.entries) % 5)
        self.random.choice(
            (
                lambda: self._terminal(stray, stray, stray, "analysed"),
                lambda: self._terminal(stray, self._pick_server(), stray, "failed"),
                lambda: self.add(events.RunPaused(run_id=stray)),
                lambda: self.add(events.ServerRemoved(server_id=stray)),
                lambda: self.add(events.TracksRemoved(run_id=stray, server_id=stray, track_ids=(stray,))),
                lambda: self.add(
                    events.CommandFailed(
                        command_id=stray, command_type="x", service="fetcher", reason="r", detail="d", deliveries=3
                    )
                ),
                lambda: self.add(events.AnalysisRunStarted(run_id=stray, server_ids=(self._pick_server(),))),
            )
        )()

    def _import(self) -> None:
        """Analyses of another program, some of them for the second time, some of tracks that are gone."""
        server = self._pick_server()
        for item in self.random.sample([str(number) for number in range(60)], self.random.randint(1, 20)):
            vector = self.numpy.normal(size=embedding.AUDIOMUSE_SIZE).astype("<f4").tobytes()
            event = events.TrackAnalysisImported(
                server_id=server,
                track_id=track_id(server, item),
                source="audiomuse",
                source_version="item_id",
                source_item_id=item,
                digest=str(len(self.entries)),
                space=self.random.choice((embedding.AUDIOMUSE_SPACE, embedding.AUDIOMUSE_SPACE, "another-1")),
                tempo_bpm=self.random.choice((None, 117.45, -0.0)),
                tags=self.random.choice(({}, {"msd:rock": self.random.random(), "mtt:\x00": -0.0})),
            )
            self.add(event, self.random.choice((None, bytes(800), b"short", *[vector] * 12)))

    def _run(self) -> None:
        run = derived_id("history", "run", len(self.entries))
        servers = tuple(self.random.sample(list(self.servers), self.random.randint(1, 2)))
        self.runs.append(run)
        self.add(events.AnalysisRequested(run_id=run, server_ids=servers, profile="fast"))
        self._maybe_pause(run)
        self.add(events.AnalysisRunStarted(run_id=run, server_ids=servers, profile="fast"))
        totals = {"analysed": 0, "skipped": 0, "failed": 0}
        for server in servers:
            self._scan(run, server, totals)
        cancelled = self.random.random() < 0.1
        if cancelled:
            self.add(events.RunCancelled(run_id=run))
        if self.random.random() < 0.85:
            state = "cancelled" if cancelled else "completed"
            self.add(events.AnalysisRunCompleted(run_id=run, state=state, discovered=sum(totals.values()), **totals))

    def _maybe_pause(self, run: UUID) -> None:
        if self.random.random() < 0.2:
            self.add(events.RunPaused(run_id=run))
            self.add(events.RunResumed(run_id=run))

    def _scan(self, run: UUID, server: UUID, totals: dict[str, int]) -> None:
        known = self.servers[server]
        self.add(events.LibraryScanStarted(run_id=run, server_id=server))
        items = self.random.sample([str(number) for number in range(60)], self.random.randint(0, 25))
        seen: set[str] = set()
        for start in range(0, len(items), 10):
            page = items[start : start + 10]
            self._page(run, server, page, totals)
            seen.update(page)
        if self.random.random() < 0.15:
            reason = self.random.choice(("cancelled", "server_unavailable"))
            self.add(events.LibraryScanFailed(run_id=run, server_id=server, reason=reason, detail="it is gone"))
            return
        gone = [known.pop(item).track_id for item in list(known) if item not in seen and self.random.random() < 0.3]
        if gone:
            self.add(events.TracksRemoved(run_id=run, server_id=server, track_ids=tuple(gone)))
        self.add(
            events.LibraryScanCompleted(
                run_id=run, server_id=server, total=len(items), incomplete=self.random.random() < 0.1
            )
        )

    def _page(self, run: UUID, server: UUID, page: list[str], totals: dict[str, int]) -> None:
        known = self.servers[server]
        unchanged = [item for item in page if item in known and self.random.random() < 0.5]
        described = [item for item in page if item not in unchanged]
        for item in described:
            known[item] = self._track(server, item, known.get(item))
        self.add(
            events.TracksDiscovered(
                run_id=run,
                server_id=server,
                tracks=tuple(known[item] for item in described),
                unchanged=tuple(known[item].track_id for item in unchanged),
                problems=("a link leads out",) if self.random.random() < 0.1 else (),
            )
        )
        outcomes = ["skipped"] * len(unchanged) + ["analysed", "analysed", "analysed", "failed"] * len(described)
        for item in unchanged + described:
            outcome = "skipped" if item in unchanged else self.random.choice(outcomes)
            self._terminal(run, server, known[item].track_id, outcome, known[item].content_version)
            totals[outcome] += 1

    def _track(self, server: UUID, item: str, before: LibraryTrack | None) -> LibraryTrack:
        same_bytes = before is not None and self.random.random() < 0.5
        return LibraryTrack(
            track_id=track_id(server, item),
            item_id=item,
            content_version=before.content_version if before and same_bytes else str(self.random.randint(1, 3)),
            meta_version=str(len(self.entries)),
            title=self._words(),
            artist=self.random.choice((None, self._words())),
            year=self.random.choice((None, 1984, 10**12)),
            duration_s=self.random.choice((None, 200.5, -0.0)),
        )

    def _terminal(self, run: UUID, server: UUID, track: UUID, outcome: str, content: str = "1") -> None:
        match outcome:
            case "analysed":
                self.add(self._analyzed(run, server, track, content), self._blob())
            case "failed":
                self.failed.append((run, server, track))
                self.add(
                    events.TrackAnalysisFailed(
                        run_id=run,
                        server_id=server,
                        track_id=track,
                        content_version=self.random.choice((None, content)),
                        reason=self.random.choice(("corrupt", "empty_file")),
                        detail=self.random.choice(("cannot be read", "cannot\x00be read", "$raw")),
                        permanent=self.random.random() < 0.5,
                    )
                )
            case _:
                reason = self.random.choice(("unchanged", "cancelled"))
                self.add(events.TrackAnalysisSkipped(run_id=run, server_id=server, track_id=track, reason=reason))

    def _analyzed(self, run: UUID, server: UUID, track: UUID, content: str) -> events.TrackAnalyzed:
        return events.TrackAnalyzed(
            run_id=run,
            server_id=server,
            track_id=track,
            content_version=content,
            profile="fast",
            feature_version=1,
            space=self.random.choice((embedding.SPACE, embedding.SPACE, "another-1")),
            audio_hash="ab" * 16,
            duration_s=self.random.uniform(1, 900),
            tempo_bpm=self.random.choice((None, 120.03)),
            tuning_cents=self.random.choice((-0.0, 1e-9, 12.5)),
            stages_s={"decode": self.random.random(), "tempo": self.random.random() / 100},
        )

    def _blob(self) -> bytes | None:
        return self.random.choice((None, b"short", bytes(1000), *[blob(self.numpy)] * 12))

    def _words(self) -> str:
        return " ".join(self.random.choices(_WORDS, k=3))
