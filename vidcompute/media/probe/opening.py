"""Opens a file with the demuxer that its first bytes name, told to stay within that one file."""

from pathlib import Path

import av
import av.error
import av.logging
from av.container import InputContainer

from vidcompute.errors import VidComputeError, refused
from vidcompute.media.probe.limits import ProbeLimits, timed_out
from vidcompute.media.probe.names import ALLOWED_DEMUXERS, DECODER_WHITELIST
from vidcompute.media.probe.structure import too_many_streams

# Recordings in these may begin a stream late; they are read a little further for it.
_LATE_STREAMS = frozenset(("mpegts", "mpeg", "flv", "mxf"))


def open_source(path: Path, demuxer: str, limits: ProbeLimits) -> InputContainer:
    """The opened file. Raises `source_damaged`, `source_too_many_streams`, `probe_timeout`."""
    if demuxer not in ALLOWED_DEMUXERS:
        raise refused("source_not_media", f"Files of the kind {demuxer!r} are not accepted.")
    av.logging.set_level(None)
    try:
        container = av.open(
            f"file:{path}",
            "r",
            format=demuxer,
            container_options=_options(demuxer, limits),
            options={"max_pixels": str(limits.max_pixels), "threads": "1"},
            metadata_errors="replace",
            timeout=limits.max_wall_s,
        )
    except av.error.ExitError as error:
        raise timed_out() from error
    except (MemoryError, av.error.FFmpegError, ValueError) as error:
        raise unreadable(error) from error
    if len(container.streams) > limits.max_streams:
        container.close()
        raise too_many_streams(limits)
    return container


def _options(demuxer: str, limits: ProbeLimits) -> dict[str, str]:
    late = demuxer in _LATE_STREAMS
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": demuxer,
        "codec_whitelist": DECODER_WHITELIST,
        "probesize": str(50_000_000 if late else 10_000_000),
        "analyzeduration": str(10_000_000 if late else 5_000_000),
        "max_streams": str(max(limits.max_streams * 2, 100)),
    }
    if demuxer == "mov":
        options |= {"enable_drefs": "0", "use_absolute_path": "0"}
    return options


def unreadable(error: Exception) -> VidComputeError:
    """The refusal for what libav* says of a file that it can't read."""
    reason = getattr(error, "strerror", None) or "out of memory"
    return refused(
        "source_damaged",
        f"The file can't be read ({reason}): it is damaged, or not what it seems. Re-export it from where it was made.",
    )
