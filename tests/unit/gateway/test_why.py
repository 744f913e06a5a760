"""The one line that says why a song came up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from services.gateway.models.tracks import Analysis, Track
from services.gateway.tags import TAG_INFO
from services.gateway.why import why


def song(*tags: str, year: int | None = None, **sound: Any) -> Track:
    analysis = {
        "profile": "fast",
        "feature_version": 1,
        "analysed_at": datetime(2026, 1, 1, tzinfo=UTC),
        "duration_s": 200.0,
        "tempo_bpm": None,
        "tempo_confidence": 0.9,
        "key": None,
        "scale": None,
        "key_confidence": 0.9,
        "tuning_cents": 0.0,
        "loudness_lufs": -12.0,
        "energy": 0.5,
        "brightness": 0.5,
        "silence_s": 0.0,
        "silent": False,
        "patches": 10,
        "decoder": "test",
        "audio_hash": "0",
        **sound,
    }
    return Track(
        id=uuid4(),
        server_id=uuid4(),
        item_id="x",
        title="A song",
        artist=None,
        album=None,
        album_artist=None,
        genre=None,
        year=year,
        track_number=None,
        disc_number=None,
        duration_s=None,
        suffix=None,
        status="analysed",
        failure=None,
        analysis=Analysis.model_validate(analysis),
        top_tags=[
            {
                "tag": tag,
                "label": TAG_INFO[tag].label,
                "family": TAG_INFO[tag].family,
                "probability": 0.5,
                "zscore": 1.0,
            }
            for tag in tags
        ],
        mood_strip=None,
    )


def test_shared_words_tempo_and_year_make_one_line() -> None:
    one = song("mtt:slow", "mtt:piano", tempo_bpm=72.4, year=1994)
    two = song("mtt:piano", "mtt:slow", tempo_bpm=71.6, year=1994)
    assert why(one, two) == "same slow piano mood, 72 BPM, from 1994"


def test_a_genre_names_a_sound_not_a_mood() -> None:
    assert why(song("msd:rock"), song("mtt:rock", energy=0.9)) == "same rock sound"


def test_a_voice_is_named_as_one() -> None:
    assert why(song("mtt:woman", "msd:jazz"), song("msd:jazz", "mtt:female")).startswith("same female voice jazz sound")


@pytest.mark.parametrize(
    ("key", "scale", "said"),
    [("A", "minor", "same key (A minor)"), ("C", "major", "related key (C major)"), ("D", "major", "")],
)
def test_keys_that_share_their_notes_are_related(key: str, scale: str, said: str) -> None:
    line = why(song(key="A", scale="minor"), song(key=key, scale=scale, energy=0.9))
    assert line == (said or "a close match overall")


def test_a_key_nobody_is_sure_of_is_not_mentioned() -> None:
    one = song(key="A", scale="minor", key_confidence=0.1)
    assert why(one, song(key="A", scale="minor", energy=0.9)) == "a close match overall"


def test_the_decade_counts_where_the_year_differs() -> None:
    assert why(song(year=1991), song(year=1998, energy=0.9)) == "both from the 1990s"


def test_where_little_else_is_shared_energy_is_said() -> None:
    assert why(song(tempo_bpm=100.0), song(tempo_bpm=104.0)) == "104 BPM, similar energy"
