"""Sounds that change their channels on the way, as broadcasts do between a film and what comes before it."""

from io import BytesIO
from pathlib import Path

import pytest

from tests.e2e.numbered import LIP_SYNC_S, RATE, lag, sound, tone
from tests.fixtures.clips import ClipMaker
from tests.media.ffmpeg_work import PROBE, Place
from vidcompute.media import waveform
from vidcompute.media.probe import probe
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stages.audio import EncodeAudio
from vidcompute.runner.decode import decode


@pytest.mark.parametrize(("coding", "channels"), [("ac3", 6), ("mp2", 1)])
def test_a_sound_that_changes_its_channels_is_heard_to_its_end(
    ffmpeg: str, clip: ClipMaker, tmp_path: Path, coding: str, channels: int
) -> None:
    before, after = (
        clip(f"sound-{count}-{coding}", [*tone("3", count), "-c:a", coding, "-output_ts_offset", start], suffix=".ts")
        for count, start in ((2, "1"), (channels, "4"))
    )
    source = tmp_path / "source.ts"
    source.write_bytes(before.read_bytes() + after.read_bytes())
    assert (waveform.levels(source, probe(source)) > 0.01).all()
    made = plan(probe(source), MediaSpec.model_validate({"outputs": ["audio"]}), Capacity(2), PROBE)
    work = Place(source, tmp_path / "audio", program=Path(ffmpeg))
    told = decode(EncodeAudio, made.node("audio/0").options).run(work)
    folder, segments = work.output / "audio-0", told["tracks"]["audio-0"]["segments"]
    files = ["init.mp4", *(f"{segment['number']}.m4s" for segment in segments)]
    heard = sound(BytesIO(b"".join((folder / name).read_bytes() for name in files)))
    assert len(heard.samples) / RATE == pytest.approx(6, abs=0.1)
    for part, starts in ((before, 0), (after, 3)):
        original = sound(part).samples[RATE : 2 * RATE]
        late = lag(heard.samples[(starts + 1) * RATE : (starts + 2) * RATE], original)
        assert abs(late) / RATE < LIP_SYNC_S
