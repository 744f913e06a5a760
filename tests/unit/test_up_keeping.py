"""How `starling up` waits between starts, and what it makes of a child's output."""

from __future__ import annotations

import io
import os

from services.up.output import LONGEST_LINE, LineReader, Output
from services.up.process import describe_exit
from services.up.service import Backoff


def test_waits_double_up_to_a_limit() -> None:
    backoff = Backoff(first_s=0.5, most_s=30.0)
    assert [backoff.after(0.0) for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_life_that_went_well_makes_the_next_wait_short_again() -> None:
    backoff = Backoff(first_s=0.5, most_s=30.0, well_after_s=30.0)
    waits = [backoff.after(lived) for lived in (1.0, 29.9, 30.0, 1.0)]
    assert waits == [0.5, 1.0, 0.5, 1.0]


def test_an_exit_is_told_in_words() -> None:
    assert describe_exit(3) == "ended with code 3"
    assert describe_exit(-9) == "was killed by SIGKILL"


def test_lines_are_whole_and_named_however_they_arrive() -> None:
    stream = io.BytesIO()
    reader = LineReader("fetcher", Output(stream))
    for piece in (b"one\ntw", b"o", b"\n", b"no end"):
        reader.data_received(piece)
    reader.connection_lost(None)
    assert stream.getvalue() == b"fetcher     | one\nfetcher     | two\nfetcher     | no end\n"
    assert reader.closed.is_set()


def test_a_json_record_stays_as_it_is() -> None:
    stream = io.BytesIO()
    reader = LineReader("fetcher", Output(stream))
    reader.data_received(b'{"event": "fetched", "service": "fetcher"}\n')
    assert stream.getvalue() == b'{"event": "fetched", "service": "fetcher"}\n'


def test_a_line_without_an_end_is_passed_on_in_parts() -> None:
    stream = io.BytesIO()
    reader = LineReader("analyzer", Output(stream))
    reader.data_received(b"x" * (LONGEST_LINE + 1))
    assert stream.getvalue().count(b"\n") == 1


def test_a_reader_that_went_away_silences_the_output_and_stops_nothing() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb") as stream:
        output = Output(stream)
        os.close(read_end)
        output.announce("nobody hears this")
        output.announce("nor this")
