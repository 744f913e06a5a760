"""Which tracks of a page need which work: pure decisions over what was listed and what is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.fetcher.library import Known
from shared.embedding import FEATURE_VERSION, SPACE
from shared.events import Profile, Scope
from shared.mediaservers.base import ListedItem


@dataclass(frozen=True, slots=True)
class Choice:
    """A page sorted out. ``describe`` are new or changed descriptions, ``unchanged`` are known as they are; every
    listed track is either in ``analyse`` or in ``skip`` (with the reason)."""

    describe: tuple[ListedItem, ...]
    unchanged: tuple[UUID, ...]
    analyse: tuple[tuple[UUID, ListedItem], ...]
    skip: tuple[tuple[UUID, str], ...]


def choose(
    listed: Sequence[tuple[UUID, ListedItem]], known: Mapping[UUID, Known], scope: Scope, profile: Profile
) -> Choice:
    """Sort out one page."""
    describe: list[ListedItem] = []
    unchanged: list[UUID] = []
    analyse: list[tuple[UUID, ListedItem]] = []
    skip: list[tuple[UUID, str]] = []
    for track, item in listed:
        found = known.get(track)
        if found and not found.removed and _same(found, item):
            unchanged.append(track)
        else:
            describe.append(item)
        reason = skip_reason(found, item, scope, profile)
        if reason:
            skip.append((track, reason))
        else:
            analyse.append((track, item))
    return Choice(tuple(describe), tuple(unchanged), tuple(analyse), tuple(skip))


def _same(found: Known, item: ListedItem) -> bool:
    return found.content_version == item.content_version and found.meta_version == item.meta_version


def skip_reason(found: Known | None, item: ListedItem, scope: Scope, profile: Profile) -> str | None:
    """Why a track needs no analysis, or None when it does."""
    if scope == "all":
        return None
    if scope == "failed":
        return None if found and found.failed else "not_selected"
    if found is None:
        return None
    if found.failed_for_good and found.content_version == item.content_version:
        return "unreadable_before"
    return "unchanged" if _up_to_date(found, item, profile) else None


def _up_to_date(found: Known, item: ListedItem, profile: Profile) -> bool:
    return (
        found.analysed_content == item.content_version
        and found.feature_version == FEATURE_VERSION
        and found.space == SPACE
        and (found.profile == "full" or profile == "fast")
    )
