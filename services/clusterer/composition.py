"""From clusters to playlists: sizes, limits, duplicates, order, facts and names. Arrays in, proposals out; no store.

Called in a child process, so everything here can be pickled and nothing waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from services.clusterer import composition_groups as groups
from services.clusterer import naming, sequencing
from services.clusterer.composition_duplicates import distinct
from services.clusterer.composition_groups import Limits, Shelf
from shared.events import ClusteringOptions
from shared.events.clustering import PlaylistFacts, Proposal

if TYPE_CHECKING:
    from services.clusterer.library import Library

FloatArray = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]

_KEYS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FEW = 3
"""A library with fewer artists (albums) than this many times a smallest playlist has few: limits may be loosened."""
_KEY_AGREES = 0.3
_TELLING = 8
_EXAMPLES = 4


@dataclass(frozen=True, slots=True)
class Composition:
    """The playlists of a clustering, the most different first."""

    proposals: tuple[Proposal, ...]
    notes: tuple[str, ...]
    """What was done by rule, in sentences for people."""
    tracks_used: int
    examples: tuple[tuple[str, ...], ...] = ()
    """For each proposal a few "artist - title" from its core, for a language model that names it."""


def compose(library: Library, labels: npt.NDArray[np.integer], options: ClusteringOptions, seed: int) -> Composition:
    """Playlists of the clusters in ``labels`` [n] (negative is in no cluster).

    Duplicates count once; a cluster too large for a playlist is split, one too small joined with its nearest; limits
    per artist and album hold, loosened where the library has too few; the most different playlists come first. The
    same input gives the same answer. 100,000 tracks take seconds and no array grows with their square.
    """
    rows = distinct(library)
    notes = [_said(len(library) - len(rows), "copy of another recording was", "copies of other recordings were")]
    if not len(rows):
        return Composition((), (), 0, ())
    library, labels = library.take(rows), np.asarray(labels)[rows]
    shelf, limits, limit_notes = _shelf(library, options)
    clusters = [np.flatnonzero(labels == label) for label in np.unique(labels[labels >= 0])]
    if not clusters:
        clusters = [np.arange(len(rows))]
        notes.append("No groups were found, so all tracks were taken as one.")
    parts = groups.split(shelf, clusters, limits, max(options.playlists_max, len(clusters)), seed)
    filled = groups.top_up(shelf, parts, limits)
    whole = groups.merge(shelf, filled, limits)
    cores = [groups.core_first(shelf, part) for part in whole]
    chosen = _choose([groups.picked(shelf, core, limits) for core in cores], shelf, options.playlists_max)
    notes += [*limit_notes, *_size_notes(len(clusters), len(parts), len(whole), len(chosen))]
    borrowing = sum(len(after) > len(before) for before, after in zip(parts, filled, strict=True))
    if borrowing:
        notes.append(f"Groups a little too small for a playlist that borrowed tracks from others: {borrowing}.")
    notes += _loosened(shelf, chosen, limits)
    ordered = [_in_order(library, picked) for picked in chosen]
    proposals = _proposals(library, ordered)
    examples = tuple(tuple(_described(library, picked[:_EXAMPLES])) for picked in chosen)
    used = len(np.unique(np.concatenate(chosen)))
    return Composition(proposals, tuple(note for note in notes if note), used, examples)


def _said(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many} left out." if count else ""


def _numbers(values: Sequence[str]) -> Rows:
    """A number for each distinct value, case aside; -1 for the empty one."""
    plain = [" ".join(value.casefold().split()) for value in values]
    known = {value: number for number, value in enumerate(sorted(set(plain) - {""}))}
    return np.array([known.get(value, -1) for value in plain], np.intp)


def _shelf(library: Library, options: ClusteringOptions) -> tuple[Shelf, Limits, list[str]]:
    """What groups are made of, and the limits that this library can bear."""
    artist = _numbers([name or "" for name in library.artist])
    # Two artists may have an album of one name, most often "Greatest Hits".
    album = _numbers(
        [f"{name}\x1f{by or ''}" if name else "" for name, by in zip(library.album, library.artist, strict=True)]
    )
    notes = []
    artists, albums = int(artist.max(initial=-1)) + 1, int(album.max(initial=-1)) + 1
    if artists == 1 and (artist >= 0).all():
        artist = np.full_like(artist, -1)
        notes.append("All tracks are by one artist, so the limit per artist was not applied.")
    if albums == 1 and (album >= 0).all():
        album = np.full_like(album, -1)
        notes.append("All tracks are of one album, so the limit per album was not applied.")
    few = _FEW * options.tracks_min
    limits = Limits(
        options.per_artist, options.per_album, artists < few, albums < few, options.tracks_min, options.tracks_max
    )
    return Shelf(library.vectors, artist, album), limits, notes


def _size_notes(clusters: int, parts: int, whole: int, chosen: int) -> list[str]:
    notes = []
    if parts > clusters:
        notes.append(f"Large groups were split: {clusters} became {parts}.")
    if whole < parts:
        notes.append(f"Small groups were joined with those that sound nearest: {parts} became {whole}.")
    if chosen < whole:
        notes.append(f"The {chosen} most different of {whole} groups were kept.")
    return notes


def _loosened(shelf: Shelf, chosen: Sequence[Rows], limits: Limits) -> list[str]:
    """Which limits did not hold in how many playlists."""
    notes = []
    for kind, numbers, limit in (("artist", shelf.artist, limits.per_artist), ("album", shelf.album, limits.per_album)):
        over = sum(int(groups.occurrence(numbers[rows]).max(initial=0)) >= limit for rows in chosen)
        if over:
            playlists = "One playlist has" if over == 1 else f"{over} playlists have"
            notes.append(f"{playlists} more than {limit} tracks of one {kind}: the library has few {kind}s.")
    return notes


def _choose(picked: Sequence[Rows], shelf: Shelf, most: int) -> list[Rows]:
    """At most ``most`` of the groups, the most different first; large and tight ones weigh more."""
    centres = np.array([groups.unit(shelf.vectors[rows].mean(axis=0)) for rows in picked])
    cohesion = np.array([_cohesion(shelf.vectors[rows]) for rows in picked])
    sizes = np.array([len(rows) for rows in picked])
    weights = (np.clip(cohesion, 0.05, 1.0) * (sizes / sizes.max()) ** 0.25).astype(np.float32)
    return [picked[number] for number in groups.most_different(centres, weights, most)]


def _cohesion(vectors: FloatArray) -> float:
    return float((vectors @ groups.unit(vectors.mean(axis=0))).mean())


def _in_order(library: Library, rows: Rows) -> Rows:
    sounds = sequencing.Sounds(
        tempo_bpm=library.tempo_bpm[rows],
        key=library.key[rows],
        scale=library.scale[rows],
        energy=library.energy[rows],
        vectors=library.vectors[rows],
        artist=library.artist[rows].tolist(),
    )
    return rows[sequencing.sequence(sounds)]


def _proposals(library: Library, ordered: Sequence[Rows]) -> tuple[Proposal, ...]:
    backdrop = naming.Backdrop.of(library.tags)
    portraits = [_portrait(library, backdrop, rows) for rows in ordered]
    return tuple(
        Proposal(
            number=number,
            name=name,
            track_ids=tuple(library.track_ids[rows]),
            facts=_facts(library, rows, portrait),
        )
        for number, (name, rows, portrait) in enumerate(
            zip(naming.names(portraits), ordered, portraits, strict=True), start=1
        )
    )


def _portrait(library: Library, backdrop: naming.Backdrop, rows: Rows) -> naming.Portrait:
    decade, dated = naming.decade_of(library.year[rows].tolist())
    tempo = np.log2(np.maximum(library.tempo_bpm, 1.0))
    return naming.Portrait(
        labels=backdrop.labels(library.tags[rows]),
        tempo_bpm=_middle(library.tempo_bpm[rows]),
        energy=_deviation(library.energy, rows),
        brightness=_deviation(library.brightness, rows),
        tempo=_deviation(tempo, rows),
        decade=decade,
        dated=dated,
        key=_key(library, rows),
    )


def _deviation(values: FloatArray, rows: Rows) -> float:
    """How far the mean of ``rows`` is from that of the library, in standard deviations; 0 where nothing is known."""
    known, here = values[np.isfinite(values)], values[rows][np.isfinite(values[rows])]
    if not len(here) or len(here) == len(known):
        return 0.0
    return float((here.mean() - known.mean()) / max(float(known.std()), 1e-3))


def _middle(values: FloatArray) -> float | None:
    known = values[np.isfinite(values) & (values > 0)]
    return round(float(np.median(known)), 1) if len(known) else None


def _mean(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(known.mean()), 3) if len(known) else None


def _key(library: Library, rows: Rows) -> str | None:
    """The key of most tracks, e.g. "A minor", if enough agree."""
    keys = [
        (k, s) for k, s in zip(library.key[rows].tolist(), library.scale[rows].tolist(), strict=True) if k >= 0 <= s
    ]
    if not keys:
        return None
    (key, scale), count = max(Counter(keys).items(), key=lambda item: (item[1], item[0]))
    return f"{_KEYS[key]} {'major' if scale else 'minor'}" if count >= _KEY_AGREES * len(rows) else None


def _facts(library: Library, rows: Rows, portrait: naming.Portrait) -> PlaylistFacts:
    telling = sorted(portrait.labels.items(), key=lambda item: (-item[1].worth, item[0]))[:_TELLING]
    years = library.year[rows][library.year[rows] > 0]
    return PlaylistFacts(
        tags=tuple((label, round(heard.zscore, 2)) for label, heard in telling),
        tempo_bpm=portrait.tempo_bpm,
        energy=_mean(library.energy[rows]),
        brightness=_mean(library.brightness[rows]),
        key=portrait.key,
        years=(int(years.min()), int(years.max())) if len(years) else None,
        artists=len({name.casefold() for name in library.artist[rows] if name}),
        albums=len({name.casefold() for name in library.album[rows] if name}),
        duration_s=round(float(np.nansum(library.duration_s[rows])), 1),
        cohesion=round(_cohesion(library.vectors[rows]), 4),
    )


def _described(library: Library, rows: Rows) -> list[str]:
    return [f"{library.artist[row] or 'unknown'} - {library.title[row]}" for row in rows.tolist()]
