"""Hard cuts are all found, and nothing else is taken for one."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.clips import ClipMaker
from tests.media.pictures.local_work import Studio
from vidcompute.media.decode import VideoReader
from vidcompute.media.facts import SourceFacts, from_json
from vidcompute.media.scenes import Luma, Planes, Small, cuts, reduced

_SIZE = "size=320x180:rate=25"
_NORMAL = "format=yuv420p,setsar=1"
_MANDELBROT = "mandelbrot=size=640x360:rate=25:start_scale=2,select='eq(n,0)',loop=loop=-1:size=1"

# With colours and points of its own: a seed alone does not make it the same picture each time.
_GRADIENT = "gradients=size=320x180:rate=25:speed=0.05:nb_colors=2:c0=0x103060:c1=0xf0c030:x0=10:y0=10:x1=300:y1=170"

# Each part: its source, and the frames in it (from its own 0) where cuts lie inside.
_PARTS: list[tuple[str, int]] = [
    (f"testsrc2={_SIZE}", 50),
    ("smptehdbars=size=320x180:rate=25", 40),
    (f"{_MANDELBROT},scroll=h=0.03:v=0.01,crop=320:180", 60),  # a fast pan
    (f"{_GRADIENT},drawbox=c=white:t=fill:enable='between(mod(n,23),10,11)'", 60),
    ("rgbtestsrc=size=320x180:rate=25,fade=in:0:15,fade=out:25:15", 40),  # a fade from and to black
    (f"testsrc2={_SIZE},negate,hue=h='4*n'", 40),
    ("cellauto=rule=110:random_seed=7:size=320x180:rate=25", 40),
    (f"testsrc2={_SIZE},zoompan=z='1+0.03*on':d=1:s=320x180:fps=25", 40),  # a fast zoom
    (f"smptebars={_SIZE},drawbox=c=white@0.6:t=fill:enable='eq(n,20)'", 40),  # a flash that lets the picture through
]


_YUV = "format=yuv420p"
_GREY_PAN = f"{_MANDELBROT},scroll=h=0.004:v=0.002,crop=320:180,format=gray,{_YUV}"
# Each part: its source, the frames in it, and the frames (from its own 0) where nothing but colours is cut.
_COLOURED: list[tuple[str, int, list[int]]] = [
    (f"nullsrc={_SIZE},{_YUV},geq=lum=120:cb=90:cr=160", 30, []),
    (f"nullsrc={_SIZE},{_YUV},geq=lum=120:cb=160:cr=90", 30, []),
    (f"testsrc2={_SIZE},{_YUV},hue=h='if(gte(n,30),120,0)'", 60, [30]),
    (f"{_GREY_PAN},geq=lum='lum(X,Y)':cb='if(gte(N,25),148,116)':cr='if(gte(N,25),118,140)'", 50, [25]),
    (f"testsrc2={_SIZE},{_YUV},hue=h='if(between(n,20,21),120,0)'", 50, []),  # a flash of other colours
    (f"testsrc2={_SIZE},{_YUV},negate,hue=h='6*n'", 40, []),
    (f"testsrc2={_SIZE},{_YUV},hue=h='clip((n-20)*12,0,120)'", 50, []),  # one shot turns into other colours
    (f"smptebars={_SIZE},{_YUV},hue=s='clip((n-15)/8,0,1)'", 40, []),  # one without colours gets them
    (f"{_GREY_PAN},drawbox=x='400*t-160':w=100:h=180:c=red:t=fill", 50, []),  # somebody in red passes by
]


def _cut_times(path: Path, studio: Studio) -> list[int]:
    facts: SourceFacts = from_json(studio.work(path).facts_json)
    assert facts.video is not None
    with VideoReader(path, facts, light=True) as reader:
        pictures = reader.decode(reader.index().runs(reader.index().shown))
        rate = facts.video.frame_rate
        return [
            round((pts - facts.video.start_pts) * facts.video.time_base * rate) for pts in cuts(reduced(pictures), rate)
        ]


def _concatenated(parts: list[tuple[str, int]]) -> list[str]:
    chains = [
        f"{source},trim=end_frame={frames},settb=1/25,setpts=N,{_NORMAL}[p{n}]"
        for n, (source, frames) in enumerate(parts)
    ]
    names = "".join(f"[p{n}]" for n in range(len(parts)))
    graph = ";".join([*chains, f"{names}concat=n={len(parts)}"])
    return ["-filter_complex", graph, "-c:v", "libx264", "-preset", "veryfast", "-g", "250", "-r", "25"]


def test_all_cuts_are_found_and_no_flash_pan_zoom_or_fade_is_one(clip: ClipMaker, studio: Studio) -> None:
    source = clip("scenes", _concatenated(_PARTS))
    expected = [sum(frames for _, frames in _PARTS[:n]) for n in range(1, len(_PARTS))]
    assert _cut_times(source, studio) == expected


def test_cuts_between_pictures_that_differ_in_colour_alone_are_found(clip: ClipMaker, studio: Studio) -> None:
    source = clip("coloured-scenes", _concatenated([(part, frames) for part, frames, _ in _COLOURED]))
    starts = [sum(frames for _, frames, _ in _COLOURED[:n]) for n in range(len(_COLOURED))]
    inner = [start + at for start, (_, _, cut_at) in zip(starts, _COLOURED, strict=True) for at in cut_at]
    assert _cut_times(source, studio) == sorted([*starts[1:], *inner])


@pytest.mark.parametrize("fade", ["in:20:10", "out:20:10", "in:20:25:color=white"])
def test_a_fade_amid_a_shot_is_no_cut(clip: ClipMaker, studio: Studio, fade: str) -> None:
    source = clip(f"fade-{fade.replace(':', '-')}", _concatenated([(f"{_MANDELBROT},crop=320:180,fade={fade}", 60)]))
    assert _cut_times(source, studio) == []


def test_a_dissolve_is_no_cut(clip: ClipMaker, studio: Studio) -> None:
    still = f"{_MANDELBROT},crop=320:180,trim=duration=2,settb=1/25,setpts=N,{_NORMAL}[b]"
    graph = f"testsrc2={_SIZE}:duration=2,settb=1/25,{_NORMAL}[a];{still}"
    source = clip("dissolve", ["-filter_complex", f"{graph};[a][b]xfade=duration=0.6:offset=1", "-r", "25"])
    assert _cut_times(source, studio) == []


def test_ffmpegs_own_measure_agrees_that_there_is_a_cut(clip: ClipMaker, studio: Studio) -> None:
    source = clip("two-scenes", _concatenated([_PARTS[0], _PARTS[2]]))
    frames = studio.frames(source, 64, 36)
    steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert _cut_times(source, studio) == [int(steps.argmax()) + 1]


def _shot(random: np.random.Generator) -> Luma:
    """A picture of large areas with a little grain."""
    areas = np.kron(random.permutation(np.linspace(20, 235, 12)).reshape(3, 4), np.ones((12, 16)))
    return (areas + random.integers(-10, 10, (36, 64))).astype(np.int16)


def test_quick_shots_count_and_torn_pictures_do_not() -> None:
    random = np.random.default_rng(1)
    shots = [_shot(random) for _ in range(4)]
    frames = [shots[0]] * 30 + [shots[1]] * 6 + [shots[2]] * 30 + [shots[3]] * 2 + [shots[1]] * 30
    found = list(cuts((Small(n, luma) for n, luma in enumerate(frames)), Fraction(25)))
    assert found == [30, 36, 68]  # the two pictures from 66 on are a flash on top of the cut behind them


def _pan(count: int) -> list[Luma]:
    """A view that moves over waves of 150 to 180, two pixels a picture."""
    rows, columns = np.mgrid[0:36, 0:200]
    world = 165 + 9 * np.sin(columns / 6) + 6 * np.cos(rows / 5 + columns / 17)
    return [world[:, 2 * at : 2 * at + 64].astype(np.int16) for at in range(count)]


def _plain(tone: int) -> Luma:
    return np.full((36, 64), tone, dtype=np.int16)


@pytest.mark.parametrize("tone", [158, 172])
def test_a_cut_to_a_plain_picture_of_the_same_tones_is_one(tone: int) -> None:
    pictures = [Small(number, luma) for number, luma in enumerate(_pan(20) + [_plain(tone)] * 20)]
    assert list(cuts(pictures, Fraction(25))) == [20]


def test_a_flash_over_a_plain_picture_is_none() -> None:
    lumas = [_plain(150 + at // 4) for at in range(30)]
    lumas[15] = _plain(190)
    assert list(cuts([Small(number, luma) for number, luma in enumerate(lumas)], Fraction(25))) == []


def _tinted(blue: int, red: int) -> Planes:
    return np.stack([np.full((36, 64), blue), np.full((36, 64), red)]).astype(np.int16)


@pytest.mark.parametrize("luma", [_plain(120), _shot(np.random.default_rng(3))], ids=["plain", "textured"])
def test_colours_alone_may_be_cut(luma: Luma) -> None:
    colours = [_tinted(116, 140)] * 20 + [_tinted(148, 118)] * 20
    colours[8] = colours[9] = _tinted(170, 90)  # a flash
    assert list(cuts([Small(n, luma, colour) for n, colour in enumerate(colours)], Fraction(25))) == [20]


def test_what_passes_by_in_another_colour_is_no_cut() -> None:
    colours = []
    for at in range(40):
        colours.append(_tinted(128, 128))
        colours[-1][:, :, max(0, 6 * at - 60) : max(0, 6 * at - 30)] = 190
    pictures = [Small(n, _plain(120), colour) for n, colour in enumerate(colours)]
    assert list(cuts(pictures, Fraction(25))) == []


@pytest.mark.parametrize("steps", [3, 10, 25])
@pytest.mark.parametrize("to_black", [False, True])
def test_neither_end_of_a_fade_is_a_cut(steps: int, to_black: bool) -> None:
    shown = _shot(np.random.default_rng(4))
    shares = [min(1.0, max(0, at - 20) / steps) for at in range(60)]
    lumas = [(16 + (shown - 16) * share).astype(np.int16) for share in (shares[::-1] if to_black else shares)]
    assert list(cuts([Small(n, luma) for n, luma in enumerate(lumas)], Fraction(25))) == []


def test_a_picture_that_is_half_of_each_side_leaves_a_cut_one() -> None:
    random = np.random.default_rng(5)
    before, after = _shot(random), _shot(random)
    lumas = [before] * 20 + [((before + after) // 2).astype(np.int16)] + [after] * 20
    assert list(cuts([Small(n, luma) for n, luma in enumerate(lumas)], Fraction(25))) == [21]


def test_threshold_moves_the_bar() -> None:
    random = np.random.default_rng(2)
    before = _shot(random)
    after = np.where(np.arange(64) < 24, before, _shot(random)).astype(np.int16)
    frames = [Small(n, luma) for n, luma in enumerate([before] * 12 + [after] * 12)]
    assert list(cuts(frames, Fraction(25), 0.2)) == [12]
    assert list(cuts(frames, Fraction(25), 50.0)) == []


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(8, 30), min_size=1, max_size=5), st.integers(0, 2**32))
def test_shots_of_still_pictures(lengths: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    frames: list[Small] = []
    for length in lengths:
        shot = _shot(random)
        frames += [Small(len(frames) + n, shot) for n in range(length)]
    starts = [sum(lengths[:n]) for n in range(1, len(lengths))]
    assert list(cuts(frames, Fraction(25))) == starts


@pytest.mark.parametrize("count", [0, 1, 2])
def test_next_to_nothing(count: int) -> None:
    assert list(cuts((Small(n, np.zeros((36, 64), np.int16)) for n in range(count)), Fraction(25))) == []
