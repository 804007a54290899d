"""Judges what was found against the limits."""

from collections.abc import Sequence
from fractions import Fraction

from av.container import InputContainer

from vidcompute.errors import VidComputeError, refused
from vidcompute.media.facts import AudioFacts, VideoFacts
from vidcompute.media.probe.limits import ProbeLimits
from vidcompute.media.probe.timeline import Timeline

# A picture that stands for this many of the usual steps is a hole in time, not a slow slide show.
_HOLE_STEPS = 1000


def nothing(container: InputContainer) -> VidComputeError:
    """The refusal of a file without video or sound that could be read."""
    if container.streams.video:
        detail = "The file holds only a cover picture: no video, and no sound that can be read."
    elif len(container.streams):
        detail = "The file holds no video, and no sound that can be read."
    else:
        detail = "The file holds no streams at all: it is empty or cut short."
    return refused("source_no_streams", detail)


def check_holes(video: VideoFacts, line: Timeline, tracks: Sequence[AudioFacts], limits: ProbeLimits) -> None:
    """Raise `source_time_holes` where filling gaps in time would make far more pictures than there are,

    and `source_too_long` where there really are too many.
    """
    if video.frame_count > limits.max_frames:
        raise refused("source_too_long", f"The video has {video.frame_count} pictures; at most {limits.max_frames} go.")
    filled = int(video.duration * min(line.nominal_rate, Fraction(limits.max_frame_rate)))
    since, until = (tick * video.time_base for tick in line.longest_gap)
    steps = (until - since) * line.nominal_rate
    sounding = any(track.start <= since + 1 and track.start + track.duration >= until - 1 for track in tracks)
    hole = until - since > limits.max_hole_s and steps > _HOLE_STEPS and not sounding
    if hole or filled > limits.max_frames:
        raise refused(
            "source_time_holes",
            f"After {float(since - video.start):.1f} s the video stands still for {float(until - since):.0f} s: its "
            f"timestamps are damaged. {video.frame_count} pictures would become {filled}. Re-export it.",
        )


def check_length(duration: Fraction, limits: ProbeLimits) -> None:
    """Raise `source_too_long`."""
    if duration > limits.max_duration_s:
        raise refused(
            "source_too_long",
            f"The file plays for {float(duration) / 3600:.1f} h; at most {limits.max_duration_s / 3600:g} h go.",
        )
