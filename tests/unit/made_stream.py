"""Whole small HLS streams made in memory, without any encoder: frames are random bytes of plausible sizes."""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import pairwise

from vidcompute.media import webvtt
from vidcompute.media.cmaf import AudioCutter, InitSegment, Sample, Segment, SegmentCutter, SegmentPlan
from vidcompute.media.cmaf.boxes import make
from vidcompute.media.playlists import (
    AudioTrack,
    Bandwidth,
    TextRendition,
    Track,
    VideoTrack,
    iframe_playlist,
    media_playlist,
    multivariant_playlist,
    target_duration_s,
    text_playlist,
    with_texts,
)

AVCC = bytes.fromhex("0164001fffe1000467640a1f01000468ef8fcb")
ESDS = bytes.fromhex(
    "000000000380808025000100048080801740150000000001f40000012 3 88058080800511 9056e500 068080800102".replace(" ", "")
)
STEP, TIMESCALE = 512, 15360  # 30 frames a second


def colour(transfer: int) -> bytes:
    return make(b"colr", b"nclx", struct.pack(">3HB", 1, transfer, 1, 0))


def video_init(width: int, height: int, transfer: int = 1, config: bytes = AVCC) -> InitSegment:
    head = bytes(6) + struct.pack(">H", 1) + bytes(16) + struct.pack(">2H", width, height) + bytes(50)
    entry = make(b"avc1", head, make(b"avcC", config), colour(transfer))
    draft = InitSegment(1, "vide", TIMESCALE, "avc1", config, "", width, height, _description=entry)
    return InitSegment.parse(draft.to_bytes())


def audio_init(rate: int = 48000) -> InitSegment:
    head = bytes(6) + struct.pack(">H", 1) + bytes(8) + struct.pack(">4HI", 2, 16, 0, 0, rate << 16)
    entry = make(b"mp4a", head, make(b"esds", ESDS))
    draft = InitSegment(1, "soun", rate, "mp4a", ESDS, "", _description=entry)
    return InitSegment.parse(draft.to_bytes())


def pictures(frames: int, size: int, *, gop: int = 60, start: int = 0, step: int = STEP) -> Iterator[Sample]:
    """Frames in decode order, as an encoder with one B-frame between references gives them: I P B P B …"""
    chance = random.Random(size)
    for first in range(0, frames, gop):
        last = min(first + gop, frames)
        shown = [first]
        for index in range(first + 1, last, 2):
            shown += [index + 1, index] if index + 1 < last else [index]
        for place, index in enumerate(shown):
            dts = start + (first + place) * step
            data = chance.randbytes(size * 4 if index == first else size)
            yield Sample(step, len(data), index == first, start + index * step - dts + step, data, dts)


def sounds(frames: int, size: int = 300) -> Iterator[Sample]:
    chance = random.Random(7)
    for index in range(frames):
        yield Sample(1024, size, True, 0, chance.randbytes(size), index * 1024)


def cut_pictures(cutter: SegmentCutter, samples: Iterator[Sample]) -> list[Segment]:
    made = [segment for sample in samples for segment in cutter.push(sample)]
    return made + list(cutter.finish())


def cut_sounds(cutter: AudioCutter, samples: Iterator[Sample]) -> list[Segment]:
    made = [segment for sample in samples for segment in cutter.push(sample)]
    return made + list(cutter.finish())


@dataclass
class MadeStream:
    """The files of a stream by URL, to be changed by tests, and a fetch function over them."""

    files: dict[str, bytes] = field(default_factory=dict)
    videos: list[VideoTrack] = field(default_factory=list)
    audios: list[AudioTrack] = field(default_factory=list)

    master = "main.m3u8"

    def fetch(self, url: str) -> bytes:
        return self.files[url]

    def text(self, url: str) -> str:
        return self.files[url].decode()

    def replace(self, url: str, old: str, new: str, count: int = -1) -> None:
        text = self.text(url)
        assert old in text
        self.files[url] = text.replace(old, new, count).encode()

    def add(self, track: Track, init: InitSegment, segments: list[Segment]) -> None:
        self.files[f"{track.folder}/init.mp4"] = init.to_bytes()
        for segment in segments:
            self.files[f"{track.folder}/{segment.info.number}.m4s"] = segment.data

    def publish(self) -> "MadeStream":
        target = target_duration_s([*self.videos, *self.audios])
        for track in [*self.videos, *self.audios]:
            self.files[f"{track.folder}/index.m3u8"] = media_playlist(track, target).encode()
        for video in self.videos:
            self.files[f"{video.folder}/iframes.m3u8"] = iframe_playlist(video).encode()
        self.files[self.master] = multivariant_playlist(self.videos, self.audios).encode()
        return self


def add_video(stream: MadeStream, height: int, size: int, frames: int = 300) -> None:
    width = height * 16 // 9
    init = video_init(width, height)
    plan = [SegmentPlan(frames=min(120, frames - first)) for first in range(0, frames, 120)]
    segments = cut_pictures(SegmentCutter(TIMESCALE, plan, frame_duration=STEP), pictures(frames, size))
    track = VideoTrack(
        name=f"h264-{height}",
        codec_string=init.codec_string,
        timescale=TIMESCALE,
        segments=tuple(s.info for s in segments),
        folder=f"x/h264-{height}",
        width=width,
        height=height,
        frame_rate=Fraction(30),
    )
    stream.videos.append(track)
    stream.add(track, init, segments)


def add_audio(stream: MadeStream, language: str = "en", seconds: int = 10, title: str = "") -> None:
    init = audio_init()
    ends = [*range(4 * 48000, seconds * 48000, 4 * 48000), seconds * 48000]
    segments = cut_sounds(AudioCutter(48000, ends), sounds(seconds * 48000 // 1024 + 1))
    number = len(stream.audios)
    track = AudioTrack(
        name=f"audio-{number}",
        codec_string=init.codec_string,
        timescale=48000,
        segments=tuple(s.info for s in segments),
        folder=f"x/audio-{number}",
        language=language,
        title=title,
        default=number == 0,
    )
    stream.audios.append(track)
    stream.add(track, init, segments)


EDGES = (0, 120 * STEP, 240 * STEP, 300 * STEP)
CUES = (webvtt.Cue(500, 1500, "one"), webvtt.Cue(3500, 4500, "two"), webvtt.Cue(3900, 9000, "<i>three</i>"))


def add_texts(stream: MadeStream, *languages: str) -> None:
    """Give a published stream of ten seconds subtitles, of which the last are captions and the first the default."""
    rates = webvtt.rates(CUES)
    texts = []
    for number, language in enumerate(languages):
        name = f"track_{number}"
        flags = {"is_captions": number == len(languages) - 1, "default": number == 0, "autoselect": True}
        bandwidth = Bandwidth(rates.peak_bps, rates.average_bps)
        texts.append(TextRendition(name, language, f"In {language}", forced=False, rates=bandwidth, **flags))
        stream.files[f"x/{name}/index.m3u8"] = text_playlist(EDGES, TIMESCALE, 4).encode()
        for place, (start, end) in enumerate(pairwise(EDGES)):
            segment = webvtt.segment(CUES, 1000 * start // TIMESCALE, 1000 * end // TIMESCALE)
            stream.files[f"x/{name}/{place}.vtt"] = segment.encode()
    stream.files[stream.master] = with_texts(stream.text(stream.master), texts, "x").encode()


def made_stream(*, video: bool = True, audio: bool = True) -> MadeStream:
    """Two rungs of ten seconds with English and German sound, published."""
    made = _made_stream(video=video, audio=audio)
    return MadeStream(dict(made.files), list(made.videos), list(made.audios))


@cache
def _made_stream(*, video: bool, audio: bool) -> MadeStream:
    stream = MadeStream()
    if video:
        add_video(stream, 720, 1500)
        add_video(stream, 360, 500)
    if audio:
        add_audio(stream, "en")
        add_audio(stream, "de", title='Die "Fassung"')
    return stream.publish()
