from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tests.facts import audio_facts, source_facts, video_facts
from vidcompute.errors import VidComputeError
from vidcompute.media.encoders import HARDWARE
from vidcompute.media.facts import AudioFacts, SourceFacts, TextFacts
from vidcompute.pipeline.plan import SOURCE, Plan, PlanNode, content_keys, dependents
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.layout import layout
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stage import Cost, options_of
from vidcompute.pipeline.stages.probe import Probe
from vidcompute.pipeline.tracks import made_by

PROBE = PlanNode("probe", "probe", 1, options_of(Probe()), {"source": (SOURCE,)}, Cost(0.1, 0.1))


def made(facts: SourceFacts, cores: int = 2, **spec: Any) -> Plan:
    return plan(facts, MediaSpec.model_validate(spec), Capacity(cores), PROBE)


def ids(made_plan: Plan) -> list[str]:
    return [node.id for node in made_plan.nodes]


def test_an_ordinary_source_is_copied_on_top_and_encoded_below() -> None:
    facts = source_facts(video_facts(keyframe_every=60), audio_facts())
    result = made(facts)
    assert ids(result) == [
        *("probe", "audio/0", "remux", "poster", "storyboard", "preview"),
        *("encode/0", "encode/1", "package"),
    ]
    assert [r["name"] for r in result.node("encode/0").options["rungs"]] == ["h264-720", "h264-480"]
    encodes = ("encode/0", "encode/1")
    assert result.node("package").inputs == {"video": ("remux", *encodes), "audio": ("audio/0",)}


def test_texts_in_the_source_are_taken_out_where_streams_are_wanted() -> None:
    texts = (TextFacts(3, "subrip", "de", "Deutsch", forced=False, captions=True),)
    facts = replace(source_facts(video_facts(start_pts=15360, keyframe_every=60), audio_facts()), texts=texts)
    options = made(facts).node("texts").options
    assert (options["container"], options["start_ms"]) == (facts.container, 1000)
    assert options["streams"] == (
        {"index": 3, "language": "de", "title": "Deutsch", "forced": False, "captions": True},
    )
    assert "texts" not in ids(made(facts, outputs=["thumbnail"]))
    assert "texts" not in ids(made(replace(facts, texts=())))


def test_a_source_with_far_key_frames_is_encoded_whole() -> None:
    result = made(source_facts(video_facts(keyframe_every=600), audio_facts()))
    assert "remux" not in ids(result)
    assert any("key frames are further apart" in note for note in result.notes)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"codec": "vp9"}, "codec"),
        ({"interlaced": True}, "interlaced"),
        ({"rotation": 90}, "rotated"),
        ({"mirrored": True}, "mirrored"),
        ({"bit_depth": 10, "pixel_format": "yuv420p10le"}, "8 bit"),
        ({"bitrate_bps": 60_000_000}, "bitrate"),
        ({"closed_gops": False}, "open"),
        ({"profile": "High 4:2:2"}, "profile"),
        ({"color_transfer": "arib-std-b67"}, "range"),
    ],
)
def test_only_what_conforms_is_copied(change: dict[str, Any], reason: str) -> None:
    video = replace(video_facts(keyframe_every=60), **change)
    result = layout(source_facts(video, audio_facts()), MediaSpec())
    assert result.copied is None
    assert result.reason is not None
    assert reason in result.reason


@pytest.mark.parametrize(
    ("wanted", "tracks"),
    [
        ([{"height": 720}, {"height": 480}], ["h264-720", "h264-480"]),
        ([{"height": 1080, "codec": "hevc"}, {"height": 480}], ["hevc-1080", "h264-480"]),
        ([{"height": 1080, "quality": 20}, {"height": 480}], ["h264-1080", "h264-480"]),
    ],
)
def test_a_ladder_that_was_asked_for_is_made_as_it_was(wanted: list[dict[str, Any]], tracks: list[str]) -> None:
    facts = source_facts(video_facts(keyframe_every=60), audio_facts())
    result = layout(facts, MediaSpec.model_validate({"renditions": wanted}))
    assert result.copied is None
    assert [rung.name for rung in result.rungs] == tracks


@pytest.mark.parametrize("above", [1080, 2160])
def test_a_source_is_copied_where_h264_of_its_size_was_asked_for_in_whatever_order(above: int) -> None:
    facts = source_facts(video_facts(keyframe_every=60), audio_facts())
    wanted = [{"height": above, "codec": "hevc"}, {"height": above}, {"height": 480}]
    result = layout(facts, MediaSpec.model_validate({"renditions": wanted}))
    assert result.copied is not None
    assert [rung.name for rung in result.rungs] == ["h264-1080", "hevc-1080", "h264-480"]


def test_encoded_rungs_take_over_the_copys_boundaries() -> None:
    result = made(source_facts(video_facts(keyframe_every=75), audio_facts()))
    copied = [sum(s) for s in result.node("remux").options["cut"]["gops"]]
    encoded = [sum(s) for n in result.nodes if n.stage == "encode" for s in n.options["cut"]["gops"]]
    assert copied == encoded


def test_every_chunk_is_made_of_the_promised_frames() -> None:
    for rate in (Fraction(30000, 1001), Fraction(25), Fraction(60)):
        video = video_facts(frames=7000, rate=rate)
        result = made(source_facts(video))
        frames = sum(sum(map(sum, n.options["cut"]["gops"])) for n in result.nodes if n.stage == "encode")
        assert frames == 7000 == result.node("package").options["frames"]


def test_a_silent_source_has_no_sound_and_a_source_without_picture_no_video() -> None:
    assert "audio" not in made(source_facts(video_facts())).node("package").inputs
    result = made(source_facts(None, audio_facts()))
    assert ids(result) == ["probe", "audio/0", "poster", "package"]


def test_each_sound_track_is_a_rendition_of_its_own() -> None:
    facts = source_facts(video_facts(), audio_facts(), replace(audio_facts(), index=2, language="de"))
    result = made(facts)
    assert [a["language"] for a in result.node("package").options["audio"]] == ["und", "de"]


@pytest.mark.parametrize("streams", [(), ("hls",)])
@pytest.mark.parametrize(("defaults", "track"), [((True, True), 0), ((False, True), 1), ((False, False), 0)])
def test_files_have_the_sound_that_plays_unless_one_chooses(
    streams: tuple[str, ...], defaults: tuple[bool, bool], track: int
) -> None:
    sounds = [replace(audio_facts(), index=n, default=default) for n, default in enumerate(defaults, 1)]
    result = made(source_facts(video_facts(), *sounds), outputs=[*streams, "mp4", "audio"])
    (mp4,) = (node for node in result.nodes if node.stage == "mp4")
    sound = result.node("audio_file")
    assert (mp4.options["audio"], sound.options["track"]) == (f"audio-{track}", f"audio-{track}")
    assert mp4.inputs["audio"] == sound.inputs["audio"]
    assert [n.options["cut"]["track"] for n in result.nodes if n.id in sound.inputs["audio"]] == [f"audio-{track}"]
    assert ("audio/1" in ids(result)) == bool(streams)


def test_progressive_files_alone_need_one_rung() -> None:
    result = made(source_facts(video_facts(), audio_facts()), outputs=[{"type": "mp4", "height": 480}])
    assert [r["name"] for r in result.node("encode/0").options["rungs"]] == ["h264-480"]
    assert "package" not in ids(result)


def test_a_lone_chunk_gets_all_cores_unless_it_is_short() -> None:
    result = made(source_facts(video_facts(frames=150, codec="hevc")), cores=4)
    assert result.node("encode/0").options["threads"] == 4
    assert made(source_facts(video_facts(frames=60)), cores=4).node("encode/0").options["threads"] == 1
    assert made(source_facts(video_facts(frames=18_000))).node("encode/0").options["threads"] == 1


@pytest.mark.parametrize(("frames", "threads", "cores"), [(150, 1, 0.65), (18_000, 2, 2)])
def test_frames_of_short_sources_are_taken_by_one_thread(frames: int, threads: int, cores: float) -> None:
    result = made(source_facts(video_facts(frames=frames)), outputs=["frames"])
    assert result.node("frames/0").options["threads"] == threads
    assert result.node("frames/0").needs.cpu == cores


def short_facts(*audio: AudioFacts, seconds: int = 5, keyframe_every: int = 150) -> SourceFacts:
    video = video_facts(width=1280, height=720, frames=30 * seconds, keyframe_every=keyframe_every)
    return source_facts(video, *(audio or (audio_facts(seconds=seconds),)))


def test_a_short_source_is_read_once_for_all_of_its_tracks() -> None:
    result = made(short_facts(), outputs=["hls", "mp4", "audio"])
    assert ids(result) == ["probe", "encode/0", "package", "mp4/720", "audio_file"]
    node = result.node("encode/0")
    assert made_by(node.stage, node.options) == {"h264-720": "video", "h264-480": "video", "audio-0": "audio"}
    assert [rung["name"] for rung in node.options["rungs"]] == ["h264-480"]
    both = {"video": ("encode/0",), "audio": ("encode/0",)}
    assert result.node("package").inputs == result.node("mp4/720").inputs == both
    assert result.node("audio_file").inputs == {"audio": ("encode/0",)}
    assert node.needs.cpu < 1
    assert node.encoder == "libx264"
    opus = replace(audio_facts(codec="opus", seconds=5), language="de")
    assert made(short_facts(opus, audio_facts(seconds=5))).node("encode/0").encoder == "libx264+aac"


def test_only_the_first_sound_is_made_where_no_streams_are_wanted() -> None:
    facts = short_facts(audio_facts(seconds=5), replace(audio_facts(seconds=5), index=2))
    sounds = made(facts, outputs=["mp4"]).node("encode/0").options["sounds"]
    assert [sound["track"] for sound in sounds] == ["audio-0"]
    assert len(made(facts, outputs=["hls"]).node("encode/0").options["sounds"]) == 2


@pytest.mark.parametrize(
    ("facts", "capacity"),
    [
        (short_facts(seconds=8, keyframe_every=60), Capacity(1)),
        (source_facts(video_facts(), audio_facts()), Capacity(2)),
        (source_facts(video_facts(width=320, height=180, frames=1200), audio_facts(seconds=40)), Capacity(2)),
        (short_facts(), Capacity(2, abilities=(frozenset(HARDWARE),))),
        (short_facts(*(replace(audio_facts(seconds=5), index=1 + n) for n in range(9))), Capacity(2)),
    ],
    ids=["all is copied", "long", "in chunks", "by hardware", "many sounds"],
)
def test_what_is_long_or_encoded_elsewhere_is_made_track_by_track(facts: SourceFacts, capacity: Capacity) -> None:
    spec = MediaSpec.model_validate({"renditions": [{"height": 720}, {"height": 480}, {"height": 360}]})
    if capacity.cores == 1:
        spec = MediaSpec.model_validate({"renditions": [{"height": 720}]})
    result = plan(facts, spec, capacity, PROBE)
    assert "audio/0" in ids(result)
    for node in result.nodes:
        if node.stage == "encode":
            assert node.options.keys() == {"cut", "rungs", "threads", "by", "decoder", "simulated"}
            assert node.needs.cpu >= 1


@pytest.mark.parametrize(
    ("outputs", "facts", "code"),
    [
        (["frames"], source_facts(None, audio_facts()), "frames_without_picture"),
        (["mp4"], source_facts(None, audio_facts()), "mp4_without_picture"),
        (["audio"], source_facts(video_facts()), "audio_missing"),
    ],
)
def test_what_the_source_has_not_is_refused(outputs: list[str], facts: SourceFacts, code: str) -> None:
    with pytest.raises(VidComputeError) as caught:
        made(facts, outputs=outputs)
    assert caught.value.code == code
    assert not caught.value.kind.retryable


def test_keys_change_with_what_decides_bytes_and_with_nothing_else() -> None:
    result = made(source_facts(video_facts(), audio_facts()))
    keys = content_keys(result, "org_a", "digest", "ffmpeg 9")
    assert keys == content_keys(Plan.from_json(result.to_json()), "org_a", "digest", "ffmpeg 9")
    for other in (("org_b", "digest", "ffmpeg 9"), ("org_a", "other", "ffmpeg 9"), ("org_a", "digest", "ffmpeg 8")):
        assert not set(keys.values()) & set(content_keys(result, *other).values())


def test_a_changed_rung_leaves_the_sound_and_the_images_alone() -> None:
    facts = source_facts(video_facts(), audio_facts())
    before = content_keys(made(facts), "org", "digest", "ffmpeg")
    after = content_keys(made(facts, renditions=[{"height": 720}]), "org", "digest", "ffmpeg")
    same = {i for i in before if before[i] == after.get(i)}
    assert same == {"probe", "audio/0", "poster", "storyboard", "preview"}


def test_plans_survive_json() -> None:
    result = made(source_facts(video_facts(), audio_facts()), outputs=["hls", "mp4", "frames"], vmaf=True)
    assert Plan.from_json(result.to_json()).to_json() == result.to_json()


def test_dependents_of_a_stage_are_it_and_what_follows() -> None:
    result = made(source_facts(video_facts(), audio_facts()), outputs=["hls", "mp4"])
    assert [n.id for n in dependents(result, "audio")] == ["audio/0", "package", "mp4/1080"]
