"""Playback: what a playback ID stands for now, its playlists, and where each of its files is."""

import asyncio
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcompute.db.engine import Database
from vidcompute.errors import Kind, VidComputeError, not_found
from vidcompute.ids import is_id, is_playback_id
from vidcompute.media import dash_texts, playlists
from vidcompute.media import facts as source_facts
from vidcompute.media.facts import SourceFacts
from vidcompute.media.playlists import IFRAMES_NAME, PLAYLIST_NAME
from vidcompute.pipeline.recipes.layout import Layout, layout
from vidcompute.pipeline.spec import Hls, MediaSpec
from vidcompute.pipeline.stages.audio import EncodeAudio
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.pipeline.stages.package import DASH, FOLDER, MANIFEST, MULTIVARIANT, Package
from vidcompute.pipeline.stages.probe import Probe
from vidcompute.pipeline.stages.remux import Remux
from vidcompute.pipeline.stages.texts import Texts as SourceTexts
from vidcompute.ports.storage import Storage
from vidcompute.services.playback import queries
from vidcompute.services.playback.makers import Makers
from vidcompute.services.playback.models import Snapshot
from vidcompute.services.playback.presentation import Presentation
from vidcompute.services.playback.texts import Texts, described, renditions
from vidcompute.services.states import AssetStatus

# How long a view is taken for true: an unfinished one changes with every chunk, a complete one with a deletion only.
_FRESH_S, _FRESH_COMPLETE_S = 0.4, 5.0
_VIEWS_MAX = 512


@dataclass(frozen=True)
class File:
    """Where a file is: `key` in storage for good, or `path` on this machine for now."""

    key: str | None = None
    path: Path | None = None


@dataclass
class _View:
    presentation: Presentation
    until: float


class Playback:
    """What the HTTP edge asks for streams: a short-lived cache of views, and the makers of fast rungs."""

    def __init__(self, db: Database, storage: Storage, makers: Makers) -> None:
        self._db = db
        self._storage = storage
        self.texts = Texts(db, storage)
        self.makers = makers
        self._views: dict[str, _View] = {}
        self._asked_s: dict[str, float] = {}  # when somebody last waited for an asset to become playable

    async def view(self, playback_id: str, *, fresh: bool = False) -> Presentation:
        """The presentation of a playback ID; `playback_not_found` where there is none."""
        if not is_playback_id(playback_id):
            raise not_found("playback", playback_id[:80])
        known = self._views.get(playback_id)
        if known is not None and known.until > time.monotonic() and not fresh:
            return known.presentation
        presentation = present(await self._db.read(queries.by_playback_id, playback_id))
        if len(self._views) >= _VIEWS_MAX:
            self._views.pop(next(iter(self._views)))
        fresh_s = _FRESH_COMPLETE_S if presentation.complete else _FRESH_S
        self._views[playback_id] = _View(presentation, time.monotonic() + fresh_s)
        return presentation

    async def playable(self, playback_id: str) -> Presentation:
        """The presentation once a viewer can start; one that comes to it within the holding time is waited for."""

        def decided(view: Presentation) -> bool:
            return view.opens or view.complete or view.without_streams

        return await self._held(playback_id, decided)

    async def _held(self, playback_id: str, decided: Callable[[Presentation], bool]) -> Presentation:
        """The presentation as soon as it is `decided`, looked at after each commit; as it is after the holding time."""
        view = await self.view(playback_id)
        if decided(view):
            return view
        self._asked(view.snapshot.asset.id)
        deadline = time.monotonic() + self.makers.limits.hold_s
        with self._db.subscribe() as commits:
            while True:
                view = await self.view(playback_id, fresh=True)
                left_s = deadline - time.monotonic()
                if decided(view) or left_s <= 0:
                    return view
                await commits.wait(left_s)

    def _asked(self, asset_id: str) -> None:
        if len(self._asked_s) >= _VIEWS_MAX:
            self._asked_s.pop(next(iter(self._asked_s)))
        self._asked_s[asset_id] = time.monotonic()

    def is_awaited(self, asset_id: str) -> bool:
        """Whether somebody waits for it to become playable, or did until just now."""
        return time.monotonic() - self._asked_s.get(asset_id, -math.inf) <= self.makers.limits.hold_s

    async def multivariant(self, playback_id: str, handle: str, *, planned: bool) -> str:
        """The multivariant playlist as text; the addresses in it begin with `handle`."""
        view = await self.playable(playback_id)
        text = await self._packaged(view, MULTIVARIANT, handle) or view.multivariant(handle, planned=planned)
        return playlists.with_texts(text, renditions(await self.texts.of(view.snapshot.asset.id)), handle)

    async def dash(self, playback_id: str, handle: str) -> str:
        """The DASH manifest as text; `dash_manifest_not_found` until every rendition is complete."""
        view = await self.view(playback_id)
        text = await self._packaged(view, DASH, handle)
        if text is None:
            raise not_found("dash_manifest", playback_id)
        return dash_texts.with_texts(text, renditions(await self.texts.of(view.snapshot.asset.id)), handle)

    async def media_playlist(self, playback_id: str, track: str) -> str:
        """The playlist of one track as text."""
        view = await self.playable(playback_id)
        if is_text(track):
            await self.texts.get(view.snapshot.asset.id, track)
            return view.text_playlist()
        if view.complete and track not in view.tracks:
            raise not_found("track", track)
        return await self._packaged(view, f"{track}/{PLAYLIST_NAME}") or view.media_playlist(track)

    async def iframe_playlist(self, playback_id: str, track: str) -> str:
        """The I-frame playlist of one rendition as text, once all are complete."""
        view = await self.view(playback_id)
        text = await self._packaged(view, f"{track}/{IFRAMES_NAME}") if track in view.tracks else None
        if text is None:
            raise not_found("iframe_playlist", track)
        return text

    async def manifest(self, playback_id: str, handle: str) -> str:
        """All outputs as JSON: tracks as they were packaged, and the files and images beside them."""
        view = await self.view(playback_id)
        packaged = await self._told_by_package(view, handle)
        if packaged is None:
            raise not_found("manifest", playback_id)
        texts = [described(track) for track in await self.texts.of(view.snapshot.asset.id)]
        tracks = [*packaged.pop("tracks"), *texts]
        return json.dumps({"playback_id": playback_id, "tracks": tracks, **packaged, "files": _files(view)}, indent=1)

    async def _told_by_package(self, view: Presentation, handle: str) -> dict[str, Any] | None:
        """The package's manifest; one without tracks where all is there and no streams were asked for."""
        if view.without_streams:
            return {"tracks": []} if view.snapshot.asset.status == AssetStatus.READY else None
        text = await self._packaged(view, MANIFEST, handle)
        return None if text is None else json.loads(text)

    async def text_segment(self, playback_id: str, track: str, file_name: str) -> str:
        """A WebVTT segment of a text track. Raises `track_not_found`, `segment_not_found`."""
        view = await self.playable(playback_id)
        found = await self.texts.get(view.snapshot.asset.id, track)
        return view.text_segment(await self.texts.cues(found), file_name)

    async def text_key(self, playback_id: str, track: str) -> str:
        """Where the whole WebVTT file of a text track lies in storage. Raises `track_not_found`."""
        view = await self.view(playback_id)
        return (await self.texts.get(view.snapshot.asset.id, track)).storage_key

    async def _packaged(self, view: Presentation, name: str, handle: str = "") -> str | None:
        """A text of the package, with `handle` in the addresses that it has beside those relative to itself."""
        key = view.packaged(name)
        if key is None:
            return None
        return b"".join([piece async for piece in self._storage.read(key)]).decode().replace(f"{FOLDER}/", f"{handle}/")

    async def file(self, playback_id: str, track: str, file_name: str) -> File:
        """A track's `init.mp4` or segment: from storage for good, else made now or waited for.

        Raises `track_not_found`, `segment_not_found`, `segment_not_ready`, `seeks_limited`.
        """
        view = await self.playable(playback_id)
        key = view.stored(track, file_name)
        if key is None and track in view.ready_tracks:
            return File(path=await self.makers.file(view, await self.source(view.snapshot), track, file_name))
        if key is None:
            view = await self._held(playback_id, lambda now: now.stored(track, file_name) is not None)
            key = view.stored(track, file_name)
        if key is None:
            raise not_ready(track)
        return File(key=key)

    async def source(self, snapshot: Snapshot, *, patient: bool = False) -> Path:
        """The source's file on this machine, where it is fetched to from a store that is elsewhere.

        Raises `source_not_fetched` (unavailable) where that takes longer than a viewer waits, unless `patient`.
        """
        if snapshot.source is None:
            raise not_found("source", snapshot.asset.id)
        target = self.makers.sources / snapshot.source.id
        if await asyncio.to_thread(self.makers.has_source, target):
            return target
        try:
            async with asyncio.timeout(None if patient else self.makers.limits.hold_s):
                return await self._storage.fetch(snapshot.source.storage_key, target)
        except TimeoutError:
            detail = "The video is still on its way from the storage to this machine; ask again."
            extra = {"retry_after_s": 1}
            raise VidComputeError(Kind.UNAVAILABLE, "source_not_fetched", detail, extra=extra) from None


def is_text(track: str) -> bool:
    """Whether a track's name is one of text tracks: those are called by their identifiers."""
    return is_id("track", track)


_TRACK_STAGES = frozenset(stage.name for stage in (Encode, Remux, EncodeAudio, SourceTexts, Package, Probe))


def _files(view: Presentation) -> list[dict[str, Any]]:
    nodes = view.snapshot.plan.nodes if view.snapshot.plan else ()
    made = ((node, view.snapshot.artifacts.get(node.id)) for node in nodes if node.stage not in _TRACK_STAGES)
    return [
        {"output": node.id, "size_bytes": artifact.size_bytes, "sha256": artifact.digest, "facts": dict(artifact.facts)}
        for node, artifact in made
        if artifact is not None
    ]


def not_ready(track: str) -> VidComputeError:
    """A rendition is not made that far yet."""
    detail = f"{track} is still being made; ask again."
    return VidComputeError(Kind.UNAVAILABLE, "segment_not_ready", detail, extra={"retry_after_s": 1})


def present(snapshot: Snapshot) -> Presentation:
    """The presentation of a snapshot: its layout is worked out again from what was probed and asked for."""
    artifact = snapshot.artifacts.get(Probe.name)
    if snapshot.job is None or snapshot.plan is None or artifact is None:
        return Presentation(snapshot, None, None)
    known = _LAID_OUT.get(snapshot.job.id)
    if known is None:
        known = _lay_out(artifact.facts, snapshot.job.spec)
        if len(_LAID_OUT) >= _VIEWS_MAX:
            _LAID_OUT.pop(next(iter(_LAID_OUT)))
        _LAID_OUT[snapshot.job.id] = known
    return Presentation(snapshot, *known)


# By job: what a job was given never changes, and laying out an hour of video takes milliseconds.
_LAID_OUT: dict[str, tuple[SourceFacts, Layout | None]] = {}


def _lay_out(facts_json: Mapping[str, Any], spec_json: Mapping[str, Any]) -> tuple[SourceFacts, Layout | None]:
    facts = source_facts.from_json(dict(facts_json))
    spec = MediaSpec.model_validate({name: spec_json[name] for name in MediaSpec.model_fields})
    has_streams = any(isinstance(output, Hls) for output in spec.outputs)
    return facts, layout(facts, spec) if has_streams else None
