"""The probe itself: first bytes, structure, streams, first frames, timelines, limits; in that order."""

from dataclasses import dataclass
from pathlib import Path

from av.container import InputContainer
from av.stream import Disposition

from vidcompute.errors import refused
from vidcompute.media import sniff
from vidcompute.media.facts import AudioFacts, SourceFacts, VideoFacts
from vidcompute.media.probe import chapters, pictures, sounds, texts, verdict
from vidcompute.media.probe.blocks import BlockIndex, block_index
from vidcompute.media.probe.limits import Budget, ProbeLimits, Report
from vidcompute.media.probe.names import PCM_DEMUXERS
from vidcompute.media.probe.opening import open_source
from vidcompute.media.probe.scan import AudioReader, Reader, VideoReader, read
from vidcompute.media.probe.spliced import splice
from vidcompute.media.probe.structure import Structure, examine
from vidcompute.media.probe.table import video_table
from vidcompute.media.probe.timeline import Timeline


@dataclass(frozen=True)
class _Source:
    """A file that passed the first look."""

    path: Path
    demuxer: str
    size_bytes: int
    structure: Structure


def probe_source(path: Path, limits: ProbeLimits, report: Report | None) -> SourceFacts:
    """The facts of the file at `path`; see `vidcompute.media.probe.probe`."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(sniff.HEAD_BYTES)
        refusal = sniff.refusal(head)
        if refusal is not None:
            raise refused(*refusal)
        demuxer = sniff.sniff(head)
        if demuxer is None:
            raise refused("source_not_media", "This is no video or sound file of a kind that can be read.")
        structure = examine(file, size_bytes, demuxer, limits)
    source = _Source(path.resolve(), demuxer, size_bytes, structure)
    budget = Budget(limits, size_bytes, report)
    facts = None
    if structure.indexed or demuxer in PCM_DEMUXERS:
        with open_source(source.path, demuxer, limits) as container:
            facts = _Reading(container, source, limits, budget).by_index()
    elif demuxer == "matroska" and (blocks := block_index(source.path, budget)) is not None:
        with open_source(source.path, demuxer, limits) as container:
            facts = _Reading(container, source, limits, budget).by_blocks(blocks)
    if facts is None:
        with open_source(source.path, demuxer, limits) as container:
            facts = _Reading(container, source, limits, budget).by_packets()
    return facts


class _Reading:
    """One opened file: which of its streams count, and what they come to."""

    def __init__(self, container: InputContainer, source: _Source, limits: ProbeLimits, budget: Budget) -> None:
        self._container = container
        self._source = source
        self._limits = limits
        self._budget = budget
        self._warnings = list(source.structure.warnings)
        self._video = self._video_reader()
        self._audio = self._audio_readers()
        if self._video is None and not self._audio:
            raise verdict.nothing(container)

    def _video_reader(self) -> VideoReader | None:
        """The first video stream that isn't cover art, as ffmpeg's `0:V:0` has it."""
        videos = self._container.streams.video
        streams = [s for s in videos if not s.disposition & Disposition.attached_pic]
        if len(streams) < len(videos):
            self._warnings.append("The file has a cover picture; it isn't video, and is left out.")
        if not streams:
            return None
        if len(streams) > 1:
            self._warnings.append(f"The file has {len(streams)} videos; the first one is taken.")
        pictures.check_codec(streams[0])
        context = streams[0].codec_context
        pictures.check_size(context.width, context.height, self._limits)
        context.thread_count = 1
        context.options = {"max_pixels": str(self._limits.max_pixels)}
        return VideoReader(streams[0])

    def _audio_readers(self) -> list[AudioReader]:
        readers = []
        for stream in self._container.streams.audio:
            if sounds.readable(stream):
                readers.append(AudioReader(stream))
            else:
                self._warnings.append(f"Audio stream {stream.index} has a codec that can't be read; it is left out.")
        return readers

    @property
    def _readers(self) -> list[Reader]:
        return [*([self._video] if self._video else []), *self._audio]

    def by_index(self) -> SourceFacts | None:
        """The facts by the container's index and first packets; None where that can't tell them exactly."""
        size_bytes, exact = self._source.size_bytes, self._source.demuxer in PCM_DEMUXERS
        read(self._container, self._readers, self._budget, beginning=True)
        tracks = []
        for reader in self._audio:
            end = sounds.from_table(reader, size_bytes, header_is_exact=exact)
            if end is None:
                return None
            tracks.append(sounds.facts(reader, end))
        if self._video is None:
            return self._judged(None, None, tracks)
        if self._video.first is None:
            return None
        index = video_table(self._video, self._source.path, self._source.structure, size_bytes)
        if index is None:
            return None
        line = pictures.from_table(self._container, self._video, index, self._budget, self._warnings)
        return None if line is None else self._judged(*self._picture(self._video, line, index.size_bytes), tracks)

    def by_blocks(self, blocks: BlockIndex) -> SourceFacts | None:
        """The facts by the headers of a Matroska file's blocks; None where those don't tell them exactly."""
        read(self._container, self._readers, self._budget, beginning=True)
        return self._by_rows() if splice(self._container, self._readers, blocks, self._budget) else None

    def by_packets(self) -> SourceFacts:
        """The facts by every packet of the file."""
        read(self._container, self._readers, self._budget, beginning=False)
        return self._by_rows()

    def _by_rows(self) -> SourceFacts:
        tracks = []
        for reader in self._audio:
            if reader.first is None:
                empty = "holds nothing" if reader.rows.size_bytes == 0 else "can't be decoded"
                self._warnings.append(f"Audio stream {reader.stream.index} {empty}; it is left out.")
            else:
                tracks.append(sounds.facts(reader, None))
        video = self._video
        if video is not None and not video.rows.pts and tracks:
            self._warnings.append("The video stream holds no pictures; it is left out.")
            video = None
        if video is None:
            return self._judged(None, None, tracks)
        pictures.first_frame(video, self._limits)
        line = pictures.from_packets(video, self._warnings)
        return self._judged(*self._picture(video, line, video.rows.size_bytes), tracks)

    def _picture(self, reader: VideoReader, line: Timeline, size_bytes: int) -> tuple[VideoFacts, Timeline]:
        frame = pictures.first_frame(reader, self._limits)
        return pictures.facts(reader, frame, line, size_bytes, self._warnings), line

    def _judged(self, video: VideoFacts | None, line: Timeline | None, tracks: list[AudioFacts]) -> SourceFacts:
        if video is None and not tracks:
            raise refused(
                "source_damaged", "Nothing in the file can be decoded: its data is damaged or missing. Re-export it."
            )
        if video is not None and line is not None:
            verdict.check_holes(video, line, tracks, self._limits)
        start = video.start if video else tracks[0].start
        ends = [video.start + video.duration] if video else []
        end = max(*ends, *(track.start + track.duration for track in tracks), start)
        verdict.check_length(end - start, self._limits)
        return SourceFacts(
            container=self._container.format.name,
            size_bytes=self._source.size_bytes,
            duration_ms=max(round((end - start) * 1000), 1),
            bitrate_bps=round(self._source.size_bytes * 8 / (end - start)),
            video=video,
            audio=tuple(tracks),
            warnings=tuple(self._warnings),
            texts=texts.facts(self._container),
            chapters=chapters.facts(self._container, start, end),
        )
