"""ffmpeg's machine-readable progress (`-progress`), as values."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class FfmpegProgress:
    """One report: frames out, frames a second, microseconds of media out, speed against real time, bytes out.

    None where ffmpeg does not know (yet). `done` marks the last report of a run.
    """

    frame: int | None
    fps: float | None
    out_time_us: int | None
    speed: float | None
    total_size_bytes: int | None
    duplicated_frames: int
    dropped_frames: int
    done: bool

    @property
    def advance(self) -> tuple[int | None, int | None, int | None]:
        """What must change from report to report while work is done."""
        return self.frame, self.out_time_us, self.total_size_bytes


def _whole(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


def _rate(text: str | None) -> float | None:
    try:
        return float((text or "").strip().removesuffix("x"))
    except ValueError:
        return None


class ProgressParser:
    """Turns the bytes of a progress pipe into reports, however they are cut."""

    def __init__(self) -> None:
        self._pending = b""
        self._fields: dict[str, str] = {}

    def feed(self, data: bytes) -> Iterator[FfmpegProgress]:
        """The reports that `data` completes. Lines that are no `key=value` are passed over."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        self._pending = self._pending[-4096:]
        for line in lines:
            key, equals, value = line.decode("ascii", "replace").strip().partition("=")
            if not equals:
                continue
            self._fields[key] = value.strip()
            if key == "progress":
                yield self._report()
                self._fields.clear()

    def _report(self) -> FfmpegProgress:
        fields = self._fields
        return FfmpegProgress(
            frame=_whole(fields.get("frame")),
            fps=_rate(fields.get("fps")),
            out_time_us=_whole(fields.get("out_time_us")),
            speed=_rate(fields.get("speed")),
            total_size_bytes=_whole(fields.get("total_size")),
            duplicated_frames=_whole(fields.get("dup_frames")) or 0,
            dropped_frames=_whole(fields.get("drop_frames")) or 0,
            done=fields["progress"] == "end",
        )
