"""What is said of tracks is what they are."""

from pathlib import Path

import pytest

from tests.e2e.numbered import tone
from tests.fixtures.clips import ClipMaker
from tests.media.ffmpeg_work import PROBE, Place
from vidcompute.media.probe import probe
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stages.audio import EncodeAudio
from vidcompute.pipeline.stages.package import DASH, MULTIVARIANT, Package
from vidcompute.runner.decode import decode


@pytest.mark.parametrize(("coding", "channels"), [("aac", 1), ("flac", 2)])
def test_playlists_tell_how_many_channels_a_sound_has(
    ffmpeg: str, clip: ClipMaker, tmp_path: Path, coding: str, channels: int
) -> None:
    source = clip(f"mono-{coding}", [*tone("5", 1), "-c:a", coding, "-b:a", "64k"], suffix=".mp4")
    made = plan(probe(source), MediaSpec.model_validate({"outputs": ["hls"]}), Capacity(2), PROBE)
    sounding = Place(source, tmp_path / "audio", program=Path(ffmpeg))
    told = decode(EncodeAudio, made.node("audio/0").options).run(sounding)
    packing = Place(source, tmp_path / "package", made=sounding.output, told=told)
    decode(Package, made.node("package").options).run(packing)
    assert f'CHANNELS="{channels}"' in (packing.output / MULTIVARIANT).read_text()
    assert f'audio_channel_configuration:2011" value="{channels}"' in (packing.output / DASH).read_text()
