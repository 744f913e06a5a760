"""Checks of this machine: Python, disk, decoders, models. None of them needs anything to run."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import os
import platform
import shutil
import stat
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from services.cli.doctor.finding import Finding, Patient, note, ok, problem
from services.cli.wording import size

_LOW_DISK = 2e9
MODELS = {
    "msd_musicnn.onnx": "fe11366feb63566978ae49ddd83b0c029cf1a4bf69a581a072fd0cc033e343fe",
    "mtt_musicnn.onnx": "3535809188e9526646559a8f6ac89415a50874d9a589b7828f1bbed25bf57da1",
    "standardisation.npy": "07ea3deb932ae60442b8d12c9921260c4c2fbb337ba856b2302a899d46ebb62e",
}
"""SHA-256 of both networks and of the constants behind them; other files would give vectors that cannot be compared
with the ones that are stored."""
FORMATS = ("WAV", "AIFF", "FLAC", "OGG", "MP3")
"""What libsndfile has to read."""
CODECS = ("mp3", "flac", "vorbis", "opus", "aac", "alac", "wmav2", "wmapro", "pcm_s16le", "pcm_s24be")
"""What FFmpeg, through PyAV, has to read."""


async def python(_: Patient) -> Finding:
    """A release that is supported, on a machine of 64 bits."""
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < (3, 11) or sys.maxsize < 1 << 32:
        return problem(found, "Starling needs Python 3.11 or later, 64 bits")
    return ok(found)


async def data_dir(patient: Patient) -> Finding:
    """Ours alone, and writable."""
    return await asyncio.to_thread(look_at_data_dir, patient.settings.data_dir.expanduser())


def look_at_data_dir(path: Path) -> Finding:
    """Mode 0700 and writable; a missing one is made at the first start."""
    if not path.exists():
        return note(f"{path} does not exist yet; 'starling up' makes it")
    if not path.is_dir():
        return problem(f"{path} is not a folder", "set STARLING_DATA_DIR to a folder of Starling's own")
    state = path.stat()
    mode = stat.S_IMODE(state.st_mode)
    if state.st_uid != os.geteuid():
        return problem(f"{path} belongs to another user", "run this as the user that runs Starling")
    if mode != 0o700:
        return problem(f"{path} has mode {mode:04o}: others can look inside", f"chmod 700 {path}")
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"0")
    except OSError as error:
        return problem(f"{path} cannot be written to ({error.strerror})", "free space, or mount it for writing")
    return ok(f"{path}, mode 0700, writable")


async def disk(patient: Patient) -> Finding:
    """Room for the log, the archive and audio in transit."""
    path = patient.settings.data_dir.expanduser().absolute()
    usage = await asyncio.to_thread(_usage, path)
    found = f"{size(usage.free)} free of {size(usage.total)} where {path} is"
    wanted = _LOW_DISK + patient.settings.audio_budget_mb * 1e6
    if usage.free < wanted:
        return problem(found, f"keep {size(wanted)} free, or lower STARLING_AUDIO_BUDGET_MB")
    return ok(found)


def _usage(path: Path) -> Any:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path)


async def decoders(_: Patient) -> Finding:
    """Every format that Starling promises to read."""
    return await asyncio.to_thread(look_at_decoders)


def look_at_decoders() -> Finding:
    """libsndfile's formats and FFmpeg's codecs."""
    try:
        av: Any = importlib.import_module("av")
        soundfile: Any = importlib.import_module("soundfile")
    except (ImportError, OSError) as error:
        return problem(f"a decoder cannot be loaded ({error})", "install Starling again with all its dependencies")
    missing = [name for name in FORMATS if name not in soundfile.available_formats()]
    missing += [name for name in CODECS if name not in av.codecs_available]
    found = f"libsndfile {soundfile.__libsndfile_version__}, PyAV {av.__version__}"
    if missing:
        return problem(f"{found} cannot read {', '.join(missing)}", "install the wheels of soundfile and av from PyPI")
    return ok(f"{found} read {', '.join(FORMATS)} and {', '.join(CODECS)}")


async def models(_: Patient) -> Finding:
    """The networks' files are there, and are the ones that were released."""
    return await asyncio.to_thread(look_at_models)


def look_at_models() -> Finding:
    """Compare each file with its SHA-256."""
    folder = resources.files("services.analyzer") / "models"
    for name, wanted in MODELS.items():
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            return problem(f"{name} cannot be read ({error.strerror})", "install Starling again")
        if hashlib.sha256(content).hexdigest() != wanted:
            return problem(f"{name} is not the file that was released", "install Starling again")
    return ok(f"{', '.join(MODELS)} are as released")
