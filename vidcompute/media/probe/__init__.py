"""Finds out what a source is. Importing this is cheap; probing imports PyAV, and belongs in a sandboxed process."""

from pathlib import Path

from vidcompute.media.facts import SourceFacts
from vidcompute.media.probe.limits import ProbeLimits, Report

__all__ = ["ProbeLimits", "Report", "probe"]


def probe(path: Path, limits: ProbeLimits | None = None, report: Report | None = None) -> SourceFacts:
    """The facts of the media file at `path`, whatever its name says.

    Reads in this process, with libav*: the file is hostile, so call it in a sandboxed child. `report` is told how far
    it is (0 to 1) where all packets must be read. Raises a refusal with a stable code for what can't be processed:
    `source_empty`, `source_not_media`, `source_is_playlist`, `source_truncated`, `source_damaged`, `source_no_streams`,
    `source_external_reference`, `source_too_long`, `source_too_large_picture`, `source_too_many_streams`,
    `source_too_many_packets`, `source_time_holes`, `source_clock_restarts`, `source_encrypted`,
    `video_codec_unsupported`, `video_undecodable`, `probe_timeout`.
    """
    from vidcompute.media.probe.source import probe_source

    return probe_source(path, limits or ProbeLimits(), report)
