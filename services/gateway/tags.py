"""Tags as the gateway shows them: the words all services share, and what makes a track lively or calm."""

from __future__ import annotations

from shared.embedding import TAGS
from shared.tagwords import INFO, TAG_INFO, TagInfo

__all__ = ["CALM", "INFO", "LIVELY", "TAG_INFO", "TagInfo"]

# What pulls the last bar of the mood strip up, and what pulls it down.
LIVELY = [TAGS.index(tag) for tag in ("msd:happy", "msd:party", "msd:dance", "msd:catchy", "mtt:fast", "mtt:beat")]
CALM = [TAGS.index(tag) for tag in ("msd:sad", "msd:Mellow", "msd:ambient", "mtt:slow", "mtt:quiet", "mtt:soft")]
