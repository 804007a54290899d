"""The facts of streams of text."""

from av.container import InputContainer
from av.stream import Disposition, Stream

from vidcompute.media.facts import TextFacts
from vidcompute.media.ffmpeg import TEXT_DECODERS
from vidcompute.media.languages import bcp47
from vidcompute.media.probe.sounds import title


def facts(container: InputContainer) -> tuple[TextFacts, ...]:
    """All streams whose packets are text, in the file's order; pictures of text are left out."""
    found = ((stream, _codec(stream)) for stream in container.streams.subtitles)
    return tuple(_facts(stream, codec) for stream, codec in found if codec in TEXT_DECODERS)


def _codec(stream: Stream) -> str:
    context = stream.codec_context
    return "" if context is None else str(context.codec.canonical_name)


def _facts(stream: Stream, codec: str) -> TextFacts:
    return TextFacts(
        index=stream.index,
        codec=codec,
        language=bcp47(stream.language),
        title=title(stream),
        forced=bool(stream.disposition & Disposition.forced),
        captions=bool(stream.disposition & Disposition.hearing_impaired),
    )
