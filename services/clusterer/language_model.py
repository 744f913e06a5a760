"""Names for playlists by a language model, if one is configured and asked for; else they keep those made of tags.

One interface serves OpenAI, Ollama and their kin: ``POST {url}/chat/completions``. All names of a clustering share one
time limit. Whatever the model does wrong, a playlist keeps the name it had, and nobody waits longer than the limit.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import structlog

from services.clusterer.naming import LONGEST
from shared.events import Proposal
from shared.settings import Settings

log = structlog.get_logger(__name__)

_AT_ONCE = 20
"""Playlists in one question: a small model loses its way in more."""
_LARGEST_ANSWER = 256 * 1024
_EXAMPLES = 4
_LONGEST_EXAMPLE = 80
_QUESTION = (
    "You name playlists for a music lover. Each playlist is described by what is heard in it, when it is from, how fast"
    f" it is, and a few of its tracks. Give each a short, warm, concrete name of 2 to 6 words, at most {LONGEST}"
    " characters, all different, without quotes, numbers, emoji or names of artists. Never mock a kind of music. Answer"
    ' with JSON only: {"names": {"<number>": "<name>"}}.'
)
_OFF = "No language model is configured (STARLING_LLM_URL and STARLING_LLM_MODEL), so names come from tags."
_TRACES = re.compile(r"[\x00-\x1f<>{}\[\]\\`|]|://")
"""What has no place in a name, but is found in answers that are not one."""


async def rename(
    settings: Settings, proposals: Sequence[Proposal], examples: Sequence[Sequence[str]], seed: int
) -> tuple[tuple[Proposal, ...], str | None]:
    """``proposals`` with the names that the model gave where they are usable, and a sentence for people if some or all
    kept theirs. ``examples`` are a few "artist - title" for each. Never raises; takes at most
    ``settings.llm_timeout_s``."""
    if not settings.llm_url or not settings.llm_model:
        return tuple(proposals), _OFF
    answers: dict[int, str] = {}
    try:
        async with asyncio.timeout(settings.llm_timeout_s), _session(settings) as session:
            for start in range(0, len(proposals), _AT_ONCE):
                some = slice(start, start + _AT_ONCE)
                answers |= await _ask(session, settings, proposals[some], examples[some], seed)
        problem = None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        # The exception's own text may name the address, which may hold a login.
        problem = "did not answer in time" if isinstance(error, TimeoutError) else "gave no usable answer"
        log.warning("language_model_failed", error=type(error).__name__)
    named = _accepted(proposals, answers)
    left = sum(proposal.named_by != "language_model" for proposal in named)
    if not left:
        return named, None
    why = problem or "gave names that are too long, doubled or empty"
    return named, f"The language model {why}, so {left} of {len(named)} names come from tags."


def _session(settings: Settings) -> aiohttp.ClientSession:
    key = settings.llm_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=settings.llm_timeout_s))


async def _ask(
    session: aiohttp.ClientSession,
    settings: Settings,
    proposals: Sequence[Proposal],
    examples: Sequence[Sequence[str]],
    seed: int,
) -> dict[int, str]:
    """Number -> name, as answered. Redirects are not followed: the key is for this address alone."""
    told = [_told(proposal, some) for proposal, some in zip(proposals, examples, strict=True)]
    body = {
        "model": settings.llm_model,
        "messages": [
            {"role": "system", "content": _QUESTION},
            {"role": "user", "content": json.dumps(told, ensure_ascii=False)},
        ],
        "temperature": 0.3,
        "seed": seed % 2**31,
        "stream": False,
    }
    url = f"{settings.llm_url.rstrip('/')}/chat/completions"
    async with session.post(url, json=body, allow_redirects=False) as answer:
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        content = bytearray()
        async for chunk in answer.content.iter_chunked(16 * 1024):
            content += chunk
            if len(content) > _LARGEST_ANSWER:
                raise ValueError("answer too large")
    return parse(bytes(content))


def _told(proposal: Proposal, examples: Sequence[str]) -> dict[str, Any]:
    """All that leaves the house about a playlist."""
    facts = proposal.facts
    told: dict[str, Any] = {"number": proposal.number, "heard": [label for label, _ in facts.tags[:6]]}
    if facts.years:
        told["years"] = f"{facts.years[0]}-{facts.years[1]}"
    if facts.tempo_bpm:
        told["beats_per_minute"] = round(facts.tempo_bpm)
    told["tracks"] = [example[:_LONGEST_EXAMPLE] for example in examples[:_EXAMPLES]]
    return told


def parse(body: bytes) -> dict[int, str]:
    """Number -> name in a chat completion, whatever stands around the JSON. Raises ``ValueError``, ``LookupError`` or
    ``TypeError`` on anything else."""
    content = json.loads(body)["choices"][0]["message"]["content"]
    if not isinstance(content, str):
        raise TypeError("content is not text")
    found = json.loads(content[content.index("{") : content.rindex("}") + 1])
    names = found.get("names", found)
    if not isinstance(names, Mapping):
        raise TypeError("names are not an object")
    return {int(number): name for number, name in names.items() if str(number).isdecimal() and isinstance(name, str)}


def _accepted(proposals: Sequence[Proposal], answers: Mapping[int, str]) -> tuple[Proposal, ...]:
    """``proposals`` renamed where the answer is a name that nobody else has."""
    taken = {proposal.name.casefold() for proposal in proposals}
    result = []
    for proposal in proposals:
        name = _cleaned(answers.get(proposal.number, ""))
        own = name.casefold() == proposal.name.casefold()
        if name and (own or name.casefold() not in taken):
            taken.add(name.casefold())
            result.append(proposal.model_copy(update={"name": name, "named_by": "language_model"}))
        else:
            result.append(proposal)
    return tuple(result)


def _cleaned(name: str) -> str:
    """``name`` without quotes and spaces around it; empty if it is none."""
    plain = name.strip().strip("\"'“”„").strip()
    usable = 3 <= len(plain) <= LONGEST and plain.isprintable() and any(letter.isalpha() for letter in plain)
    return plain if usable and not _TRACES.search(plain) else ""
