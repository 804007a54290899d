"""Rules that look into the media: what segments hold against what playlists say of them."""

from fractions import Fraction
from itertools import pairwise

from vidcompute.media import codecs
from vidcompute.media.hls_check.load import Media, Stream
from vidcompute.media.hls_check.model import Breaches, RuleTable
from vidcompute.media.hls_check.parse import Tag, Variant
from vidcompute.media.hls_check.rules_master import codec_list, resolution
from vidcompute.media.hls_check.rules_text import at, line_of, name
from vidcompute.media.playlists import Bandwidth, measure

TABLE = RuleTable()
SYNC_S = Fraction(20, 1000)  # how far apart sound and pictures may start
EDGE_S = Fraction(1, 1000)  # rounding of a time that two playlists share
SOUND_EDGE_S = Fraction(45, 1000)  # sound ends on its own frames: at most one of 2048 samples at 48 kHz
LENGTH_S = Fraction(1, 2)  # how much shorter one track may be than another
TENTH = Fraction(1, 10)
KEYFRAMES_S = Fraction(21, 10)


def _seconds(value: Fraction) -> str:
    return f"{float(value):.3f} s"


@TABLE.must("reachable", "RFC 8216bis 6.2.1")
def _reachable(stream: Stream) -> Breaches:
    yield from stream.unreachable


@TABLE.must("readable", "RFC 8216bis 3.1")
def _readable(stream: Stream) -> Breaches:
    yield from stream.unreadable


@TABLE.should("separate-tracks", "Apple HLS Authoring 9.5")
def _separate_tracks(stream: Stream) -> Breaches:
    for url in stream.several_tracks:
        yield url, "Sound and pictures share segments; their media was not read."


@TABLE.must("same-target-duration", "RFC 8216bis 6.2.4, Apple HLS Authoring 8.2")
def _same_target(stream: Stream) -> Breaches:
    targets = {m.playlist.target_s for m in stream.normal()}
    if stream.master and len(targets) > 1:
        yield name(stream.master), f"Target durations differ: {', '.join(sorted(map(str, targets)))}."


@TABLE.must("same-type", "RFC 8216bis 6.2.4")
def _same_type(stream: Stream) -> Breaches:
    types = {tag.value if (tag := m.playlist.first("EXT-X-PLAYLIST-TYPE")) else "none" for m in stream.media.values()}
    if stream.master and len(types) > 1:
        yield name(stream.master), f"Playlist types differ: {', '.join(sorted(types))}."


@TABLE.must("same-duration", "Apple HLS Authoring 8.3, 8.7")
def _same_duration(stream: Stream) -> Breaches:
    lengths = {m.url: m.playlist.duration_s for m in stream.media.values() if m.playlist.segments}
    if stream.master and lengths and max(lengths.values()) - min(lengths.values()) > LENGTH_S:
        shortest, longest = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        told = f"{longest} lasts {_seconds(lengths[longest])}"
        yield shortest, f"It lasts {_seconds(lengths[shortest])}, and {told}."


@TABLE.must("discontinuities", "Apple HLS Authoring 8.15")
def _discontinuities(stream: Stream) -> Breaches:
    counts = {m.url: sum(e.discontinuity for e in m.playlist.segments) for m in stream.normal()}
    if stream.master and len(set(counts.values())) > 1:
        yield name(stream.master), "Discontinuities are not at the same points of all playlists."


def _edges(media: Media) -> list[Fraction]:
    """Where its segments end, in seconds of its playlist."""
    edges, total = [], Fraction(0)
    for entry in media.playlist.segments:
        total += entry.seconds or 0
        edges.append(total)
    return edges


@TABLE.should("aligned", "Apple HLS Authoring 8.22")
def _aligned(stream: Stream) -> Breaches:
    tracks = [m for m in stream.normal() if m.playlist.segments]
    if not stream.master or not tracks:
        return
    pictures = [m for m in tracks if m.handler != "soun"]
    reference = (pictures or tracks)[0]
    wanted = _edges(reference)
    for media in tracks:
        allowed = SOUND_EDGE_S if media.handler != reference.handler else EDGE_S
        edges = _edges(media)
        inner = min(len(edges), len(wanted)) - 1
        apart = [i for i, (a, b) in enumerate(zip(edges[:inner], wanted, strict=False)) if abs(a - b) > allowed]
        if apart:
            told = f"ends at {_seconds(edges[apart[0]])}, and {reference.url}'s at {_seconds(wanted[apart[0]])}"
            yield line_of(media.playlist, media.playlist.segments[apart[0]].line), f"The segment {told}."


@TABLE.must("start-together", "RFC 8216bis 6.2.4")
def _start_together(stream: Stream) -> Breaches:
    starts = {m.url: facts[0].start for m in stream.normal() if (facts := [f for f in m.facts[:1] if f])}
    if stream.master and starts and max(starts.values()) - min(starts.values()) > SYNC_S:
        first, last = min(starts, key=starts.__getitem__), max(starts, key=starts.__getitem__)
        yield last, f"Its media starts at {_seconds(starts[last])}, and that of {first} at {_seconds(starts[first])}."


@TABLE.must("decode-times", "Apple HLS Authoring 7.3")
def _decode_times(stream: Stream) -> Breaches:
    for media in stream.normal():
        for entry, before, facts in media.neighbours():
            if abs(facts.first_dts - before.end_dts) > 1:
                told = f"decoded from tick {facts.first_dts} on, and the one before ends at {before.end_dts}"
                yield line_of(media.playlist, entry.line), f"The segment is {told}."


@TABLE.must("continuous", "Apple HLS Authoring 7.1")
def _continuous(stream: Stream) -> Breaches:
    for media in stream.normal():
        for entry, before, facts in media.neighbours():
            if abs(facts.start - before.end) > max(before.shortest_frame / 2, EDGE_S):
                told = f"shown from {_seconds(facts.start)} on, and the one before ends at {_seconds(before.end)}"
                yield line_of(media.playlist, entry.line), f"The segment is {told}."


@TABLE.must("key-first", "Apple HLS Authoring 7.4")
def _key_first(stream: Stream) -> Breaches:
    for media in stream.normal():
        for entry, facts in media.scanned():
            if media.handler == "vide" and (not facts.begins_with_key or facts.leading):
                yield line_of(media.playlist, entry.line), "The segment does not begin with an IDR frame."


@TABLE.should("key-often", "Apple HLS Authoring 1.13")
def _key_often(stream: Stream) -> Breaches:
    for media in stream.normal():
        for entry, facts in media.scanned():
            times = (*facts.key_times, facts.end)
            gap = max((b - a for a, b in pairwise(times)), default=Fraction(0))
            if media.handler == "vide" and gap > KEYFRAMES_S:
                yield line_of(media.playlist, entry.line), f"Keyframes are {_seconds(gap)} apart: 2 s is better."
                break


@TABLE.must("over-target", "Apple HLS Authoring 7.7")
def _over_target(stream: Stream) -> Breaches:
    for media in stream.normal():
        for entry, facts in media.scanned():
            seconds = facts.end - facts.start
            if media.playlist.target_s and seconds > media.playlist.target_s + Fraction(1, 2):
                yield (
                    line_of(media.playlist, entry.line),
                    f"The segment lasts {_seconds(seconds)}, far over the target.",
                )


@TABLE.must("durations", "Apple HLS Authoring 8.1")
def _durations(stream: Stream) -> Breaches:
    for media in stream.normal():
        drift = lowest = highest = Fraction(0)
        for entry, facts in media.scanned():
            drift += (entry.seconds or 0) - (facts.end - facts.start)
            lowest, highest = min(lowest, drift), max(highest, drift)
            if highest - lowest > max(facts.shortest_frame, EDGE_S):
                yield line_of(media.playlist, entry.line), f"EXTINF is off the media by {_seconds(highest - lowest)}."
                break


def _sound_and_picture(stream: Stream) -> list[tuple[str, Variant, list[Media]]]:
    """Each variant with its place and every playlist that belongs to it."""
    rows = []
    for variant, media in stream.variants():
        own, sound = stream.parts(variant, media)
        if stream.master and media is not None:
            rows.append((at(stream.master, variant.tag), variant, own + sound))
    return rows


def _same_codec(one: str, other: str) -> bool:
    return one.lower() == other.lower()


@TABLE.must("codecs-complete", "RFC 8216bis 6.2.4")
def _codecs_complete(stream: Stream) -> Breaches:
    rows = [(where, v.tag, media) for where, v, media in _sound_and_picture(stream)]
    rows += [(where, tag, [media]) for where, tag, media in _iframe_variants(stream)]
    for where, tag, parts in rows:
        for found in dict.fromkeys(m.init.codec_string for m in parts if m.init):
            if codec_list(tag) and not any(_same_codec(found, c) for c in codec_list(tag)):
                yield where, f"The media is {found}, which CODECS does not name."


@TABLE.should("codecs-exact", "RFC 8216bis 4.4.6.2")
def _codecs_exact(stream: Stream) -> Breaches:
    for where, variant, parts in _sound_and_picture(stream):
        found = [m.init.codec_string for m in parts if m.init]
        for codec in codec_list(variant.tag):
            known = any(codecs.family(codec) == codecs.family(f) for f in found)
            if found and all(m.init for m in parts) and not known and codec.split(".")[0] not in {"wvtt", "stpp"}:
                yield where, f"CODECS names {codec}, and no media is of that kind."


@TABLE.should("resolution-true", "RFC 8216bis 4.4.6.2")
def _resolution_true(stream: Stream) -> Breaches:
    rows = [(where, v.tag, m) for where, v, parts in _sound_and_picture(stream) for m in parts]
    for where, tag, media in [*rows, *_iframe_variants(stream)]:
        said, init = resolution(tag), media.init
        if said and init and init.handler == "vide" and said != (init.width, init.height):
            yield where, f"RESOLUTION says {said[0]}x{said[1]}, and the media is {init.width}x{init.height}."


@TABLE.must("frame-rate-true", "RFC 8216bis 4.4.6.2")
def _frame_rate_true(stream: Stream) -> Breaches:
    """The declared rate is the highest: not below any segment's mean, not above what the shortest frame makes."""
    for where, variant, parts in _sound_and_picture(stream):
        said = variant.tag.number("FRAME-RATE")
        facts = [
            f for m in parts if m.handler == "vide" for _, f in m.scanned() if f.end > f.start and f.shortest_frame
        ]
        if said is None or not facts:
            continue
        mean = max(f.frames / (f.end - f.start) for f in facts)
        peak = max(1 / f.shortest_frame for f in facts)
        if said < mean * Fraction(99, 100) or said > peak * Fraction(101, 100):
            yield where, f"FRAME-RATE says {float(said):.3f}, and the media has {float(mean):.3f}."


@TABLE.must("video-range-true", "RFC 8216bis 4.4.6.2, Apple HLS Authoring 9.16")
def _video_range_true(stream: Stream) -> Breaches:
    rows = [(where, v.tag, m) for where, v, parts in _sound_and_picture(stream) for m in parts]
    for where, tag, media in [*rows, *_iframe_variants(stream)]:
        said = tag.attributes.get("VIDEO-RANGE", "SDR")
        if media.init and media.handler == "vide" and said != media.init.video_range:
            yield where, f"VIDEO-RANGE says {said}, and the media is {media.init.video_range}."


def _rates(media: Media) -> Bandwidth | None:
    """What a playlist's segments measure, when all of them were read."""
    if not media.sizes or None in media.sizes:
        return None
    return measure(media.rates(), media.playlist.target_s or 1)


def _combined(stream: Stream, variant: Variant, media: Media | None) -> Bandwidth | None:
    """The largest sum of rates of any combination of renditions."""
    own, sound = stream.parts(variant, media)
    texts = stream.group("SUBTITLES", variant.tag.attributes.get("SUBTITLES", ""))
    rates = [_rates(m) for m in own], [_rates(m) for m in sound], [_rates(m) for m in texts]
    known = [[r for r in group if r is not None] for group in rates]
    if media is None or [len(g) for g in known] != [len(g) for g in rates]:
        return None
    return Bandwidth(
        sum(max((r.peak_bps for r in group), default=0) for group in known),
        sum(max((r.average_bps for r in group), default=0) for group in known),
    )


def _off(said: Fraction | None, measured: int) -> bool:
    return said is not None and abs(said - measured) > TENTH * said


@TABLE.must("bandwidth-true", "Apple HLS Authoring 1.27, 9.13")
def _bandwidth_true(stream: Stream) -> Breaches:
    for variant, media in stream.variants():
        rate, said = _combined(stream, variant, media), variant.tag.number("BANDWIDTH")
        if stream.master and rate and said is not None and _off(said, rate.peak_bps):
            yield at(stream.master, variant.tag), f"BANDWIDTH says {said}, and the peak is {rate.peak_bps}."


@TABLE.must("average-bandwidth-true", "Apple HLS Authoring 1.26")
def _average_true(stream: Stream) -> Breaches:
    for variant, media in stream.variants():
        rate, said = _combined(stream, variant, media), variant.tag.number("AVERAGE-BANDWIDTH")
        if stream.master and rate and said is not None and _off(said, rate.average_bps):
            yield (
                at(stream.master, variant.tag),
                f"AVERAGE-BANDWIDTH says {said}, and the average is {rate.average_bps}.",
            )


@TABLE.should("peak-to-average", "Apple HLS Authoring 1.30")
def _peak_to_average(stream: Stream) -> Breaches:
    for variant, media in stream.variants():
        rate = _combined(stream, variant, media)
        if stream.master and rate and rate.peak_bps > 2 * rate.average_bps:
            yield at(stream.master, variant.tag), f"The peak of {rate.peak_bps} is over twice the average."


def _iframe_variants(stream: Stream) -> list[tuple[str, Tag, Media]]:
    if stream.master is None:
        return []
    found = []
    for tag in stream.master.all("EXT-X-I-FRAME-STREAM-INF"):
        media = stream.resolve(tag.attributes.get("URI", ""))
        if media is not None:
            found.append((at(stream.master, tag), tag, media))
    return found


@TABLE.must("iframe-bandwidth-true", "Apple HLS Authoring 6.9")
def _iframe_bandwidth_true(stream: Stream) -> Breaches:
    for where, tag, media in _iframe_variants(stream):
        rate, said = _rates(media), tag.number("BANDWIDTH")
        if rate and said is not None and _off(said, rate.peak_bps):
            yield where, f"BANDWIDTH says {said}, and the peak is {rate.peak_bps}."


@TABLE.must("iframe-moof", "Apple HLS Authoring 6.10")
def _iframe_moof(stream: Stream) -> Breaches:
    for media in stream.media.values():
        for entry, facts in media.scanned():
            if media.is_iframes and entry.byte_range and not facts.begins_with_moof:
                yield line_of(media.playlist, entry.line), "The byte range does not begin with a moof box."


@TABLE.must("iframe-key", "RFC 8216bis 4.4.3.6")
def _iframe_key(stream: Stream) -> Breaches:
    for media in stream.media.values():
        for entry, facts in media.scanned():
            if media.is_iframes and not (facts.begins_with_key and facts.first_sample_whole):
                yield line_of(media.playlist, entry.line), "The byte range does not hold a whole I-frame."


@TABLE.must("iframe-durations", "RFC 8216bis 4.4.3.6")
def _iframe_durations(stream: Stream) -> Breaches:
    for media in stream.media.values():
        if not media.is_iframes:
            continue
        for (entry, facts), (_, following) in pairwise(media.scanned()):
            if not facts.key_times or not following.key_times or entry.seconds is None:
                continue
            apart = following.key_times[0] - facts.key_times[0]
            if abs(apart - entry.seconds) > EDGE_S:
                told = f"{_seconds(apart)} until the next, and EXTINF says {_seconds(entry.seconds)}"
                yield line_of(media.playlist, entry.line), f"It is {told}."
