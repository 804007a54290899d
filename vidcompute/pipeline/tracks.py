"""Which tracks of an asset a node of a plan makes, or a part of: its renditions and its sounds. Pure."""

from collections.abc import Mapping
from typing import Any

from vidcompute.pipeline.stages.audio import EncodeAudio
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.pipeline.stages.remux import Remux


def made_by(stage: str, options: Mapping[str, Any]) -> list[str]:
    """The names of the tracks that a stage makes with these options; none for most stages."""
    if stage == EncodeAudio.name:
        return [str(options["cut"]["track"])]
    if stage == Remux.name:
        return [str(options["track"])]
    if stage == Encode.name:
        return [str(rung["name"]) for rung in options.get("rungs", ())]
    return []


def is_sound(stage: str) -> bool:
    """Whether what this stage makes is to be heard, not seen."""
    return stage == EncodeAudio.name


def makes_parts(stage: str) -> bool:
    """Whether a plan may have several nodes of this stage, each of which makes a part of the same tracks."""
    return stage == Encode.name
