"""HDR and wide-gamut pictures as SDR pictures for the web: a 3D look-up table, applied by FFmpeg's haldclut filter."""

from fractions import Fraction
from typing import Any

import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

Array = np.ndarray[Any, np.dtype[np.float64]]

_LEVEL = 6  # a HALD picture of level n holds a cube of n * n points a side: 36, as close as 8 bits can show
_PEAK_NITS = 1000.0  # HLG's nominal peak (BT.2100), and what most PQ masters are graded to; beyond it is white
_WHITE_NITS = 203.0  # reference white of HDR pictures, ITU-R BT.2408
_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593])  # ITU-R BT.2020
_FROM_2020 = np.array(  # linear BT.2020 to linear BT.709 primaries, ITU-R BT.2087
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]]
)

PQ = "smpte2084"
HLG = "arib-std-b67"
TIME_BASE = Fraction(1, 1000)


def needs_mapping(transfer: str, primaries: str) -> bool:
    """Whether a picture with this transfer and these primaries (FFmpeg's names) looks wrong when taken as sRGB."""
    return transfer in {PQ, HLG} or primaries == "bt2020"


def pq_to_nits(signal: Array) -> Array:
    """SMPTE ST 2084's EOTF: signal 0 to 1, light in cd/m2 (0 to 10,000)."""
    root = np.clip(signal, 0, 1) ** (32 / 2523)
    linear: Array = (np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)) ** (16384 / 2610)
    return linear * 10_000


def nits_to_pq(nits: Array) -> Array:
    """The inverse of `pq_to_nits`."""
    power = np.clip(nits / 10_000, 0, 1) ** (2610 / 16384)
    signal: Array = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    return signal


def hlg_to_nits(signal: Array) -> Array:
    """ITU-R BT.2100's HLG EOTF for a display of 1,000 cd/m2 (system gamma 1.2): rows of signal to rows of light."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal * signal / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance = np.maximum(scene @ _LUMA_2020, 1e-9)[..., np.newaxis]
    light: Array = _PEAK_NITS * scene * luminance**0.2
    return light


def roll_off(nits: Array) -> Array:
    """ITU-R BT.2390's EETF (5.4.1): as it is up to a knee, then a spline that brings 1,000 cd/m2 to reference white."""
    scale = nits_to_pq(np.array(_PEAK_NITS))
    signal = np.clip(nits_to_pq(nits) / scale, 0, 1)
    highest = nits_to_pq(np.array(_WHITE_NITS)) / scale
    knee = 1.5 * highest - 0.5
    t = (signal - knee) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * highest
    return pq_to_nits(np.where(signal < knee, signal, spline) * scale)


def to_srgb(signal: Array, transfer: str) -> Array:
    """Rows of BT.2020 R'G'B' (0 to 1) with this transfer as rows of sRGB (0 to 1); hue is kept, highlights roll off."""
    if transfer in {PQ, HLG}:
        nits = pq_to_nits(signal) if transfer == PQ else hlg_to_nits(signal)
        brightest = nits.max(axis=-1, keepdims=True)
        light = nits * roll_off(brightest) / np.maximum(brightest, 1e-6) / _WHITE_NITS
    else:
        light = np.clip(signal, 0, 1) ** 2.4  # ITU-R BT.1886
    light = np.clip(light @ _FROM_2020.T, 0, 1)
    if transfer not in {PQ, HLG}:
        return np.asarray(light ** (1 / 2.4))  # back through the same display curve: only the primaries change
    srgb: Array = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    return srgb


class ToneMapper:
    """Maps pictures of one size: `rgb48le` of BT.2020 in, `rgb48le` of sRGB out."""

    def __init__(self, width: int, height: int, transfer: str) -> None:
        points = np.linspace(0, 1, _LEVEL * _LEVEL)
        blue, green, red = np.meshgrid(points, points, points, indexing="ij")
        cube = to_srgb(np.stack([red, green, blue], axis=-1).reshape(-1, 3), transfer)
        side = _LEVEL**3
        table = VideoFrame.from_ndarray(
            np.round(cube * 65535).astype(np.uint16).reshape(side, side, 3), format="rgb48le"
        )
        table.pts, table.time_base = 0, TIME_BASE
        graph = Graph()
        self._input = graph.add_buffer(width=width, height=height, format=table.format, time_base=TIME_BASE)
        tables = graph.add_buffer(width=side, height=side, format=table.format, time_base=TIME_BASE)
        clut = graph.add("haldclut", "interp=tetrahedral")
        self._output: FilterContext = graph.add("buffersink")
        self._input.link_to(clut, 0, 0)
        tables.link_to(clut, 0, 1)
        clut.link_to(self._output)
        graph.configure(auto_buffer=False)
        tables.push(table)
        tables.push(None)
        self._graph = graph
        self._count = 0

    def map(self, frame: VideoFrame) -> VideoFrame:
        """The same picture as SDR."""
        frame.pts, frame.time_base = self._count, TIME_BASE
        self._count += 1
        self._input.push(frame)
        mapped = self._output.pull()
        assert isinstance(mapped, VideoFrame)
        return mapped
