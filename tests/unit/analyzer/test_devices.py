"""The networks elsewhere than in numpy: the same outputs in batches of any size, or a refusal that says why."""

from __future__ import annotations

import io
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from services.analyzer import devices, pool, wire
from services.analyzer.child import serve
from services.analyzer.devices import Device
from services.analyzer.embedding import FILES, MODELS, DeviceFailed, with_numpy
from services.analyzer.environment import child_environment
from services.analyzer.onnx_sessions import CPU, Sessions
from tests.unit.analyzer import golden, sounds
from tests.unit.analyzer.sounds import FloatArray
from tests.unit.analyzer.test_musicnn import windows_of

PATHS = [MODELS / name for name in FILES]


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    """Two patches in a call, on the CPU, which is there everywhere."""
    return Sessions(PATHS, CPU, batch=2)


@pytest.fixture(scope="module")
def patches() -> FloatArray:
    return windows_of(golden.sound(), 100_000)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_any_number_of_patches_gives_the_golden_outputs_in_batches(
    count: int, sessions: Sessions, patches: FloatArray
) -> None:
    expected = np.load(golden.FIXTURE)
    embeddings, tags = sessions(iter(patches[:count]))
    assert (embeddings.shape, tags.shape) == ((count, 400), (count, 100))
    assert np.abs(embeddings - expected["embeddings"][:count]).max(initial=0) < 1e-4
    assert np.abs(tags - expected["tags"][:count]).max(initial=0) < 1e-4


def test_outputs_are_numpys(sessions: Sessions, patches: FloatArray) -> None:
    for found, wanted in zip(sessions(patches), with_numpy(patches), strict=True):
        assert np.abs(found - wanted).max() < 1e-4


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_processor_that_is_not_there_is_not_replaced_by_the_cpu() -> None:
    with pytest.raises(DeviceFailed, match="fallback to CPU EP has been explicitly disabled"):
        Sessions(PATHS, devices.CUDA)


def test_what_onnxruntime_does_not_do_is_said_in_one_line(sessions: Sessions) -> None:
    with pytest.raises(DeviceFailed, match=r"cut\.onnx") as caught:
        Sessions([Path("/nonexistent/cut.onnx")], CPU)
    assert "\n" not in str(caught.value)


def test_results_that_agree_with_numpy_pass(sessions: Sessions) -> None:
    devices.compare(sessions)


@pytest.mark.parametrize(("error", "said"), [(0.002, "0.002"), (float("nan"), "nan")])
def test_results_that_are_not_numpys_are_refused(error: float, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = (np.zeros((8, 400), np.float32), np.zeros((8, 100), np.float32))
    monkeypatch.setattr(devices, "with_numpy", lambda _: outputs)

    def wrong(_: Iterable[FloatArray]) -> tuple[FloatArray, FloatArray]:
        return outputs[0], outputs[1] + np.float32(error)

    with pytest.raises(devices.Unusable, match=rf"differ from the CPU's by {said}.* more than 0\.001"):
        devices.compare(wrong)


def test_a_cpu_does_not_import_onnxruntime() -> None:
    code = "import sys, services.analyzer.devices as d; d.evaluator('cpu'); print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_child_whose_gpu_fails_says_so_and_works_no_more(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", sounds.music(1).T, sounds.RATE)
    request = {"path": os.fspath(tmp_path / "song.wav"), "profile": "fast", "suffix": "wav"}
    ours, theirs = socket.socketpair()

    def failing(_: Iterable[FloatArray]) -> tuple[FloatArray, FloatArray]:
        raise DeviceFailed("CUDA error 719")

    with ours, theirs:
        serve(theirs, io.BytesIO(wire.encode(request) * 2), failing)
        theirs.shutdown(socket.SHUT_WR)
        with ours.makefile("rb") as answers:
            told: list[Any] = [wire.read_blocking(answers), wire.read_blocking(answers)]
    assert told == [{"device": "CUDA error 719"}, None]


def test_a_child_works_on_the_gpu_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert child_environment()["CUDA_VISIBLE_DEVICES"] == "1"


@pytest.mark.parametrize(("device", "ceiling"), [("cpu", (700 + 2048) << 20), ("cuda", resource.RLIM_INFINITY)])
def test_with_a_gpu_there_is_no_ceiling_on_address_space(device: str, ceiling: int) -> None:
    code = (
        "import resource\nfrom services.analyzer.child import give_up_means\n"
        f"give_up_means(700, {device!r})\nprint(resource.getrlimit(resource.RLIMIT_AS)[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == ceiling


@pytest.mark.parametrize(("device", "counts"), [("cpu", True), ("cuda", False)])
def test_what_a_gpu_takes_before_there_is_a_track_is_not_counted_for_the_track(device: Device, counts: bool) -> None:
    code = "print('ready', flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    ours, theirs = socket.socketpair()
    with process, ours, theirs:
        assert process.stdout is not None
        process.stdout.readline()
        child = pool._Child(process, ours)
        child._settle(device)
        assert (child.memory_mb() > 1) is counts
        process.kill()
