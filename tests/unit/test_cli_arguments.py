"""What the command line takes, and what it answers to what it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from services.cli.analysis import choose_scope
from services.cli.app import hoisted
from services.cli.client import Api, _sentence
from services.cli.dead import checked
from services.cli.doctor import CHECKS, DEEP, look
from services.cli.doctor.finding import Check, Finding, Patient, ok
from services.cli.doctor.machine import look_at_models
from services.cli.events import as_document, as_line, make_filter
from services.cli.output import say_json
from services.cli.session import Session
from shared.errors import ConfigurationError, InvalidInput
from shared.messages import Raw
from shared.settings import Settings
from shared.streams import LogEntry

HEAVY = ("aiohttp", "asyncpg", "av", "numpy", "redis", "soundfile", "structlog", "pydantic_settings")


def starling(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments], capture_output=True, text=True, timeout=30, check=False
    )


def an_entry(said: Any, **changes: Any) -> LogEntry:
    raw: dict[str, Any] = {
        "id": uuid4(),
        "type": "track.analyzed",
        "version": 1,
        "occurred_at": datetime(2025, 1, 1, tzinfo=UTC),
        "subject": "track:t1",
        "data": json.dumps(said).encode(),
        "correlation_id": uuid4(),
        "causation_id": None,
        "traceparent": None,
        "blob": b"12345",
        "attempts": 0,
    }
    return LogEntry((1_735_689_600_000 << 20) + 3, Raw(**{**raw, **changes}))


def test_options_of_all_commands_may_stand_anywhere() -> None:
    assert hoisted(["status", "--json", "--url", "http://x", "--debug"]) == [
        "--url",
        "http://x",
        "--debug",
        "status",
        "--json",
    ]
    assert hoisted(["runs", "--data-dir=/d", "last"]) == ["--data-dir=/d", "runs", "last"]


def test_words_behind_two_dashes_are_left_alone() -> None:
    assert hoisted(["similar", "--", "--debug", "--url"]) == ["similar", "--", "--debug", "--url"]


def test_an_option_without_its_value_is_left_to_the_parser() -> None:
    assert hoisted(["status", "--url"]) == ["--url", "status"]


def test_reprocess_wants_to_know_what() -> None:
    assert choose_scope("analyzer", "failed") == "failed"
    assert choose_scope("analyzer", "model") == "needed"
    assert choose_scope("analyzer", "all") == "all"
    with pytest.raises(InvalidInput, match="--where failed, --where model or --where all"):
        choose_scope("analyzer", None)
    for service, instead in (("clusterer", "starling cluster"), ("syncer", "starling sync"), ("moon", "the analyzer")):
        with pytest.raises(InvalidInput, match=f"for {service}: .*{instead}"):
            choose_scope(service, "all")


def test_types_of_events_may_be_patterns() -> None:
    wanted = make_filter(["track.*", "server.added"], None)
    assert wanted.types is not None
    assert {"track.analyzed", "track.analysis_failed", "server.added"} <= wanted.types
    assert "server.removed" not in wanted.types
    assert wanted.matches(an_entry({}))
    assert not wanted.matches(an_entry({}, type="run.paused"))


def test_no_filter_lets_unknown_events_through() -> None:
    assert make_filter([], None).matches(an_entry({}, type="of.a.later.release"))


def test_a_filter_by_run_lets_only_its_events_through() -> None:
    run_id = uuid4()
    wanted = make_filter([], str(run_id))
    assert wanted.matches(an_entry({}, correlation_id=run_id))
    assert not wanted.matches(an_entry({}))


def test_a_type_or_run_that_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"no event tracks\.\*; there are: account\.added"):
        make_filter(["tracks.*"], None)
    with pytest.raises(InvalidInput, match="starling runs"):
        make_filter([], "12")


def test_an_event_on_a_line_tells_its_figures_and_hides_its_tricks() -> None:
    line = as_line(
        an_entry({"track_id": "t1", "run_id": "r1", "tempo_bpm": 120.5, "tracks": [1, 2], "title": "a\x1b[2J"})
    )
    assert "track.analyzed            track:t1  tempo_bpm=120.5 tracks[2] title=a\ufffd[2J run_id=r1" in line
    assert line.count("t1") == 1


def test_an_event_whose_data_nobody_can_read_is_shown_all_the_same() -> None:
    assert as_document(an_entry({}, data=b"\xff{"))["data"] == {"unreadable": "\ufffd{"}
    assert as_document(an_entry([1]))["data"] == [1]
    assert "track:t1" in as_line(an_entry([1]))


def test_an_event_for_programs_names_its_position_and_not_its_blob() -> None:
    document = as_document(an_entry({"a": 1}))
    assert document["position"] == "1735689600000-3"
    assert document["blob_bytes"] == 5
    assert json.loads(json.dumps(document)) == document


def test_json_for_programs_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"title": "é\x1b\x9b\u202e\ud800"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"title": "é\x1b\x9b\u202e\ud800"}
    assert "é" in out
    assert not set("\x1b\x9b\u202e\ud800") & set(out)


def test_a_problem_is_told_in_the_gateways_words_and_names_each_field() -> None:
    problem = {"detail": "That cannot be used.", "errors": [{"field": "path", "detail": "is empty"}]}
    assert _sentence(422, problem) == "That cannot be used.; path: is empty"
    assert _sentence(422, {"detail": "path: is empty", "errors": [{"field": "path", "detail": "is empty"}]}) == (
        "path: is empty"
    )
    assert _sentence(500, {}) == "the gateway answered 500"


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://x", "http://", "http://[::1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="looks like http"):
        Api(url)


def test_only_this_machine_counts_as_local() -> None:
    local = [Api(url).is_local for url in ("http://127.0.0.1:8000/", "http://localhost", "http://[::1]:1")]
    assert local == [True, True, True]
    assert not Api("https://nas.example:8000").is_local


@pytest.mark.parametrize("letter_id", ["..", "1-0/retry", "../servers", "", "\u0661-0x"])
def test_what_is_no_id_of_a_dead_letter_never_becomes_an_address(letter_id: str) -> None:
    with pytest.raises(InvalidInput, match="starling dead list"):
        checked(letter_id)
    assert checked("1700000000000-12") == "1700000000000-12"


async def test_a_check_that_breaks_off_is_a_finding_of_its_own() -> None:
    async def broken(_: Patient) -> Finding:
        raise ZeroDivisionError("division by zero")

    finding = await look(Check("x", broken), Patient(Session(), Settings()))
    assert finding.state == "problem"
    assert "ZeroDivisionError" in finding.text


async def test_a_check_is_left_out_while_what_it_needs_is_missing() -> None:
    async def fine(_: Patient) -> Finding:
        return ok("fine")

    finding = await look(Check("x", fine, ("redis", "postgres")), Patient(Session(), Settings()))
    assert finding == Finding("note", "not looked at, since redis and postgres cannot be reached")


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in (*CHECKS, DEEP)]
    assert len(set(names)) == len(names)


def test_the_networks_are_the_released_ones() -> None:
    assert look_at_models().state == "ok"


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['starling', '--help']\n"
        "from services.cli import main\n"
        "try: main()\n"
        "finally: print('heavy:', [name for name in sys.modules if name in " + repr(HEAVY) + "])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True).stdout
    for command in (
        "up",
        "status",
        "analyze",
        "similar",
        "events",
        "dead",
        "replay",
        "reprocess",
        "runs",
        "doctor",
        "accounts",
        "tokens",
    ):
        assert f" {command} " in shown
    assert "heavy: []" in shown


def test_wrong_usage_ends_with_2_and_one_line() -> None:
    found = starling("reprocess", "analyzer")
    assert found.returncode == 2
    assert found.stderr == "starling: say which tracks: --where failed, --where model or --where all\n"
    assert found.stdout == ""


def test_a_command_nobody_knows_ends_with_2() -> None:
    assert starling("fly").returncode == 2


def test_an_instance_that_does_not_answer_ends_with_1_and_the_next_step() -> None:
    found = starling("status", "--url", "http://127.0.0.1:9")
    assert found.returncode == 1
    assert found.stderr == (
        "starling: Starling does not answer at http://127.0.0.1:9 (Connection refused); "
        "start it with 'starling up', or name a running instance with --url\n"
    )


def test_where_an_error_comes_from_shows_only_when_asked_for() -> None:
    assert "Traceback" in starling("status", "--url", "http://127.0.0.1:9", "--debug").stderr
