"""What is refused, and that it leaves everything as it was."""

from __future__ import annotations

import gzip
import io
import json
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from services.cli.backup.files import FileTrouble, readable, written
from services.cli.backup.format import UnusableExport, parse_header, verify
from services.cli.backup.restoring import restore
from services.cli.backup.taking import export
from services.projector.compare import compare
from shared.archive import archived
from shared.errors import Conflict, InvalidInput
from shared.events import RunPaused
from shared.follower import FOLLOWERS, take_place
from shared.messages import Send, uuid7, wrap
from shared.postgres import open_connection
from shared.streams import Unit
from tests import given
from tests.integration.backup.conftest import Move
from tests.integration.backup.house import House, header_of


@pytest.fixture
async def content(home: House) -> bytes:
    """An export of a house that has been lived in."""
    await home.lived_in(40)
    return await home.exported()


async def refused(house: House, content: bytes, reason: str) -> None:
    """Importing fails for this reason and leaves the house as it was."""
    before = await house.contents()
    with pytest.raises((Conflict, UnusableExport), match=reason):
        await house.imported(content)
    assert await house.contents() == before


async def test_a_starling_that_holds_events_is_left_alone(home: House, content: bytes) -> None:
    await refused(home, content, "is not empty, its table event_log holds something; import into a new one")
    assert await compare(home.settings) == []


async def test_so_is_one_whose_stream_server_has_been_used(home: House, content: bytes, move: Move) -> None:
    async with move() as new:
        await new.streams.log.append(Unit(uuid7(), commands=[Send(wrap(given.fetch_audio()))]))
        await refused(new, content, "its stream server has been in use")
        await new.streams.client.delete(new.streams.keys.commands("fetcher"))
        await new.happened(RunPaused(run_id=given.RUN))
        await refused(new, content, "its stream server has been in use")


@pytest.mark.parametrize("name", FOLLOWERS)
async def test_so_is_one_that_is_at_work(content: bytes, move: Move, name: str) -> None:
    async with move() as new:
        active = await open_connection(new.settings)
        try:
            assert await take_place(active, new.settings, name)
            await refused(new, content, f"the {name} is at work; stop Starling")
        finally:
            await active.close()
        await new.imported(content)


async def test_a_refusal_in_the_last_moment_takes_everything_back(content: bytes, move: Move) -> None:
    """The file is exchanged for another between the look at it and the import."""
    async with move() as new:
        header, other = header_of(content), io.BytesIO(content[:-200])
        with pytest.raises(UnusableExport, match="cut off"):
            await restore(new.settings, header, other)
        assert await archived(new.connection) == 0
        await new.imported(content)
        assert await compare(new.settings) == []


def lines(content: bytes) -> list[bytes]:
    return gzip.decompress(content).splitlines(keepends=True)


def with_header(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The export with another header, as a program would have written it that knows the format."""
    first, *rest = lines(content)
    header = json.loads(first)
    change(header)
    return gzip.compress(b"".join([json.dumps(header).encode() + b"\n", *rest]))


async def test_files_that_are_damaged_are_refused_wherever_it_is(content: bytes) -> None:
    verify(io.BytesIO(content))
    for length in (*range(0, len(content), len(content) // 50), len(content) - 1):
        with pytest.raises(UnusableExport, match="Nothing was changed"):
            verify(io.BytesIO(content[:length]))
    # The ten bytes in front say when and where gzip was run.
    place = random.Random(1)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[place.randrange(10, len(content))] ^= 1 << place.randrange(8)
        with pytest.raises(UnusableExport):
            verify(io.BytesIO(damaged))
    for more in (b"x", gzip.compress(b'{"row":"secrets","values":"{}"}\n')):
        with pytest.raises(UnusableExport):
            verify(io.BytesIO(content + more))


async def test_files_that_were_altered_and_packed_again_are_refused(content: bytes) -> None:
    first, *middle, last = lines(content)
    for altered in (
        [first, *middle[1:], last],
        [first, *middle[::-1], last],
        [first, *middle, middle[-1], last],
        [first, *(line.replace(b"track", b"tr4ck", 1) for line in middle), last],
        [first, *middle],
        [first, last, *middle, last],
        [first],
        [last],
        [],
    ):
        with pytest.raises(UnusableExport):
            verify(io.BytesIO(gzip.compress(b"".join(altered))))
    assert verify(io.BytesIO(gzip.compress(b"".join([first, *middle, last])))) == header_of(content)


@pytest.mark.parametrize(
    "content",
    [b"", b"ID3\x03 a song", gzip.compress(b"a text\n" * 3), gzip.compress(b"[1]\n"), gzip.compress(bytes(3 << 20))],
    ids=["empty", "song", "text", "list", "zeros"],
)
def test_other_files_are_refused_by_what_they_are_not(content: bytes) -> None:
    with pytest.raises(UnusableExport, match="no whole export of Starling"):
        verify(io.BytesIO(content))


async def test_what_a_newer_release_wrote_is_refused_by_name(content: bytes) -> None:
    def newer_event(header: dict[str, Any]) -> None:
        header["events"]["track.analyzed"]["version"] = 99

    for change, reason in (
        (lambda header: header.update(version=3, starling="9.1"), "in format 3, written by Starling 9.1; .* up to 2"),
        (newer_event, "holds track.analyzed in version 99, .* up to version 1. Update Starling"),
    ):
        with pytest.raises(UnusableExport, match=reason):
            verify(io.BytesIO(with_header(content, change)))


async def test_tables_that_this_release_does_not_have_are_refused_by_name(content: bytes, move: Move) -> None:
    async with move() as new:
        for name, columns, reason in (
            ("coordinator_moods", ["mood"], "a table coordinator_moods"),
            ("secrets", ["secret_id", "salt"], "columns of secrets: salt"),
            ("event_log", ["position"], "a table event_log"),
        ):
            first, *_ = lines(content)
            header = json.loads(first)
            header |= {"tables": {name: {"columns": columns, "rows": 0}}, "version": 1}
            parsed = parse_header(json.dumps(header).encode())
            with pytest.raises(UnusableExport, match=reason):
                await restore(new.settings, parsed, io.BytesIO(content))
        assert await archived(new.connection) == 0


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes: what a full disk is to a writer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_an_export_is_there_whole_or_not_at_all(home: House, content: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    target = folder / "library.starling"
    target.write_bytes(b"the last one")
    for size in (0, 100, len(content) // 2):
        with (
            room_for(size),
            pytest.raises(FileTrouble, match="cannot write the export to"),
            written(str(target)) as file,
        ):
            await export(home.settings, file)
        assert target.read_bytes() == b"the last one"
        assert list(folder.iterdir()) == [target]
    with written(str(target)) as file:
        await export(home.settings, file)
    assert header_of(target.read_bytes()).events == header_of(content).events
    assert target.stat().st_mode & 0o777 == 0o600


_WRITING = """
import sys
from services.cli.backup.files import written
with written(sys.argv[1]) as draft:
    draft.write(b"half of it")
    print("begun", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def being_written(target: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An export in the middle of its work."""
    command = [sys.executable, "-c", _WRITING, str(target)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_what_a_killed_export_left_goes_with_the_next_one_and_what_another_writes_stays(tmp_path: Path) -> None:
    target, others = tmp_path / "library.starling", [tmp_path / ".library.starling.part", tmp_path / ".x.abcdefgh.part"]
    for other in others:
        other.write_text("of somebody else")
    with being_written(target):
        assert len(list(tmp_path.iterdir())) == 3
    assert len(list(tmp_path.iterdir())) == 3, "a killed export leaves its draft"
    with being_written(target) as slow:
        with written(str(target)) as file:
            file.write(b"whole")
        assert target.read_bytes() == b"whole"
        (draft,) = set(tmp_path.iterdir()) - {target, *others}
        assert draft.read_bytes() == b""
        slow.communicate(b"\n", timeout=20)
        assert slow.returncode == 0
    assert target.read_bytes() == b"half of it"
    assert set(tmp_path.iterdir()) == {target, *others}


def test_places_that_cannot_hold_a_file_are_refused(tmp_path: Path) -> None:
    for name in (str(tmp_path), "/dev/null"):
        with pytest.raises(InvalidInput, match="no ordinary file"), written(name):
            pass
    with pytest.raises(FileTrouble, match="cannot write the export to"), written(str(tmp_path / "none" / "x")):
        pass
    for name in (str(tmp_path), str(tmp_path / "none")):
        with pytest.raises(FileTrouble, match="cannot read"), readable(name):
            pass
