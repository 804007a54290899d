"""Facts by the headers of a Matroska file's blocks: the very same as by all its packets."""

import random
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from tests.media.corpus import AAC, X264, Kit, sound, video
from vidcompute.errors import VidComputeError
from vidcompute.media.facts import SourceFacts
from vidcompute.media.probe import probe, source
from vidcompute.media.probe.blocks import BlockIndex, block_index
from vidcompute.media.probe.limits import Budget, ProbeLimits
from vidcompute.media.probe.nal import opus_length

_VP8 = ["-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "60k", "-deadline", "realtime"]
_VP9 = ["-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-row-mt", "0"]
_OPUS = ["-c:a", "libopus", "-b:a", "32k"]
_SHORT_CLUSTERS = ["-cluster_time_limit", "300"]
_KEYS = ["-g", "20"]
_SECONDS = 8

_FITTING = {
    "vp9-opus": [*_VP9, *_KEYS, *_OPUS],
    "vp9-opus-12-fps": ["-r", "12", *_VP9, "-g", "9", *_OPUS],
    "vp8-hidden-frames-opus": [*_VP8, *_KEYS, *_OPUS],
    "h264-reordered-aac": [*X264, "-bf", "3", *_KEYS, *AAC],
    "h264-open-gops-ac3": [*X264, "-bf", "2", "-x264-params", "open-gop=1:keyint=20", "-c:a", "ac3"],
    "h264-late-sound": [*X264, *_KEYS, "-af", "asetpts=PTS+0.5/TB", *AAC],
    "cues-first": [*_VP9, *_KEYS, *_OPUS, "-cues_to_front", "1"],
    "no-sound": [*_VP9, *_KEYS, "-an"],
    "no-picture": ["-vn", *_OPUS],
}
_ODD = {
    "vorbis": [*_VP9, *_KEYS, "-c:a", "libvorbis"],
    "flac": [*_VP9, *_KEYS, "-c:a", "flac"],
    "one-gop": [*X264, "-g", "1000", *AAC],
    "sound-ends-early": [*X264, *_KEYS, "-af", "atrim=end=3", *AAC],
    "live": [*X264, *_KEYS, *AAC, "-live", "1"],
}


def _clip(kit: Kit, name: str) -> Path:
    options = {**_FITTING, **_ODD}[name]
    inputs = [*video(seconds=_SECONDS), *sound(_SECONDS)]
    return kit.clip(*inputs, *options, *_SHORT_CLUSTERS, "-f", "matroska", name=f"{name}.mkv")


def _index(path: Path) -> BlockIndex | None:
    return block_index(path, Budget(ProbeLimits(), path.stat().st_size, None))


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(get_ffmpeg_exe(), tmp_path)


def _outcome(look: Callable[[], SourceFacts]) -> SourceFacts | str:
    try:
        return look()
    except VidComputeError as error:
        return error.code


def _by_packets(path: Path) -> SourceFacts | str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "block_index", lambda *_: None)
        return _outcome(lambda: probe(path))


@pytest.mark.parametrize("name", _FITTING)
def test_block_headers_tell_what_all_packets_tell(name: str, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _clip(kit, name)
    slow = _by_packets(path)
    monkeypatch.setattr(source._Reading, "by_packets", lambda _: pytest.fail("all packets were read"))
    assert probe(path) == slow


@pytest.mark.parametrize("name", _ODD)
def test_what_block_headers_cannot_tell_is_left_to_the_packets(
    name: str, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _clip(kit, name)
    slow = _by_packets(path)
    readings: list[source._Reading] = []
    by_packets = source._Reading.by_packets

    def noting(reading: source._Reading) -> SourceFacts:
        readings.append(reading)
        return by_packets(reading)

    monkeypatch.setattr(source._Reading, "by_packets", noting)
    assert probe(path) == slow
    assert len(readings) == 1


def test_every_block_is_found(kit: Kit) -> None:
    path = _clip(kit, "vp9-opus")
    index = _index(path)
    assert index is not None
    pictures, sounds = index.track(0), index.track(1)
    assert pictures is not None
    assert sounds is not None
    assert len(pictures.times) == 25 * _SECONDS
    assert len(sounds.times) == 50 * _SECONDS + 1
    assert len(pictures.times) + len(sounds.times) == len(index)
    assert index.track(2) is None
    with av.open(str(path)) as container:
        packets = [(p.stream.index, bytes(memoryview(p)), bool(p.is_keyframe)) for p in container.demux() if p.size]
    for number, blocks in enumerate((pictures, sounds)):
        read = [(data, key) for stream, data, key in packets if stream == number]
        ends = zip(blocks.places.tolist(), blocks.sizes.tolist(), blocks.keys.tolist(), strict=True)
        assert read == [(index.data[place : place + size], key) for place, size, key in ends]


@pytest.mark.parametrize("name", ["vp9-opus", "h264-reordered-aac"])
def test_damage_does_not_make_them_disagree(name: str, kit: Kit, tmp_path: Path) -> None:
    """Bytes that are lost, added or overwritten anywhere: what is odd is left to the demuxer."""
    whole = _clip(kit, name).read_bytes()
    dice = random.Random(name)
    hurt = tmp_path / "hurt.mkv"
    for _ in range(30):
        at = dice.randrange(len(whole))
        new = dice.choice((b"", b"\0" * 7, b"\xa3\x81", dice.randbytes(3)))
        hurt.write_bytes(whole[:at] + new + whole[at + dice.choice((0, len(new), 9)) :])
        assert _outcome(lambda: probe(hurt)) == _by_packets(hurt)


def test_a_block_of_no_track_is_left_to_the_demuxer(kit: Kit) -> None:
    data = bytearray(_clip(kit, "vp9-opus").read_bytes())
    index = _index(kit.folder / "vp9-opus.mkv")
    assert index is not None
    pictures = index.track(0)
    assert pictures is not None
    data[int(pictures.places[100]) - 4] = 0x9C
    path = kit.folder / "stray.mkv"
    path.write_bytes(data)
    assert _index(path) is None
    assert probe(path) == _by_packets(path)


def test_opus_lengths() -> None:
    # RFC 6716, table 2: SILK 60 ms, hybrid 20 ms, CELT 2.5 ms, CELT 20 ms; one frame, two, and five by the second byte.
    assert [opus_length(3 << 3, 0), opus_length(13 << 3, 0), opus_length(16 << 3, 0)] == [2880, 960, 120]
    assert [opus_length(31 << 3 | 1, 0), opus_length(31 << 3 | 2, 0), opus_length(31 << 3 | 3, 5)] == [1920, 1920, 4800]
