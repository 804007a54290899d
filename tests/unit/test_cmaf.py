"""Fragmented MP4: what is written is read again, what is broken is refused, and cuts are exact or an error."""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.made_stream import (
    AVCC,
    ESDS,
    STEP,
    TIMESCALE,
    audio_init,
    cut_pictures,
    cut_sounds,
    pictures,
    sounds,
    video_init,
)
from vidcompute.errors import VidComputeError
from vidcompute.media import codecs
from vidcompute.media.cmaf import (
    AudioCutter,
    CutStream,
    FragmentReader,
    InitSegment,
    Sample,
    SegmentCutter,
    SegmentInfo,
    SegmentPlan,
    read_file,
    scan_segment,
    write_segment,
    write_with_info,
)
from vidcompute.media.cmaf.boxes import make, make_full


def samples() -> st.SearchStrategy[list[Sample]]:
    one = st.builds(
        lambda duration, sync, offset, data: Sample(duration, len(data), sync, offset, data, 0),
        st.integers(0, 2**32 - 1),
        st.booleans(),
        st.integers(-(2**31), 2**31 - 1),
        st.binary(max_size=40),
    )
    return st.lists(one, min_size=1, max_size=20)


def fed(data: bytes, sizes: list[int]) -> list[InitSegment | Sample]:
    """Everything that comes out when the bytes arrive in pieces of these sizes, over and over."""
    reader, found, place, turn = FragmentReader(), [], 0, 0
    while place < len(data):
        size = sizes[turn % len(sizes)]
        found += list(reader.feed(data[place : place + size]))
        place, turn = place + size, turn + 1
    reader.close()
    return found


def outcome(parse: Callable[[bytes], object], data: bytes) -> str:
    """The code of the refusal, or "read"."""
    try:
        parse(data)
    except VidComputeError as error:
        return error.code
    return "read"


@given(
    samples=samples(),
    start=st.integers(0, 2**60),
    chunks=st.sets(st.integers(1, 19)),
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=5),
)
def test_what_is_written_is_read(samples: list[Sample], start: int, chunks: set[int], sizes: list[int]) -> None:
    starts = [0, *sorted(c for c in chunks if c < len(samples))]
    data = write_segment(samples, sequence=7, decode_time=start, chunk_starts=starts)
    scan = scan_segment(data)
    assert [index for _, index in scan.fragments] == starts
    assert scan.brands == ("msdh", "cmfs", "iso6")
    dts = start
    for given_sample, found in zip(samples, scan.samples, strict=True):
        assert (found.dts, found.pts) == (dts, dts + given_sample.composition_offset)
        assert (found.duration, found.sync, found.size) == (
            given_sample.duration,
            given_sample.sync,
            len(given_sample.data),
        )
        assert data[found.offset : found.offset + found.size] == given_sample.data
        dts += given_sample.duration
    init, *read = fed(video_init(160, 90).to_bytes() + data, sizes)
    assert isinstance(init, InitSegment)
    assert [s.data for s in read if isinstance(s, Sample)] == [s.data for s in samples]
    assert [s.dts for s in read if isinstance(s, Sample)] == [s.dts for s in scan.samples]


@given(data=st.binary(max_size=300), sizes=st.lists(st.integers(1, 50), min_size=1, max_size=3))
def test_garbage_is_refused_or_read_never_worse(data: bytes, sizes: list[int]) -> None:
    for parse in (scan_segment, InitSegment.parse, lambda d: fed(d, sizes)):
        assert outcome(parse, data) in {"read", "container_invalid"}


@given(st.data())
def test_damage_is_refused_or_read_never_worse(data: st.DataObject) -> None:
    segment = write_segment(list(pictures(4, 30)), sequence=1, decode_time=0)
    body = bytearray(video_init(160, 90).to_bytes() + segment)
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.sampled_from([0, 1, 8, 16, 127, 128, 255]))
    for parse in (scan_segment, lambda d: fed(d, [64])):
        assert outcome(parse, bytes(body)) in {"read", "container_invalid"}


def file_of(*parts: bytes) -> bytes:
    return video_init(160, 90).to_bytes() + b"".join(parts)


def moof(sample_count: int, *, flags: int = 0x1, offset: int = 0, tfhd: bytes = b"") -> bytes:
    run = make_full(b"trun", 0, flags, sample_count.to_bytes(4, "big"), offset.to_bytes(4, "big"))
    header = tfhd or make_full(b"tfhd", 0, 0x20000, (1).to_bytes(4, "big"))
    return make(b"moof", make(b"traf", header, run))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no mp4 at all, just text",
        make(b"ftyp", b"isom", bytes(4)),
        make(b"moov"),
        make(b"mdat", bytes(10)),
        moof(1),
        file_of(b"\0\0\0\x04junk"),
        file_of(moof(2**32 - 1)),
        file_of(moof(1, flags=0x201)),
        file_of(moof(1, tfhd=make_full(b"tfhd", 0, 0x20000, (9).to_bytes(4, "big")))),
        file_of(make(b"moof", make(b"traf"))),
        file_of((2**31).to_bytes(4, "big") + b"moof"),
        file_of(write_segment(list(pictures(4, 30)), sequence=1, decode_time=0)[:-1]),
        file_of(make(b"mdat", bytes(10)))[:-3],
    ],
    ids=range(14),
)
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(VidComputeError, match="container_invalid"):
        fed(data, [1000])


def test_a_second_track_and_foreign_data_are_refused() -> None:
    init = video_init(160, 90).to_bytes()
    with pytest.raises(VidComputeError, match="another file"):
        InitSegment.parse(init.replace(b"url \0\0\0\1", b"url \0\0\0\0"))
    with pytest.raises(VidComputeError, match="one track"):
        InitSegment.parse(init.replace(b"trak", b"skip"))


def test_unknown_boxes_are_skipped_and_old_addressing_is_read() -> None:
    extra = make(b"free", bytes(70)) + make(b"sidx", bytes(20)) + make_full(b"emsg", 0, 0, b"x")
    init = video_init(160, 90).to_bytes() + extra
    base = len(init)
    tfhd = make_full(
        b"tfhd", 0, 0x1 | 0x8 | 0x10 | 0x20, (1).to_bytes(4, "big"), base.to_bytes(8, "big"),
        (40).to_bytes(4, "big"), (3).to_bytes(4, "big"), (0x10000).to_bytes(4, "big"),
    )  # fmt: skip
    tfdt = make_full(b"tfdt", 0, 0, (500).to_bytes(4, "big"))

    def fragment(offset: int) -> bytes:
        first = make_full(b"trun", 0, 0x1 | 0x4, (2).to_bytes(4, "big"), offset.to_bytes(4, "big"), bytes(4))
        second = make_full(b"trun", 0, 0, (1).to_bytes(4, "big"))
        return make(b"moof", make(b"traf", tfhd, tfdt, first, second))

    large = (1).to_bytes(4, "big") + b"mdat" + (16 + 9).to_bytes(8, "big") + b"aaabbbccc"
    data = init + fragment(len(fragment(0)) + 16) + large
    _, *read = fed(data, [5])
    assert [(s.data, s.dts, s.sync) for s in read if isinstance(s, Sample)] == [
        (b"aaa", 500, True),
        (b"bbb", 540, False),
        (b"ccc", 580, False),
    ]


def test_samples_come_as_soon_as_their_bytes_are_there() -> None:
    segment = write_segment(list(pictures(3, 100)), sequence=1, decode_time=0)
    reader = FragmentReader()
    assert len(list(reader.feed(video_init(160, 90).to_bytes()))) == 1
    assert len(list(reader.feed(segment[:-100]))) == 2
    assert len(list(reader.feed(segment[-100:]))) == 1
    reader.close()


def test_header_is_the_same_after_a_round_and_says_what_it_holds() -> None:
    init = video_init(640, 360, transfer=16)
    assert (init.track_id, init.handler, init.timescale, init.sample_entry) == (1, "vide", TIMESCALE, "avc1")
    assert (init.width, init.height, init.video_range, init.codec_string) == (640, 360, "PQ", "avc1.64001f")
    assert InitSegment.parse(init.to_bytes()).to_bytes() == init.to_bytes()
    sound = audio_init(44100)
    assert (sound.handler, sound.sample_rate, sound.channels) == ("soun", 48000, 2)
    assert sound.codec_string == "mp4a.40.2"
    assert sound.timescale == 44100


def test_an_edit_list_takes_the_delay_off_again() -> None:
    init = InitSegment.parse(video_init(640, 360).to_bytes(composition_delay=1024))
    assert init.edit.media_time == 1024
    assert init.presentation(1024 + TIMESCALE) == 1
    assert "cmf2" not in init.brands
    assert "cmf2" in InitSegment.parse(init.to_bytes()).brands


@pytest.mark.parametrize(
    ("entry", "config", "wanted"),
    [
        ("avc1", AVCC, "avc1.64001f"),
        ("hvc1", bytes.fromhex("01016000000090000000000 05d".replace(" ", "")), "hvc1.1.6.L93.90"),
        ("hvc1", bytes.fromhex("0122200000 00b0000000000 099".replace(" ", "")), "hvc1.2.4.H153.B0"),
        ("av01", bytes.fromhex("81040c00"), "av01.0.04M.08"),
        ("av01", bytes.fromhex("812dcc00"), "av01.1.13H.10"),
        ("vp09", bytes.fromhex("00000000001f8000"), "vp09.00.31.08"),
        ("mp4a", ESDS, "mp4a.40.2"),
        ("Opus", b"", "Opus"),
        ("ac-3", b"", "ac-3"),
    ],
)
def test_codec_strings(entry: str, config: bytes, wanted: str) -> None:
    assert codecs.codec_string(entry, config) == wanted


@given(entry=st.sampled_from(sorted(codecs.CONFIG_BOXES)), config=st.binary(max_size=40))
def test_any_codec_configuration_is_read_or_refused(entry: str, config: bytes) -> None:
    assert outcome(lambda data: codecs.audio_config(entry, data), config) in {"read", "container_invalid"}
    assert outcome(lambda data: codecs.codec_string(entry, data), config) in {"read", "container_invalid"}


def test_av1_names_its_colour_where_it_is_not_the_usual() -> None:
    config = bytes.fromhex("810d4d00")
    assert codecs.codec_string("av01", config, codecs.Colour(1, 1, 1)) == "av01.0.13M.10"
    wide = codecs.codec_string("av01", config, codecs.Colour(9, 16, 9))
    assert wide == "av01.0.13M.10.0.111.09.16.09.0"


def test_audio_configurations() -> None:
    assert codecs.audio_config("mp4a", ESDS) == codecs.AudioConfig(48000, 2, 2)
    assert codecs.audio_config("Opus", bytes([0, 6])) == codecs.AudioConfig(48000, 6)
    assert codecs.audio_config("ac-3", bytes.fromhex("103d40")) == codecs.AudioConfig(48000, 6)
    assert codecs.audio_config("ec-3", bytes.fromhex("0c00200f00")) == codecs.AudioConfig(48000, 6)
    assert codecs.family("hvc1.1.6.L93.B0") == "hevc"


@given(
    counts=st.lists(st.integers(1, 90), min_size=1, max_size=5),
    start=st.integers(0, 2**40),
    late=st.integers(0, 5000),
    number=st.integers(0, 1000),
)
def test_cuts_are_exact(counts: list[int], start: int, late: int, number: int) -> None:
    frames = []
    for index, count in enumerate(counts):
        first = late + sum(counts[:index]) * STEP
        frames += list(pictures(count, 20, gop=30, start=first))
    cutter = SegmentCutter(
        TIMESCALE, [SegmentPlan(n) for n in counts], first_number=number, start_time=start, frame_duration=STEP
    )
    made = cut_pictures(cutter, iter(frames))
    assert [s.info.number for s in made] == list(range(number, number + len(counts)))
    assert [s.info.frames for s in made] == counts
    time = start
    for segment, count in zip(made, counts, strict=True):
        scan = scan_segment(segment.data)
        assert segment.info.start == time == scan.samples[0].dts == scan.samples[0].pts
        assert sorted(s.pts for s in scan.samples) == [time + i * STEP for i in range(count)]
        assert sum(s.duration for s in scan.samples) == segment.info.duration == count * STEP
        assert segment.info.size_bytes == len(segment.data)
        assert segment.info.sha256 == hashlib.sha256(segment.data).hexdigest()
        assert sum(k.duration for k in segment.info.keyframes) == segment.info.duration
        for key in segment.info.keyframes:
            part = segment.data[key.byte_offset : key.byte_offset + key.byte_length]
            assert part[4:8] == b"moof"
            first_sample = scan_segment(part, partial=True).samples[0]
            assert first_sample.sync
            assert first_sample.pts == key.time
            assert first_sample.offset + first_sample.size == len(part)
        time += segment.info.duration
    assert SegmentInfo.from_json(made[0].info.to_json()) == made[0].info


def test_segments_come_with_their_last_frame() -> None:
    frames = list(pictures(120, 20))
    cutter = SegmentCutter(TIMESCALE, [SegmentPlan(60), SegmentPlan(60)], frame_duration=STEP)
    given_out = [len(list(cutter.push(frame))) for frame in frames]
    assert [i for i, count in enumerate(given_out) if count] == [59, 119]


def test_rounded_times_become_steady() -> None:
    frames = [
        Sample(s.duration, s.size, s.sync, s.composition_offset + (index % 3 - 1) * 80 * (index > 0), s.data, s.dts)
        for index, s in enumerate(pictures(60, 20))
    ]
    cutter = SegmentCutter(TIMESCALE, [SegmentPlan(60, end=60 * STEP)], frame_duration=STEP)
    scan = scan_segment(cut_pictures(cutter, iter(frames))[0].data)
    assert sorted(s.pts for s in scan.samples) == [i * STEP for i in range(60)]


def without_frame(index: int) -> Callable[[list[Sample]], list[Sample]]:
    return lambda frames: frames[:index] + frames[index + 1 :]


def with_change(index: int, **fields: int) -> Callable[[list[Sample]], list[Sample]]:
    def change(frames: list[Sample]) -> list[Sample]:
        old = frames[index]
        values = {"sync": old.sync, "dts": old.dts, **fields}
        frames[index] = Sample(
            old.duration, old.size, bool(values["sync"]), old.composition_offset, old.data, values["dts"]
        )
        return frames

    return change


@pytest.mark.parametrize(
    "change",
    [
        without_frame(119),
        without_frame(30),
        without_frame(60),
        lambda frames: frames[:60],
        lambda frames: [],
        lambda frames: [*frames, frames[-1]],
        with_change(0, sync=0),
        with_change(60, sync=0),
        with_change(10, dts=11 * STEP),
        with_change(100, dts=3 * STEP),
        with_change(119, dts=140 * STEP),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("steady", [True, False])
def test_what_was_not_promised_is_an_error(change: Callable[[list[Sample]], list[Sample]], *, steady: bool) -> None:
    plan = [SegmentPlan(60, end=60 * STEP), SegmentPlan(60, end=120 * STEP)]
    cutter = SegmentCutter(TIMESCALE, plan, frame_duration=STEP if steady else None)
    with pytest.raises(VidComputeError, match="encode_mismatch"):
        cut_pictures(cutter, iter(change(list(pictures(120, 20)))))


def test_an_open_group_of_pictures_is_an_error() -> None:
    frames = list(pictures(120, 20))
    key = frames[60]
    frames[60] = Sample(key.duration, key.size, True, key.composition_offset, key.data, key.dts + STEP)
    frames[61] = Sample(STEP, 1, False, frames[61].composition_offset, b"x", frames[61].dts - 2 * STEP)
    with pytest.raises(VidComputeError, match="encode_mismatch"):
        cut_pictures(SegmentCutter(TIMESCALE, [SegmentPlan(60), SegmentPlan(60)], frame_duration=STEP), iter(frames))


def test_variable_times_are_kept() -> None:
    times = [0, 100, 150, 151, 1000, 1010, 1500]
    keys = {0, 4}
    frames = [Sample(1, 3, i in keys, 0, b"abc", t) for i, t in enumerate(times)]
    for plan in ([SegmentPlan(4), SegmentPlan(3)], [SegmentPlan(end=1000), SegmentPlan(end=1501)], [SegmentPlan()]):
        made = cut_pictures(SegmentCutter(1000, plan, start_time=20), iter(frames)) if len(plan) < 2 else None
        shift = 20 if made else 0
        made = made or cut_pictures(SegmentCutter(1000, plan), iter(frames))
        shown = [s.pts for segment in made for s in scan_segment(segment.data).samples]
        assert shown == [t + shift for t in times]
        assert made[-1].info.end == 1501 + shift
        assert made[0].info.end == made[1].info.start == 1000 if len(made) > 1 else True


@given(
    seconds=st.integers(1, 12),
    rate=st.sampled_from([44100, 48000, 32000]),
    drop=st.integers(0, 3),
    offset=st.integers(0, 5000),
    first=st.integers(0, 50),
)
def test_sound_is_cut_on_its_grid(seconds: int, rate: int, drop: int, offset: int, first: int) -> None:
    origin = first * 1024 + offset
    ends = [origin + t * rate for t in range(1, seconds)] + [origin + seconds * rate - 333]
    frames = list(sounds(drop + seconds * rate // 1024 + 2, 20))
    cutter = AudioCutter(rate, ends, drop_frames=drop, first_frame=first, offset=offset, first_number=4)
    made = cut_sounds(cutter, iter(frames))
    assert [s.info.number for s in made] == list(range(4, 4 + seconds))
    assert made[0].info.start == origin
    assert made[-1].info.end == ends[-1]
    for segment, end in zip(made[:-1], ends, strict=False):
        assert abs(segment.info.end - end) <= 512
        assert (segment.info.end - offset) % 1024 == 0
    joined = [s for segment in made for s in scan_segment(segment.data).samples]
    assert [s.dts for s in joined] == [origin + i * 1024 for i in range(len(joined))]
    datas = [segment.data[s.offset : s.offset + s.size] for segment in made for s in scan_segment(segment.data).samples]
    assert datas == [f.data for f in frames[drop : drop + len(datas)]]


def test_a_last_boundary_within_a_frame_of_the_one_before_makes_no_empty_segment() -> None:
    made = cut_sounds(AudioCutter(48000, [48000, 48120]), sounds(60))
    assert [s.info.end for s in made] == [48120]


@pytest.mark.parametrize(
    "make_it",
    [
        lambda: cut_sounds(AudioCutter(48000, [48000]), sounds(46)),
        lambda: AudioCutter(48000, [48000, 48100, 96000]),
        lambda: AudioCutter(48000, [48000], offset=-10),
        lambda: cut_sounds(AudioCutter(48000, [48000]), iter([*sounds(3), *list(sounds(60))[5:]])),
    ],
    ids=["too-few", "empty", "negative", "hole"],
)
def test_sound_that_was_not_promised_is_an_error(make_it: Callable[[], object]) -> None:
    with pytest.raises(VidComputeError, match="encode_mismatch"):
        make_it()


def test_another_timescale_is_an_error() -> None:
    stream = CutStream(SegmentCutter(90000, [SegmentPlan(1)]))
    with pytest.raises(VidComputeError, match="encode_mismatch"):
        list(stream.feed(video_init(160, 90).to_bytes()))


def test_a_cut_stream_gives_header_and_segments() -> None:
    data = video_init(160, 90).to_bytes() + write_segment(list(pictures(60, 50)), sequence=1, decode_time=0)
    stream = CutStream(SegmentCutter(TIMESCALE, [SegmentPlan(60)], frame_duration=STEP))
    made = [item for start in range(0, len(data), 777) for item in stream.feed(data[start : start + 777])]
    assert list(stream.finish()) == []
    assert [type(item).__name__ for item in made] == ["InitSegment", "Segment"]


def test_a_file_is_scanned(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    segment = write_with_info(list(pictures(10, 50)), number=0, sequence=1, decode_time=0)
    path.write_bytes(video_init(160, 90).to_bytes() + segment.data)
    scan = read_file(path)
    assert scan.init is not None
    assert Fraction(sum(s.duration for s in scan.samples), scan.init.timescale) == Fraction(1, 3)
