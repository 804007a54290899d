"""Which encoder makes which rendition, from what nodes can do."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tests.facts import audio_facts, source_facts, video_facts
from vidcompute.errors import VidComputeError
from vidcompute.media.facts import SourceFacts
from vidcompute.pipeline.plan import SOURCE, Plan, PlanNode, content_keys
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import HardwareEncoding, MediaSpec
from vidcompute.pipeline.stage import Cost, options_of
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.pipeline.stages.probe import Probe
from vidcompute.ports.executor import Gpu, NodeInfo
from vidcompute.runner.decode import decode

PROBE = PlanNode("probe", "probe", 1, options_of(Probe()), {"source": (SOURCE,)}, Cost(0.1, 0.1))
PLAIN = NodeInfo("plain", 4, 16 * 10**9)
NVIDIA = NodeInfo(
    "nvidia",
    8,
    32 * 10**9,
    (Gpu("L4", 24 * 10**9),),
    encoders=("h264_nvenc", "hevc_nvenc"),
    decoders=("cuda",),
)
INTEL = NodeInfo("intel", 8, 32 * 10**9, encoders=("h264_vaapi", "av1_vaapi"), decoders=("vaapi",))
FULL = source_facts(video_facts(frames=300), audio_facts())


def made(
    *nodes: NodeInfo, facts: SourceFacts = FULL, mode: HardwareEncoding = HardwareEncoding.AUTO, **spec: Any
) -> Plan:
    return plan(facts, MediaSpec.model_validate(spec), Capacity.of(nodes, mode), PROBE)


def encode_of(result: Plan) -> tuple[PlanNode, Encode]:
    node = result.node("encode/0")
    return node, decode(Encode, node.options)


def test_without_hardware_all_is_as_ever() -> None:
    node, stage = encode_of(made(PLAIN))
    assert (node.encoder, set(stage.by), stage.decoder) == ("libx264", {"libx264"}, "")
    assert stage.needs().abilities == ()
    assert stage.needs().gpus == 0


def test_hardware_makes_all_but_what_plays_first() -> None:
    result = made(PLAIN, NVIDIA)
    node, stage = encode_of(result)
    assert dict(zip([r.name for r in stage.rungs], stage.by, strict=True)) == {
        "h264-1080": "h264_nvenc",
        "h264-720": "h264_nvenc",
        "h264-480": "libx264",
    }
    assert node.encoder == "h264_nvenc+libx264"
    assert "h264_nvenc encodes h264-1080, h264-720." in result.notes
    assert "The source is decoded by cuda." in result.notes
    needs = stage.needs()
    assert needs.abilities == ("h264_nvenc", "cuda")
    assert needs.gpus == 2 / 8
    assert needs.cpu == 4  # of eight
    assert 300 * 2**20 < needs.gpu_memory_bytes < 10**9


def test_a_copied_best_rendition_leaves_all_others_to_hardware() -> None:
    facts = source_facts(video_facts(keyframe_every=60), audio_facts())
    node, _ = encode_of(made(NVIDIA, facts=facts))
    assert node.encoder == "h264_nvenc"


def test_a_file_without_streams_is_made_in_hardware_as_a_whole() -> None:
    node, _ = encode_of(made(NVIDIA, outputs=[{"type": "mp4", "height": 480}]))
    assert node.encoder == "h264_nvenc"


def test_all_renditions_of_a_chunk_are_made_on_one_node_by_one_family() -> None:
    both = [{"height": 720, "codec": codec} for codec in ("h264", "hevc", "av1")]
    node, stage = encode_of(made(INTEL, NVIDIA, outputs=["mp4", "hls"], renditions=[*both, {"height": 360}]))
    used = set(stage.needs().abilities)
    assert used <= {*NVIDIA.encoders, *NVIDIA.decoders} or used <= {*INTEL.encoders, *INTEL.decoders}
    assert node.encoder == "h264_vaapi+libx265+av1_vaapi+libx264"  # as many as the other, and found first
    assert stage.needs().gpus == 0


@pytest.mark.parametrize(
    ("change", "spec"),
    [
        ({}, {"hardware_encoding": "off"}),
        ({}, {"renditions": [{"height": 1080, "quality": 20}, {"height": 480}]}),
        ({"hdr": True}, {"renditions": [{"height": 1080, "codec": "hevc"}, {"height": 480}]}),
        ({"width": 320, "height": 180}, {"renditions": [{"height": 180}, {"height": 144}]}),
        ({"width": 7680, "height": 4320}, {"renditions": [{"height": 480}]}),
    ],
)
def test_what_hardware_should_not_or_can_not_make_is_made_in_software(
    change: dict[str, Any], spec: dict[str, Any]
) -> None:
    facts = source_facts(video_facts(frames=300, **change), audio_facts())
    node, stage = encode_of(made(NVIDIA, facts=facts, **spec))
    assert "nvenc" not in node.encoder
    assert stage.needs().abilities == ()


def test_a_job_for_which_it_is_off_says_so() -> None:
    assert "Encoding in hardware is off for this job." in made(NVIDIA, hardware_encoding="off").notes
    assert not [note for note in made(PLAIN).notes if "hardware" in note]


def test_a_bitrate_is_a_bitrate_everywhere() -> None:
    node, _ = encode_of(made(NVIDIA, renditions=[{"height": 1080, "bitrate_bps": 5_000_000}, {"height": 480}]))
    assert node.encoder == "h264_nvenc+libx264"


def test_required_is_required() -> None:
    ladder = [{"height": 1080, "quality": 20}, {"height": 480}]
    wanted: dict[str, Any] = {"renditions": ladder, "hardware_encoding": "required"}
    node, _ = encode_of(made(NVIDIA, **wanted))
    assert node.encoder == "h264_nvenc+libx264"
    with pytest.raises(VidComputeError, match="no node can do it for h264") as caught:
        made(PLAIN, **wanted)
    assert (caught.value.code, caught.value.kind.retryable) == ("hardware_encoder_missing", False)
    with pytest.raises(VidComputeError, match="no node can do it for av1"):
        made(NVIDIA, mode=HardwareEncoding.REQUIRED, renditions=[{"height": 720, "codec": "av1"}, {"height": 480}])


def test_the_servers_word_counts_where_the_job_has_none_and_off_always() -> None:
    assert "nvenc" not in encode_of(made(NVIDIA, mode=HardwareEncoding.OFF))[0].encoder
    assert "nvenc" not in encode_of(made(NVIDIA, mode=HardwareEncoding.OFF, hardware_encoding="auto"))[0].encoder
    with pytest.raises(VidComputeError, match="switched off"):
        made(NVIDIA, mode=HardwareEncoding.OFF, hardware_encoding="required")
    assert "nvenc" not in encode_of(made(NVIDIA, mode=HardwareEncoding.REQUIRED, hardware_encoding="off"))[0].encoder


@pytest.mark.parametrize(
    ("change", "decoder"),
    [
        ({}, "cuda"),
        ({"codec": "vp9"}, "cuda"),
        ({"codec": "prores"}, ""),
        ({"pixel_format": "yuv422p"}, ""),
    ],
)
def test_the_source_is_decoded_in_hardware_where_that_is_sure(change: dict[str, Any], decoder: str) -> None:
    facts = source_facts(replace(video_facts(frames=300), **change), audio_facts())
    assert encode_of(made(NVIDIA, facts=facts))[1].decoder == decoder


def test_simulated_nodes_are_planned_for_as_if_they_were_there_but_under_keys_of_their_own() -> None:
    real, simulated = made(NVIDIA), made(replace(NVIDIA, simulated=True))
    assert encode_of(simulated)[0].encoder == "h264_nvenc+libx264 (simulated)"
    assert encode_of(simulated)[1].needs() == encode_of(real)[1].needs()
    keys = [content_keys(result, "org", "digest", "9")["encode/0"] for result in (real, simulated, made(PLAIN))]
    assert len(set(keys)) == 3
    assert any("only simulated" in note for note in simulated.notes)


def test_work_is_cut_for_the_cores_of_all_nodes_and_a_thread_count_fits_on_one() -> None:
    long = source_facts(video_facts(frames=30 * 60 * 10, rate=Fraction(30)))
    assert Capacity.of([PLAIN, NVIDIA]).cores == 12
    few = [n for n in made(PLAIN, facts=long).nodes if n.stage == "encode"]
    many = made(PLAIN, NVIDIA, NVIDIA, NVIDIA, facts=long, hardware_encoding="off").nodes
    assert len([n for n in many if n.stage == "encode"]) > len(few)
    short = source_facts(video_facts(frames=400))
    assert encode_of(made(PLAIN, PLAIN, PLAIN, facts=short))[1].threads == 4
    assert Capacity.of([]).cores == 1
