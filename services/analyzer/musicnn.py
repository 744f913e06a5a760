"""The two MusiCNN networks, evaluated with matrix products: the same figures as their ONNX graphs to 1e-5.

Why not onnxruntime: nearly all the work is the first layer, whose kernels are 7 frames x 38 or 67 mel bands on a single
input channel, followed by a maximum over the mel axis. Three facts make that much cheaper than a general convolution:

1. Along the mel axis a circular convolution of length 96 has no wrap-around in the wanted places, so it is a product
   per frequency bin of a 96-point Fourier transform. Only the 7 frames are left to sum: 2 x 7 products a bin.
2. Back on the mel axis, places at +n and -n around the middle share their cosine part c and differ in the sign of
   their sine part s, and the larger of c + s and c - s is c + |s|: half the inverse transform is enough.
3. Everything is a matrix product that fits the cache, so BLAS runs near the peak of one core.

Measured on one core of a 2.3 GHz Sapphire Rapids: 30 ms a patch for both networks, onnxruntime 1.32 takes 50 ms (best
of all optimisation levels and batch sizes). A child needs 60 MB less and starts 0.3 s sooner.

Network: Pons & Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging" (2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from services.analyzer.onnx_weights import read_weights

FloatArray = npt.NDArray[np.float32]
Weights = dict[str, FloatArray]

FRAMES: Final = 187
"""Frames of one patch: 2.99 s at a hop of 256 samples and 16 kHz."""
MELS: Final = 96
_BINS: Final = MELS // 2 + 1
_REACH: Final = 7
"""Frames under a kernel of the first layer and of the middle layers."""
_CHUNK: Final = 32
"""Frames worked on at a time, so that spectra (49 bins x 408 channels) stay in a 2 MB cache; 16 to 96 are as good."""
_MOST_ROWS: Final = 32
_PADDED: Final = -(-FRAMES // _CHUNK) * _CHUNK


def _input_scale(weights: Weights) -> tuple[float, float]:
    """The batch norm on the input as (factor, offset)."""
    return float(weights["x.s"].item()), float(weights["x.b"].item())


def _constant_part(kernels: npt.NDArray[np.float64], offset: float, bias: FloatArray) -> FloatArray:
    """What the input's offset and the bias add, per channel and frame [C, 187]; frames outside the patch are zero.

    ``kernels``: [C, taps], already summed over the mel axis.
    """
    taps = kernels.shape[1]
    inside = np.zeros(FRAMES + taps - 1)
    inside[(taps - 1) // 2 :][:FRAMES] = offset
    return np.asarray(kernels @ sliding_window_view(inside, FRAMES) + bias[:, None], np.float32)


class _Buffers:
    """Room for intermediate results of the wide kernels, shared by all of them so that it stays in the cache."""

    def __init__(self, channels: int) -> None:
        self.spectrum = np.empty((_BINS, channels, _CHUNK), np.float32)
        self.even = np.empty((_MOST_ROWS, channels * _CHUNK), np.float32)
        self.odd = np.empty_like(self.even)


class _WideKernels:
    """One size of one network's first-layer kernels that span several mel bands: [C, 7, width]."""

    def __init__(self, net: Weights, name: str, buffers: _Buffers) -> None:
        scale, offset = _input_scale(net)
        kernels = net[f"{name}.w"][:, 0].astype(np.float64)
        self._constant = _constant_part(kernels.sum(2), offset, net[f"{name}.c"])
        self._channels, _, width = kernels.shape
        places = MELS - width + 1
        self._real, self._imag = _spectra(kernels * scale, (places - 1) / 2)
        self._cosine, self._sine = _half_inverse(places)
        self._rows = (places + 1) // 2
        self._buffers = buffers

    def __call__(self, columns: FloatArray) -> FloatArray:
        """``columns`` [49, 14, 192] -> maximum over the mel axis [C, 187], before the ReLU."""
        out = np.empty((self._channels, _PADDED), np.float32)
        spectrum, even, odd = self._buffers.spectrum, self._buffers.even, self._buffers.odd
        flat = spectrum.reshape(_BINS, -1)
        even, odd = even[: len(self._cosine)], odd[: len(self._sine)]
        for start in range(0, _PADDED, _CHUNK):
            part = columns[:, :, start : start + _CHUNK]
            np.matmul(self._real, part, out=spectrum)
            np.matmul(self._cosine, flat, out=even)
            np.matmul(self._imag, part, out=spectrum)
            np.matmul(self._sine, flat, out=odd)
            np.abs(odd, out=odd)
            np.add(even, odd, out=even)
            out[:, start : start + _CHUNK] = even[: self._rows].max(axis=0).reshape(-1, _CHUNK)
        return out[:, :FRAMES] + self._constant


def _clean(values: npt.NDArray[np.float64]) -> FloatArray:
    """As float32, with the rounding errors around zero removed: their products are denormal numbers, and those made
    the inverse transform two and a half times slower."""
    return np.ascontiguousarray(np.where(np.abs(values) < 1e-12, 0, values), np.float32)


def _spectra(kernels: npt.NDArray[np.float64], middle: float) -> tuple[FloatArray, FloatArray]:
    """Kernels [C, 7, width] as factors per bin, [49, C, 14] each for the real and the imaginary part of the product.

    The 14 columns meet the input's 7 real parts, then its 7 imaginary parts. Place ``middle`` becomes place 0.
    """
    width = kernels.shape[2]
    bins = np.arange(_BINS)
    wave = np.exp(-2j * np.pi * np.outer(np.arange(width), bins) / MELS)
    weight = np.where((bins == 0) | (bins == _BINS - 1), 1, 2) / MELS
    factor = np.conj(np.einsum("ctj,jk->kct", kernels, wave))
    factor *= (weight * np.exp(2j * np.pi * bins * middle / MELS))[:, None, None]
    real = np.concatenate([factor.real, -factor.imag], axis=2)
    imag = np.concatenate([factor.imag, factor.real], axis=2)
    return _clean(real), _clean(imag)


def _half_inverse(places: int) -> tuple[FloatArray, FloatArray]:
    """Cosine and sine rows [rows, 49] for the places from the middle outwards, filled up with zeros to a multiple of
    16 rows, which BLAS multiplies a fifth faster."""
    rows = (places + 1) // 2
    outward = np.arange(rows) + (0 if places % 2 else 0.5)
    angle = 2 * np.pi * np.outer(outward, np.arange(_BINS)) / MELS
    fill = ((0, -rows % 16), (0, 0))
    return _clean(np.pad(np.cos(angle), fill)), _clean(np.pad(np.sin(angle), fill))


class _LongKernels:
    """First-layer kernels of one mel band and 128, 64 or 32 frames, of all networks."""

    def __init__(self, nets: Sequence[Weights], names: Sequence[str]) -> None:
        self._kernels: list[FloatArray] = []
        self._constants: list[FloatArray] = []
        for name in names:
            kernels, constants = [], []
            for net in nets:
                scale, offset = _input_scale(net)
                kernel = net[f"{name}.w"][:, 0, :, 0].astype(np.float64)
                kernels.append(kernel * scale)
                constants.append(_constant_part(kernel, offset, net[f"{name}.c"]))
            self._kernels.append(np.concatenate(kernels).astype(np.float32))
            self._constants.append(np.concatenate(constants))
        self._longest = max(kernel.shape[1] for kernel in self._kernels)
        # Columns up to a multiple of 16 stay empty: BLAS multiplies 192 columns faster than 187.
        self._columns = np.zeros((self._longest, _PADDED), np.float32)
        self._product = np.empty((len(self._kernels[0]), _PADDED), np.float32)

    def __call__(self, mel: FloatArray) -> list[FloatArray]:
        """``mel`` [187, 96] -> per kernel length, the maximum over the mel axis [C, 187], before the ReLU."""
        before = (self._longest - 1) // 2
        padded = np.zeros((MELS, FRAMES + self._longest - 1), np.float32)
        padded[:, before : before + FRAMES] = mel.T
        best = [np.full_like(self._product, -np.inf) for _ in self._kernels]
        for windows in sliding_window_view(padded, FRAMES, axis=1):
            self._columns[:, :FRAMES] = windows
            for kernel, top in zip(self._kernels, best, strict=True):
                taps = kernel.shape[1]
                first = before - (taps - 1) // 2
                np.matmul(kernel, self._columns[first : first + taps], out=self._product)
                np.maximum(top, self._product, out=top)
        return [top[:, :FRAMES] + constant for top, constant in zip(best, self._constants, strict=True)]


class _Back:
    """Everything after the first layer, of one network."""

    def __init__(self, net: Weights) -> None:
        self._net = net
        self._middle = [self._taps_first(net[f"mid{i}.w"]) for i in range(3)]

    @staticmethod
    def _taps_first(kernel: FloatArray) -> FloatArray:
        """[64, C, 7] -> [7 * 64, C]: one product gives all seven taps."""
        return np.ascontiguousarray(kernel.transpose(2, 0, 1)).reshape(-1, kernel.shape[1])

    def __call__(self, front: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """First-layer maxima of this network, [C, 187] each -> (embedding [200], tags [50])."""
        current = np.concatenate([self._first(f"front{i}", part) for i, part in enumerate(front)])
        features = [current]
        for i in range(3):
            convolved = self._rectify(f"mid{i}", self._convolve(i, current))
            current = convolved if i == 0 else convolved + current
            features.append(current)
        whole = np.concatenate(features)
        pooled = np.stack([whole.max(axis=1), whole.mean(axis=1)], axis=1).ravel()
        return self._head(pooled)

    def _first(self, layer: str, maxima: FloatArray) -> FloatArray:
        """ReLU and batch norm. Kernels whose batch norm is negative are stored negated: ``g`` turns them back."""
        return self._rectify(layer, maxima * self._net[f"{layer}.g"][0])

    def _rectify(self, layer: str, values: FloatArray) -> FloatArray:
        rectified = np.maximum(values, 0)
        rectified *= self._net[f"{layer}_bn.s"][0]
        rectified += self._net[f"{layer}_bn.b"][0]
        return rectified

    def _convolve(self, i: int, values: FloatArray) -> FloatArray:
        taps = (self._middle[i] @ values).reshape(_REACH, -1, FRAMES)
        out = np.tile(self._net[f"mid{i}.c"][:, None], FRAMES)
        for tap, product in enumerate(taps):
            shift = tap - _REACH // 2
            out[:, max(0, -shift) : FRAMES - max(0, shift)] += product[:, max(0, shift) : FRAMES + min(0, shift)]
        return out

    def _head(self, pooled: FloatArray) -> tuple[FloatArray, FloatArray]:
        net = self._net
        embedding = pooled @ net["dense.w"] + net["dense.b"]
        last = np.maximum(embedding, 0) * net["penultimate.s"][0] + net["penultimate.b"][0]
        logits = last @ net["out.w"] + net["out.b"]
        tags = 1 / (1 + np.exp(-logits))
        return embedding, tags


class Networks:
    """Several MusiCNN networks that look at the same patch. Not safe for two threads at once: buffers are reused."""

    def __init__(self, paths: Sequence[Path]) -> None:
        nets = [read_weights(path) for path in paths]
        band = 2 * np.pi * np.outer(np.arange(MELS), np.arange(_BINS)) / MELS
        self._transform = _clean(np.concatenate([np.cos(band), -np.sin(band)], axis=1))
        buffers = _Buffers(len(nets[0]["front0.w"]))
        self._wide = [[_WideKernels(net, name, buffers) for name in ("front0", "front1")] for net in nets]
        self._long = _LongKernels(nets, ("front2", "front3", "front4"))
        self._backs = [_Back(net) for net in nets]

    def __call__(self, mel: FloatArray) -> tuple[FloatArray, FloatArray]:
        """One patch [187, 96] -> (embeddings of all networks joined [200 each], tag probabilities [50 each])."""
        columns = self._columns(mel)
        long_maxima = [np.split(part, len(self._backs)) for part in self._long(mel)]
        embeddings, tags = [], []
        for i, (wide, back) in enumerate(zip(self._wide, self._backs, strict=True)):
            embedding, probabilities = back([kernels(columns) for kernels in wide] + [part[i] for part in long_maxima])
            embeddings.append(embedding)
            tags.append(probabilities)
        return np.concatenate(embeddings), np.concatenate(tags)

    def _columns(self, mel: FloatArray) -> FloatArray:
        """Spectra along the mel axis, seven neighbouring frames under each other: [49, 14, 192]."""
        spectra = np.zeros((2, _BINS, _PADDED + _REACH - 1), np.float32)
        spectra[:, :, _REACH // 2 : _REACH // 2 + FRAMES] = (mel @ self._transform).T.reshape(2, _BINS, FRAMES)
        windows = sliding_window_view(spectra, _PADDED, axis=2)
        return np.ascontiguousarray(windows.transpose(1, 0, 2, 3)).reshape(_BINS, 2 * _REACH, _PADDED)
