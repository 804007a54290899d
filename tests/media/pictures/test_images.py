"""Pictures of any source: upright, in shape, in the right colours, at the right time."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.fixtures.clips import ClipMaker
from tests.media.pictures.local_work import Studio, nearest
from vidcompute.errors import VidComputeError
from vidcompute.media.colour import PQ, hlg_to_nits, nits_to_pq, pq_to_nits, roll_off, to_srgb
from vidcompute.media.images import Fit, light, shape
from vidcompute.pipeline.stages.poster import Poster
from vidcompute.pipeline.stages.thumbnail import Thumbnail

_SIDES = st.integers(16, 4000)
_QUADRANTS = ["red", "lime", "blue", "white"]  # from the top left, clockwise
_RGB = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255), "black": (0, 0, 0)}


def _quadrants(width: int, height: int, *options: str) -> list[str]:
    half = f"{width // 2}x{height // 2}"
    inputs = [part for colour in _QUADRANTS for part in ("-f", "lavfi", "-i", f"color={colour}:s={half}:r=10:d=1")]
    graph = "[0][1]hstack[t];[3][2]hstack[b];[t][b]vstack"
    return [*inputs, "-filter_complex", graph, *(options or ("-c:v", "libx264", "-pix_fmt", "yuv420p"))]


def _corners(path: Path) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quadrants, from the top left, clockwise."""
    picture = Image.open(path).convert("RGB")
    width, height = picture.size
    places = [(1, 1), (3, 1), (3, 3), (1, 3)]
    return [_pixel(picture, width * x // 4, height * y // 4) for x, y in places]


def _pixel(picture: Image.Image, x: int, y: int) -> tuple[int, ...]:
    return tuple(int(v) for v in np.asarray(picture)[y, x])


def _assert_colours(found: list[tuple[int, ...]], names: list[str], tolerance: int = 6) -> None:
    expected = np.array([_RGB[name] for name in names])
    assert np.abs(np.array(found) - expected).max() <= tolerance, found


@pytest.mark.parametrize(
    ("options", "suffix"),
    [
        (("-c:v", "libx264", "-pix_fmt", "yuv420p"), ".mp4"),
        (("-vf", "scale=out_color_matrix=bt709,setparams=colorspace=bt709", "-c:v", "libx264", "-qp", "4"), ".mp4"),
        (("-c:v", "libx264", "-pix_fmt", "yuvj420p", "-color_range", "pc"), ".mp4"),
        (("-c:v", "libx265", "-x265-params", "log-level=0", "-pix_fmt", "yuv420p10le"), ".mp4"),
        (("-c:v", "libx264", "-pix_fmt", "yuv444p"), ".mp4"),
        (("-c:v", "ffv1", "-pix_fmt", "bgr0"), ".mkv"),
        (("-c:v", "gif"), ".gif"),
    ],
    ids=["plain", "bt709", "full-range", "10-bit", "444", "rgb", "palette"],
)
def test_colours_are_right(options: tuple[str, ...], suffix: str, clip: ClipMaker, studio: Studio) -> None:
    arguments = _quadrants(320, 180)[:-4]
    graph = arguments[-1]
    if options[0] == "-vf":
        graph, options = f"{graph},{options[1]},format=yuv420p", options[2:]
    source = clip("quadrants", [*arguments[:-1], graph, *options], suffix=suffix)
    _, work = studio.run(Thumbnail(0.5, format="png"), source)
    _assert_colours(_corners(work.output / "thumbnail.png"), _QUADRANTS)


@pytest.mark.parametrize(("turn", "start"), [(90, 1), (180, 2), (270, 3)])
def test_rotated_sources_stand_upright(turn: int, start: int, clip: ClipMaker, studio: Studio) -> None:
    plain = clip("quadrants-wide", _quadrants(320, 180))
    source = clip(f"turned-{turn}", ["-display_rotation", str(turn), "-i", str(plain), "-c", "copy"])
    facts, work = studio.run(Poster(), source)
    assert (facts["width"], facts["height"]) == ((320, 180) if turn == 180 else (180, 320))
    _assert_colours(_corners(work.output / "poster.jpg"), _QUADRANTS[start:] + _QUADRANTS[:start], 12)


@pytest.mark.parametrize(
    "shown",
    [["-display_hflip"], ["-display_vflip"], ["-display_rotation", "90", "-display_hflip"]],
    ids=["sideways", "upside-down", "turned"],
)
def test_mirrored_sources_are_shown_as_players_show_them(shown: list[str], clip: ClipMaker, studio: Studio) -> None:
    plain = clip("quadrants-wide", _quadrants(320, 180))
    source = clip(f"mirrored-{'-'.join(shown)}", [*shown, "-i", str(plain), "-c", "copy"])
    facts, work = studio.run(Poster(), source)
    poster = np.asarray(Image.open(work.output / "poster.jpg"), dtype=np.float32)
    assert np.abs(studio.frames(source, facts["width"], facts["height"])[0] - poster).mean() < 12


def test_a_rotated_crop_is_cut_where_the_viewer_sees_it(clip: ClipMaker, studio: Studio) -> None:
    plain = clip("quadrants-wide", _quadrants(320, 180))
    source = clip("turned-90", ["-display_rotation", "90", "-i", str(plain), "-c", "copy"])
    facts, work = studio.run(Thumbnail(0.2, 100, 40, "cover", "png"), source)
    assert (facts["width"], facts["height"]) == (100, 40)
    _assert_colours(_corners(work.output / "thumbnail.png"), _QUADRANTS[1:] + _QUADRANTS[:1])


def test_anamorphic_sources_get_square_pixels(clip: ClipMaker, studio: Studio) -> None:
    inputs = _quadrants(320, 180)[:-6]
    stretched = "[0][1]hstack[t];[3][2]hstack[b];[t][b]vstack,scale=180:144,setsar=64/45,format=yuv420p"
    facts, work = studio.run(Poster(), clip("anamorphic", [*inputs, "-filter_complex", stretched]))
    _assert_colours(_corners(work.output / "poster.jpg"), _QUADRANTS, 12)
    assert (facts["width"], facts["height"]) == (256, 144)


def test_odd_sizes(clip: ClipMaker, studio: Studio) -> None:
    source = clip("odd", ["-f", "lavfi", "-i", "testsrc2=s=161x91:d=0.2", "-c:v", "ffv1"], suffix=".mkv")
    facts, work = studio.run(Thumbnail(0, 81, 77, "fill", "webp"), source)
    assert (facts["width"], facts["height"]) == Image.open(work.output / "thumbnail.webp").size == (81, 77)


def test_transparency_stays_in_png_and_webp_and_lies_over_black_in_jpeg(clip: ClipMaker, studio: Studio) -> None:
    graph = "format=rgba,geq=r=255:g=0:b=0:a='if(gt(X,W/2),255,0)'"
    arguments = ["-f", "lavfi", "-i", f"color=red:s=320x180:d=0.2,{graph}", "-c:v", "qtrle", "-pix_fmt", "argb"]
    source = clip("transparent", arguments, suffix=".mov")
    for image_format, suffix in (("png", "png"), ("webp", "webp")):
        _, work = studio.run(Thumbnail(0, format=image_format), source)
        picture = Image.open(work.output / f"thumbnail.{suffix}")
        assert picture.mode == "RGBA"
        assert (_pixel(picture, 20, 90)[3], _pixel(picture, 300, 90)[3]) == (0, 255)
    _, work = studio.run(Thumbnail(0), source)
    _assert_colours(_corners(work.output / "thumbnail.jpg"), ["black", "red", "red", "black"], 8)


def test_interlaced_pictures_have_no_comb(clip: ClipMaker, studio: Studio) -> None:
    moving = "color=black:s=320x180:r=50:d=1[b];color=white:s=40x180:r=50:d=1[w];[b][w]overlay=x='mod(n*8,280)'"
    coding = ["-c:v", "libx264", "-flags", "+ilme+ildct", "-qp", "10", "-pix_fmt", "yuv420p"]
    source = clip("interlaced", ["-filter_complex", f"{moving},interlace", *coding])
    work = studio.work(source)
    assert work.facts_json["video"]["interlaced"]
    Thumbnail(0.4, format="png").run(work)
    rows = np.asarray(Image.open(work.output / "thumbnail.png").convert("L"), dtype=np.float32)
    combed = studio.frames(source, 320, 180).mean(axis=3)[10]
    assert np.abs(np.diff(combed, axis=0)).mean() > 5  # the two fields differ where the bar's edges are
    assert np.abs(np.diff(rows, axis=0)).mean() < 1
    assert rows.max() > 200


_PATCHES = [(1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.45, 0.25, 0.17)]
_TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def _hdr_clip(clip: ClipMaker, transfer: str, folder: Path) -> Path:
    """Six patches of light, 100 cd/m2 at most, as 10 bit BT.2020."""
    light_2020 = np.array(_PATCHES) @ _TO_2020.T * 100
    if transfer == PQ:
        signal = nits_to_pq(light_2020)
    else:
        luminance = np.maximum(light_2020 @ [0.2627, 0.678, 0.0593], 1e-6)[:, np.newaxis]
        scene = np.clip((luminance / 1000) ** (-0.2 / 1.2) * light_2020 / 1000, 1e-9, 1)
        signal = np.where(
            scene <= 1 / 12,
            np.sqrt(3 * scene),
            0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073,
        )
    rgb = np.repeat(np.repeat(signal[np.newaxis], 96, axis=0), 32, axis=1)
    raw = folder / f"{transfer}.rgb"
    raw.write_bytes(np.round(rgb * 65535).astype("<u2").tobytes() * 10)
    reading = ["-f", "rawvideo", "-pix_fmt", "rgb48le", "-s", "192x96", "-r", "10", "-i", str(raw)]
    named = f"setparams=color_trc={transfer}:color_primaries=bt2020:colorspace=bt2020nc:range=tv"
    matrix = "scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p10le"
    tags = ["-color_trc", transfer, "-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-color_range", "tv"]
    return clip(f"hdr-{transfer}", [*reading, "-vf", f"{matrix},{named}", "-c:v", "ffv1", *tags], suffix=".mkv")


@pytest.mark.parametrize("transfer", [PQ, "arib-std-b67"])
def test_hdr_pictures_look_like_their_light(transfer: str, clip: ClipMaker, studio: Studio, tmp_path: Path) -> None:
    source = _hdr_clip(clip, transfer, tmp_path)
    _, work = studio.run(Thumbnail(0, format="png"), source)
    picture = Image.open(work.output / "thumbnail.png").convert("RGB")
    found = np.array([_pixel(picture, 16 + 32 * n, 48) for n in range(len(_PATCHES))])
    shown = found / 255
    linear = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    expected = np.array(_PATCHES) * roll_off(np.array(100.0)) / 203
    assert np.abs(linear - expected).max() <= 0.015, found.tolist()


def test_tone_curves_hold_to_their_standards() -> None:
    assert pq_to_nits(np.array([0.0, 0.5080784, 1.0])) == pytest.approx([0, 100, 10_000], rel=1e-3, abs=1e-6)
    assert nits_to_pq(pq_to_nits(np.linspace(0, 1, 50))) == pytest.approx(np.linspace(0, 1, 50), abs=1e-5)
    assert hlg_to_nits(np.array([[1.0, 1.0, 1.0], [0.75, 0.75, 0.75]]))[:, 0] == pytest.approx([1000, 203], rel=5e-3)
    nits = np.geomspace(0.01, 1000, 200)
    mapped = roll_off(nits)
    assert (np.diff(mapped) > 0).all()
    assert mapped[nits < 80] == pytest.approx(nits[nits < 80], rel=1e-6)
    assert mapped[-1] == pytest.approx(203, rel=1e-3)
    assert to_srgb(np.zeros((1, 3)), PQ).max() == 0


def test_posters_are_taken_at_2_s_or_in_the_middle(clip: ClipMaker, studio: Studio) -> None:
    long, short = clip("h264_none_180p25_5s"), clip("h264_none_180p25_3s")
    for source, time_ms, number in ((long, 2000, 50), (short, 1480, 37)):
        facts, work = studio.run(Poster(), source)
        picture = np.asarray(Image.open(work.output / "poster.jpg").convert("RGB"), dtype=np.float32)
        assert nearest(studio.frames(source, 320, 180), picture) == number
        assert (facts["time_ms"], facts["files"], facts["kind"]) == (time_ms, ["poster.jpg"], "frame")


_BLACK = "color=black:s=320x180:r=25:d=4,format=yuv420p[a];testsrc2=s=320x180:r=25:d=2,format=yuv420p"


@pytest.mark.parametrize("gop", ["10", "250"])
def test_a_poster_is_the_first_picture_that_is_not_black(gop: str, clip: ClipMaker, studio: Studio) -> None:
    arguments = ["-filter_complex", f"{_BLACK}[b];[a][b]concat", "-g", gop, "-sc_threshold", "0"]
    facts, _ = studio.run(Poster(), clip(f"black-then-bars-{gop}", arguments))
    assert facts["time_ms"] == 4000


def test_a_poster_waits_for_a_fade_to_end(clip: ClipMaker, studio: Studio) -> None:
    arguments = ["-filter_complex", f"{_BLACK},fade=in:0:15[b];[a][b]concat", "-g", "25"]
    facts, work = studio.run(Poster(), clip("black-then-fade", arguments))
    assert 4500 <= facts["time_ms"] <= 4640
    assert not light(Image.open(work.output / "poster.jpg")).black


def test_all_black_gives_its_brightest(clip: ClipMaker, studio: Studio) -> None:
    graph = "color=black:s=320x180:r=25:d=5,drawbox=w=4:h=4:c=gray:t=fill:enable='gte(n,75)'"
    facts, _ = studio.run(Poster(), clip("black", ["-f", "lavfi", "-i", graph, "-g", "50", "-pix_fmt", "yuv420p"]))
    assert facts["time_ms"] >= 3000


def test_a_poster_at_a_given_time_is_taken_there_black_or_not(clip: ClipMaker, studio: Studio) -> None:
    arguments = ["-filter_complex", f"{_BLACK}[b];[a][b]concat", "-g", "10", "-sc_threshold", "0"]
    facts, _ = studio.run(Poster(1.0), clip("black-then-bars-10", arguments))
    assert facts["time_ms"] == 1000


def test_posters_are_at_most_1920_wide(clip: ClipMaker, studio: Studio) -> None:
    source = clip("wide", ["-f", "lavfi", "-i", "testsrc2=s=2560x1440:r=5:d=0.4", "-c:v", "mjpeg"], suffix=".mov")
    facts, work = studio.run(Poster(), source)
    assert Image.open(work.output / "poster.jpg").size == (facts["width"], facts["height"]) == (1920, 1080)


def test_sound_alone_gets_its_waveform(clip: ClipMaker, studio: Studio) -> None:
    loudness = "aevalsrc='0.8*sin(880*t)*lt(t,2)+0.05*sin(880*t)*gte(t,2)':d=4:s=8000"
    source = clip("loud-then-quiet", ["-f", "lavfi", "-i", loudness, "-c:a", "aac"], suffix=".m4a")
    facts, work = studio.run(Poster(), source)
    assert (facts["kind"], facts["width"], facts["height"]) == ("waveform", 1280, 720)
    picture = np.asarray(Image.open(work.output / "poster.jpg").convert("L"), dtype=np.float32)
    bright = (picture > 90).sum(axis=0)
    left, right = bright[100:600].mean(), bright[700:1180].mean()
    assert left > 5 * right > 0


def test_silence_is_a_waveform_too(clip: ClipMaker, studio: Studio) -> None:
    source = clip("silence", ["-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono:d=1", "-c:a", "flac"], suffix=".flac")
    assert studio.run(Poster(), source)[0]["kind"] == "waveform"


@pytest.mark.parametrize("time_s", [0.0, 0.999, 1.0, 1.5, 2.04, 4.96, 99.0])
def test_thumbnails_show_the_frame_on_screen(time_s: float, clip: ClipMaker, studio: Studio) -> None:
    source = clip("h264_none_180p25_5s")
    facts, work = studio.run(Thumbnail(time_s, format="png"), source)
    picture = np.asarray(Image.open(work.output / "thumbnail.png").convert("RGB"), dtype=np.float32)
    number = min(124, int(Fraction(str(time_s)) * 25))
    assert nearest(studio.frames(source, 320, 180), picture) == number
    assert facts["time_ms"] == number * 40


@pytest.mark.parametrize(
    ("stage", "size"),
    [
        (Thumbnail(1, 160), (160, 90)),
        (Thumbnail(1, 160, 160), (160, 90)),
        (Thumbnail(1, 160, 160, "cover"), (160, 160)),
        (Thumbnail(1, 640, 640, "cover"), (640, 640)),
        (Thumbnail(1, 160, 160, "fill"), (160, 160)),
        (Thumbnail(1, 5000), (320, 180)),
    ],
)
def test_thumbnail_boxes(stage: Thumbnail, size: tuple[int, int], clip: ClipMaker, studio: Studio) -> None:
    facts, work = studio.run(stage, clip("h264_none_180p25_3s"))
    assert Image.open(work.output / "thumbnail.jpg").size == size
    assert facts["size_bytes"] == (work.output / "thumbnail.jpg").stat().st_size


def test_a_thumbnail_of_sound_is_refused(clip: ClipMaker, studio: Studio) -> None:
    with pytest.raises(VidComputeError) as caught:
        studio.run(Thumbnail(0), clip("none_aac_1s"))
    assert caught.value.code == "no_video"


@given(st.tuples(_SIDES, _SIDES), _SIDES, _SIDES)
def test_shapes(display: tuple[int, int], width: int, height: int) -> None:
    inside = shape(display, width, height)
    assert inside.width <= min(width, display[0])
    assert inside.height <= min(height, display[1])
    assert (inside.width, inside.height) == (inside.scaled_width, inside.scaled_height)
    exact = Fraction(display[0], display[1])
    assert abs(inside.width - inside.height * exact) <= 1 + exact
    covering: Any = shape(display, width, height, Fit.COVER)
    assert (covering.width, covering.height) == (width, height)
    assert covering.scaled_width >= width
    assert covering.scaled_height >= height
    filled = shape(display, width, height, Fit.FILL)
    assert (filled.scaled_width, filled.scaled_height) == (width, height)


def test_black_is_told_from_dark() -> None:
    grey = np.full((90, 160), 8, dtype=np.uint8)
    assert light(Image.fromarray(grey)).black
    grey[:20, :40] = 200  # a lamp in the night
    assert not light(Image.fromarray(grey)).black
    found = light(Image.fromarray(grey))
    assert found.mean == pytest.approx(grey.mean() / 255)
    assert found.dark_share == pytest.approx(1 - 800 / 14400)
