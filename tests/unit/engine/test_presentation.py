"""Where the segments of an asset's tracks lie."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.facts import audio_facts, source_facts, video_facts
from vidcompute.errors import VidComputeError
from vidcompute.pipeline.plan import SOURCE, PlanNode
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.layout import layout
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stage import Cost
from vidcompute.services.playback.presentation import Presentation

PROBE = PlanNode("probe", "probe", 1, {}, {"source": (SOURCE,)}, Cost(0.1, 0.1))


def test_all_tracks_of_a_short_source_lie_in_one_artifact_each_with_its_own_segments() -> None:
    # The sound is longer than the picture, and has a segment more.
    facts = source_facts(
        video_facts(width=1280, height=720, frames=150, keyframe_every=60), audio_facts(codec="opus", seconds=14)
    )
    made = plan(facts, MediaSpec(), Capacity(2), PROBE)
    assert [node.id for node in made.nodes if node.id.startswith(("audio", "remux", "encode"))] == ["encode/0"]
    snapshot = SimpleNamespace(plan=made, artifacts={"encode/0": SimpleNamespace(storage_prefix="made")})
    laid = layout(facts, MediaSpec())
    assert laid.timeline is not None
    view = Presentation(cast(Any, snapshot), facts, laid)
    assert sorted(view.tracks) == ["audio-0", "h264-480", "h264-720"]
    pictures, sounds = len(laid.timeline.segments), laid.audio[0].segments
    assert sounds > pictures
    for track, segments in (("h264-720", pictures), ("h264-480", pictures), ("audio-0", sounds)):
        assert view.stored(track, "init.mp4") == f"made/{track}/init.mp4"
        assert view.stored(track, f"{segments - 1}.m4s") == f"made/{track}/{segments - 1}.m4s"
        with pytest.raises(VidComputeError, match="segment"):
            view.stored(track, f"{segments}.m4s")


@pytest.mark.parametrize(("codec", "channels"), [("aac", 1), ("opus", 2)])
def test_a_sound_that_is_copied_has_its_own_channels_and_one_that_is_encoded_two(codec: str, channels: int) -> None:
    facts = source_facts(video_facts(), replace(audio_facts(codec=codec), channels=1, layout="mono"))
    snapshot = SimpleNamespace(plan=None, artifacts={})
    view = Presentation(cast(Any, snapshot), facts, layout(facts, MediaSpec()))
    assert f'CHANNELS="{channels}"' in view.multivariant("ID", planned=False)


def test_where_no_streams_were_asked_for_there_are_none_and_before_that_is_known_there_may_be() -> None:
    asset = SimpleNamespace(playback_id="x", status="preparing")
    snapshot = cast(Any, SimpleNamespace(plan=None, artifacts={}, asset=asset))
    looked_at = Presentation(snapshot, source_facts(video_facts()), None)
    assert looked_at.without_streams
    with pytest.raises(VidComputeError, match="stream_not_found"):
        looked_at.multivariant("x", planned=False)
    with pytest.raises(VidComputeError, match="not_playable_yet"):
        Presentation(snapshot, None, None).multivariant("x", planned=False)


def test_what_has_no_picture_that_is_made_in_haste_is_not_offered_as_sound_alone() -> None:
    spec = MediaSpec.model_validate({"renditions": [{"height": 720, "codec": "hevc"}]})
    facts = source_facts(video_facts(), audio_facts())
    snapshot = cast(Any, SimpleNamespace(plan=None, artifacts={}, asset=SimpleNamespace(status="preparing")))
    view = Presentation(snapshot, facts, layout(facts, spec))
    assert view.ready_tracks == []
    with pytest.raises(VidComputeError, match="not_playable_yet"):
        view.multivariant("x", planned=False)
    alone = source_facts(None, audio_facts())
    assert Presentation(snapshot, alone, layout(alone, spec)).ready_tracks == ["audio-0"]


def test_streams_of_a_job_that_failed_before_any_could_be_played_are_not_waited_for() -> None:
    spec = MediaSpec.model_validate({"renditions": [{"height": 720, "codec": "hevc"}]})
    facts = source_facts(video_facts(), audio_facts())
    asset = SimpleNamespace(playback_id="x", status="errored")
    snapshot = cast(Any, SimpleNamespace(plan=None, artifacts={}, asset=asset))
    failed = Presentation(snapshot, facts, layout(facts, spec))
    assert failed.without_streams
    with pytest.raises(VidComputeError, match="stream_not_found"):
        failed.multivariant("x", planned=False)
    assert not Presentation(snapshot, facts, layout(facts, MediaSpec())).without_streams
