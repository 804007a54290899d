"""Which tracks of an asset a node of a plan makes, or a part of: its renditions and its sounds. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from vidcompute.pipeline.stages.audio import EncodeAudio
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.pipeline.stages.remux import Remux

TrackKind = Literal["video", "audio"]


def made_by(stage: str, options: Mapping[str, Any]) -> dict[str, TrackKind]:
    """The tracks that a stage makes with these options, each by its name with its kind; none for most stages."""
    if stage == EncodeAudio.name:
        return {str(options["cut"]["track"]): "audio"}
    if stage == Remux.name:
        return {str(options["track"]): "video"}
    if stage == Encode.name:
        copied = filter(None, (options.get("copied"),))
        pictures: dict[str, TrackKind] = dict.fromkeys((*copied, *_names(options.get("rungs", ()))), "video")
        sounds: dict[str, TrackKind] = dict.fromkeys(_names(options.get("sounds", ()), "track"), "audio")
        return pictures | sounds
    return {}


def _names(described: Iterable[Mapping[str, Any]], field: str = "name") -> list[str]:
    return [str(one[field]) for one in described]


def makes_parts(stage: str) -> bool:
    """Whether a plan may have several nodes of this stage, each of which makes a part of the same tracks."""
    return stage == Encode.name
