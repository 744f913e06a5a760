"""Integrated loudness in LUFS, ITU-R BS.1770-4 (10/2015), annex 1.

Measured on the channels as they were decoded, before downmix and resampling. The downmix will not do: a mean of the
channels reads 3 LU low for equal channels, 6 LU for unrelated ones and everything for opposite ones. Nor will 16 kHz:
what lies above 8 kHz weighs most (+4 dB). Filtering both channels at 44.1 kHz costs less than resampling a second one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from services.analyzer.decode import Block

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]

ABSOLUTE_GATE_LUFS: Final = -70.0
_RELATIVE_GATE_LU: Final = -10.0
_OFFSET_LU: Final = -0.691
STEP_S: Final = 0.1
"""Gating blocks are 0.4 s long and start every 0.1 s."""
_STEPS: Final = 4
_SURROUND: Final = 1.41
_WEIGHTS: Final[dict[int, tuple[float, ...]]] = {
    4: (1, 1, _SURROUND, _SURROUND),
    5: (1, 1, 1, _SURROUND, _SURROUND),
    6: (1, 1, 1, 0, _SURROUND, _SURROUND),
    7: (1, 1, 1, 0, 1, _SURROUND, _SURROUND),
    8: (1, 1, 1, 0, 1, 1, _SURROUND, _SURROUND),
}
"""By number of channels, in the order of WAVE and ffmpeg: the low-frequency channel counts nothing."""


def channel_weights(channels: int) -> DoubleArray:
    """The weight of each channel's power [channels]."""
    return np.array(_WEIGHTS.get(channels, (1.0,) * channels), np.float64)


def k_weighting(rate: int) -> tuple[DoubleArray, DoubleArray]:
    """Numerators and denominators [2, 3] of the two sections at ``rate`` Hz: high shelf, then high pass.

    The standard prints them for 48 kHz only. These are bilinear transforms of the analogue filters behind that table,
    with the parameters De Man fitted ("Evaluation of implementations of the EBU R128 loudness measurement", 2014).
    """
    shelf_hz, shelf_q, gain = 1681.974450955533, 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    pass_hz, pass_q = 38.13547087602444, 0.5003270373238773
    k = np.tan(np.pi * shelf_hz / rate)
    middle = gain**0.4996667741545416
    scale = 1 + k / shelf_q + k * k
    shelf = [gain + middle * k / shelf_q + k * k, 2 * (k * k - gain), gain - middle * k / shelf_q + k * k]
    shelf_poles = [scale, 2 * (k * k - 1), 1 - k / shelf_q + k * k]
    k = np.tan(np.pi * pass_hz / rate)
    pass_scale = 1 + k / pass_q + k * k
    pass_poles = [pass_scale, 2 * (k * k - 1), 1 - k / pass_q + k * k]
    numerators = np.array([np.array(shelf) / scale, [1.0, -2.0, 1.0]])
    return numerators, np.array([np.array(shelf_poles) / scale, np.array(pass_poles) / pass_scale])


def _state_space(rate: int) -> tuple[DoubleArray, DoubleArray, DoubleArray, float]:
    """Both sections in series as ``s' = A s + B x, y = C s + D x`` with four states."""
    (b1, b2), (a1, a2) = k_weighting(rate)
    first = np.array([[-a1[1], 1], [-a1[2], 0]]), b1[1:] - a1[1:] * b1[0], np.array([1.0, 0]), b1[0]
    second = np.array([[-a2[1], 1], [-a2[2], 0]]), b2[1:] - a2[1:] * b2[0], np.array([1.0, 0]), b2[0]
    a = np.zeros((4, 4))
    a[:2, :2], a[2:, 2:] = first[0], second[0]
    a[2:, :2] = np.outer(second[1], first[2])
    b = np.concatenate([first[1], second[1] * first[3]])
    c = np.concatenate([second[3] * first[2], second[2]])
    basis = _equal_states(a, b)
    inverse = np.linalg.inv(basis)
    return inverse @ a @ basis, inverse @ b, c @ basis, float(second[3] * first[3])


def _equal_states(a: DoubleArray, b: DoubleArray) -> DoubleArray:
    """A basis in which white noise moves all states alike (identity Gramian, summed by doubling).

    Both poles of the high pass lie so close to 1 that single precision would not do in the textbook's basis.
    """
    gramian, power = np.outer(b, b), a
    for _ in range(20):
        gramian = gramian + power @ gramian @ power.T
        power = power @ power
    return np.asarray(np.linalg.cholesky(gramian), np.float64)


class KFilter:
    """The K-weighting of several channels as matrix products: 2 ns a sample instead of 8 for a recursive filter.

    Blocks of 32 samples are filtered from a zero state (a 32 x 32 product); the state at each block's start, which
    depends on all before it, comes from two scans of the same kind: 32 blocks, then 32 groups of blocks.
    """

    CHUNK: Final = 32**3

    def __init__(self, rate: int, channels: int) -> None:
        n = 32
        a, b, c, d = _state_space(rate)
        powers = [np.linalg.matrix_power(a, i) for i in range(n + 1)]
        response = np.array([d, *(c @ powers[i] @ b for i in range(n - 1))])
        lag = np.arange(n)[:, None] - np.arange(n)
        self._direct = _f32(np.where(lag >= 0, response[np.abs(lag)], 0).T)
        self._into_state = _f32(np.array([powers[n - 1 - i] @ b for i in range(n)]))
        self._out_of_state = _f32(np.array([c @ powers[i] for i in range(n)]).T)
        self._scan, carry = _scan(powers[n], n)
        self._carry = np.ascontiguousarray(carry[:, :-4])
        self._group_scan, self._group_carry = _scan(np.linalg.matrix_power(powers[n], n), n)
        self._state = np.zeros((channels, 4), np.float32)

    def __call__(self, samples: FloatArray) -> FloatArray:
        """[channels, 32768] -> the same shape, continuing from the call before."""
        channels = len(samples)
        blocks = np.ascontiguousarray(samples).reshape(-1, 32)
        inputs = blocks @ self._into_state
        starts = inputs.reshape(channels * 32, -1) @ self._scan
        ends = np.ascontiguousarray(starts[:, -4:]).reshape(channels, -1)
        groups = ends @ self._group_scan + self._state @ self._group_carry
        self._state = groups[:, -4:]
        at_group = np.ascontiguousarray(groups[:, :-4]).reshape(-1, 4)
        states = starts[:, :-4] + at_group @ self._carry
        filtered = blocks @ self._direct
        filtered += states.reshape(-1, 4) @ self._out_of_state
        return np.asarray(filtered.reshape(channels, -1), np.float32)


def _f32(values: DoubleArray) -> FloatArray:
    return np.ascontiguousarray(values, np.float32)


def _scan(step: DoubleArray, n: int) -> tuple[FloatArray, FloatArray]:
    """``s[j+1] = step s[j] + u[j]`` for j = 0..n-1, as matrices: (from all u to all n+1 states, from s[0] to them)."""
    powers = [np.linalg.matrix_power(step, i) for i in range(n + 1)]
    size = len(step)
    scan = np.zeros((n * size, (n + 1) * size))
    for j in range(1, n + 1):
        for i in range(j):
            scan[i * size : (i + 1) * size, j * size : (j + 1) * size] = powers[j - 1 - i].T
    return _f32(scan), _f32(np.concatenate([power.T for power in powers], axis=1))


class _Meter:
    """Weighted power of every 0.1 s, for one sampling rate and number of channels."""

    def __init__(self, rate: int, channels: int) -> None:
        self.shape = (rate, channels)
        self._rate = rate
        self._filter = KFilter(rate, channels)
        self._weights = _f32(channel_weights(channels))
        self._rest = np.zeros((channels, 0), np.float32)
        self._done = 0
        self._open = 0.0
        self.powers: list[float] = []

    def push(self, samples: FloatArray) -> None:
        data = np.concatenate([self._rest, samples], axis=1)
        whole = data.shape[1] // KFilter.CHUNK * KFilter.CHUNK
        for start in range(0, whole, KFilter.CHUNK):
            self._measure(data[:, start : start + KFilter.CHUNK], KFilter.CHUNK)
        self._rest = data[:, whole:]

    def finish(self) -> None:
        """The rest; an incomplete last step is left out, as the standard leaves out an incomplete gating block."""
        count = self._rest.shape[1]
        if count:
            self._measure(np.pad(self._rest, ((0, 0), (0, KFilter.CHUNK - count))), count)

    def _measure(self, samples: FloatArray, count: int) -> None:
        filtered = self._filter(samples)[:, :count]
        power = self._weights @ np.square(filtered)
        ends = self._step_ends(count)
        sums = np.add.reduceat(power, [0, *ends[ends < count]], dtype=np.float64)
        if ends.size and ends[-1] == count:
            sums = np.append(sums, 0.0)
        sums[0] += self._open
        self._open = float(sums[-1])
        self.powers.extend((sums[:-1] / (self._rate * STEP_S)).tolist())

    def _step_ends(self, count: int) -> npt.NDArray[np.int64]:
        """Which of the next ``count`` samples begin a new step (``count`` itself: the sample after them)."""
        step = self._rate * STEP_S
        start, end = self._done, self._done + count
        self._done = end
        numbers = np.arange(int(start / step), int(end / step) + 2)
        ends = np.round(numbers * step).astype(np.int64)
        return ends[(ends > start) & (ends <= end)] - start


class Loudness:
    """Integrated loudness of decoded blocks; rate and channels may change between them."""

    def __init__(self) -> None:
        self._meter: _Meter | None = None
        self._powers: list[float] = []

    def push(self, block: Block) -> None:
        shape = (block.rate, len(block.samples))
        if self._meter is None or self._meter.shape != shape:
            self._close()
            self._meter = _Meter(*shape)
        self._meter.push(block.samples)

    def finish(self) -> float | None:
        """LUFS, or None when nothing is above the absolute gate of -70 LUFS.

        Sound shorter than one gating block is measured as a whole.
        """
        self._close()
        steps = np.array(self._powers)
        if len(steps) >= _STEPS:
            powers = np.convolve(steps, np.full(_STEPS, 1 / _STEPS), "valid")
        else:
            powers = steps.mean(keepdims=True) if len(steps) else steps
        powers = _gated(powers, ABSOLUTE_GATE_LUFS)
        if not len(powers):
            return None
        powers = _gated(powers, _lufs(powers.mean()) + _RELATIVE_GATE_LU)
        return _lufs(powers.mean())

    def _close(self) -> None:
        if self._meter is not None:
            self._meter.finish()
            self._powers += self._meter.powers
            self._meter = None


def _lufs(power: float) -> float:
    return float(_OFFSET_LU + 10 * np.log10(power))


def _gated(powers: DoubleArray, gate_lufs: float) -> DoubleArray:
    return powers[powers > 10 ** ((gate_lufs - _OFFSET_LU) / 10)]
