"""Pictures of an asset by URL: the poster, any moment in any size, and a bounded cache of what was made."""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

from vidcompute.errors import Kind, VidComputeError, not_found
from vidcompute.ids import new_id
from vidcompute.pipeline.stages.probe import Probe
from vidcompute.pipeline.stages.thumbnail import Thumbnail
from vidcompute.ports.executor import Call, Interactive
from vidcompute.services.playback.presentation import Presentation

SUFFIXES = {"jpeg": "jpg", "webp": "webp", "png": "png"}
_TIMEOUT_S = 20.0
_WAITING_MOST = 16  # for each that is made at a time: some seconds' worth, and nobody need wait for more
_USUAL_S = 2.0  # where posters are taken, unless that is black (see media.poster)


@dataclass(frozen=True)
class Wanted:
    """A picture as a URL asks for it; `time_s` None is the poster's moment."""

    time_s: float | None
    width: int | None
    height: int | None
    fit: str
    format: str
    quality: int = 80

    @property
    def is_poster(self) -> bool:
        """Whether the poster as it was made is just this."""
        return self.time_s is None and self.width is None and self.height is None and self.format == "jpeg"


class Thumbnails:
    """Makes pictures at any moment, a few at a time, each once."""

    def __init__(self, interactive: Interactive, folder: Path, *, at_once: int, cache_bytes: int) -> None:
        self._interactive = interactive
        self._folder = folder
        self._cache_bytes = cache_bytes
        self._slots = asyncio.Semaphore(at_once)
        self._most = at_once * (1 + _WAITING_MOST)
        self._under_way: dict[str, asyncio.Task[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():  # of an earlier life that was killed
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)

    async def picture(self, view: Presentation, source: Path, wanted: Wanted) -> bytes:
        """A picture as a file's bytes, from the cache or made now.

        Raises what the stage raises, `picture_not_found`, `pictures_busy` (unavailable) where too many wait already.
        """
        if view.facts is None or view.facts.video is None or view.snapshot.source is None:
            raise not_found("picture", view.snapshot.asset.playback_id)
        stage = Thumbnail(
            time_s=self._moment(view, wanted),
            width=wanted.width,
            height=wanted.height,
            fit=wanted.fit,
            format=wanted.format,
            quality=wanted.quality,
        )
        text = json.dumps([view.snapshot.source.digest, stage.version, asdict(stage)])
        name = hashlib.sha256(text.encode()).hexdigest()
        path = self._folder / f"{name}.{SUFFIXES[stage.format]}"
        with contextlib.suppress(FileNotFoundError):
            return await asyncio.to_thread(path.read_bytes)
        task = self._under_way.get(name)
        if task is None:
            if len(self._under_way) >= self._most:
                detail = "Too many pictures are being made; ask again."
                raise VidComputeError(Kind.UNAVAILABLE, "pictures_busy", detail, extra={"retry_after_s": 1})
            task = asyncio.create_task(self._make(view, source, stage, path))
            self._under_way[name] = task
            task.add_done_callback(lambda _: self._under_way.pop(name, None))
        return await asyncio.shield(task)

    @staticmethod
    def _moment(view: Presentation, wanted: Wanted) -> float:
        if wanted.time_s is not None:
            return wanted.time_s
        chosen_ms = view.snapshot.asset.poster_time_ms
        if chosen_ms is not None:
            return chosen_ms / 1000
        poster = view.snapshot.artifacts.get("poster")
        if poster is not None:
            return float(poster.facts["time_ms"]) / 1000
        video = view.facts.video if view.facts else None
        return 0.0 if video is None else min(_USUAL_S, float(video.duration) / 2)

    async def _make(self, view: Presentation, source: Path, stage: Thumbnail, path: Path) -> bytes:
        folder = self._folder / new_id("thumb")
        call = Call(
            stage=stage.name,
            version=stage.version,
            options=asdict(stage),
            inputs={"source": (str(source),)},
            output=str(folder),
            timeout_s=_TIMEOUT_S,
            facts={"probe": view.snapshot.artifacts[Probe.name].facts},
        )
        try:
            async with self._slots, contextlib.aclosing(self._interactive.call(call)) as told:
                async for _ in told:
                    pass
            made = folder / f"thumbnail.{SUFFIXES[stage.format]}"
            data = await asyncio.to_thread(made.read_bytes)  # at once: the cache may be too small to keep it
            await asyncio.to_thread(made.rename, path)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        await asyncio.to_thread(self._trim)
        return data

    def _trim(self) -> None:
        """Remove the pictures that were made first until the others fit into the cache."""
        files: list[tuple[os.stat_result, Path]] = []
        for entry in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # who made another one trims as well
                status = entry.stat()
                if stat.S_ISREG(status.st_mode):
                    files.append((status, entry))
        files.sort(key=lambda found: found[0].st_mtime_ns, reverse=True)
        kept_bytes = 0
        for status, entry in files:
            kept_bytes += status.st_size
            if kept_bytes > self._cache_bytes and status is not files[0][0]:
                entry.unlink(missing_ok=True)
