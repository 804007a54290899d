"""Command lines of the ladder."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.facts import video_facts
from vidcompute.media import encode, ladder, timeline
from vidcompute.media.ladder import Wish

WISHES = st.lists(
    st.builds(Wish, st.sampled_from([1080, 720, 480, 240]), st.sampled_from(["h264", "hevc"])), min_size=1
)


@given(wishes=WISHES)
def test_each_size_is_made_once_and_of_the_next_larger_one(wishes: list[Wish]) -> None:
    video = video_facts(width=1920, height=1080)
    line = timeline.build(video)
    rungs = ladder.rungs(video, line.frame_rate, tuple(wishes))
    part = encode.cut(line, video, "mov", timeline.chunks(line, video, 1)[0])
    arguments = encode.encode_args(part, [(rung, f"pipe:{n}") for n, rung in enumerate(rungs)])
    graph = arguments[arguments.index("-filter_complex") + 1]
    sizes = [(int(width), int(height)) for width, height in re.findall(r"scale=(\d+):(\d+)", graph)]
    assert sizes == sorted({(rung.width_px, rung.height_px) for rung in rungs}, reverse=True)
    for n, rung in enumerate(rungs):
        assert _scaled_to(graph, f"v{n}") == [size for size in sizes if size >= (rung.width_px, rung.height_px)]


def _scaled_to(graph: str, label: str) -> list[tuple[int, int]]:
    """The sizes that a picture goes through on its way to a label, the first one first."""
    for chain in graph.split(";"):
        filters, *outputs = re.split(r"\[(?=[^\]]*\](?:\[|$))", chain)
        if label in [output.rstrip("]") for output in outputs]:
            made = [(int(width), int(height)) for width, height in re.findall(r"scale=(\d+):(\d+)", filters)]
            fed = re.match(r"\[([a-z]+\d+)\]", chain)
            return [*(_scaled_to(graph, fed[1]) if fed else []), *made]
    raise AssertionError(f"nothing makes {label}")
