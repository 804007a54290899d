"""Odd sound: layouts, rates, tracks, lengths, and files without pictures."""

from pathlib import Path

from tests.media.corpus import AAC, X264, Kit, Recipe, case, ff, sound, video

case("aac-stereo", ff(*video(), *sound(), *X264, *AAC), audio=1, frames=25, audio_0_codec="aac", audio_0_start=0)
for layout, channels in (("5.1", 6), ("7.1", 8), ("mono", 1)):
    case(
        f"layout-{layout}",
        ff(*video(), *sound(layout=layout), *X264, "-c:a", "aac"),
        audio=1,
        audio_0_channels=channels,
        audio_0_layout=layout,
    )
case("rate-8-khz", ff(*video(), *sound(rate=8000, layout="mono"), *X264, *AAC), audio_0_sample_rate=8000)
case(
    "rate-96-khz", ff(*video(), *sound(rate=96000), *X264, "-c:a", "pcm_s24le", "-f", "mov"), audio_0_sample_rate=96000
)
case("ac3", ff(*video(), *sound(layout="5.1"), *X264, "-c:a", "ac3", "-f", "mpegts"), audio_0_codec="ac3", frames=25)

_LANGUAGES = ("-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng", "-metadata:s:a:1", "title=Comments")
_TWO = (*video(), *sound(), *sound(hz=880), "-map", "0", "-map", "1", "-map", "2", *X264, *AAC, *_LANGUAGES)
case(
    "two-tracks-mkv",
    ff(*_TWO, "-f", "matroska"),
    audio=2,
    audio_0_language="de",
    audio_1_language="en",
    audio_1_title="Comments",
)
case("two-tracks-mp4", ff(*_TWO), audio=2, audio_0_language="de", audio_1_language="en", audio_0_default=True)

for codec, encoder, muxer in (
    ("mp3", "libmp3lame", "mp3"),
    ("flac", "flac", "flac"),
    ("pcm_s16le", "pcm_s16le", "wav"),
    ("opus", "libopus", "ogg"),
    ("vorbis", "libvorbis", "ogg"),
    ("pcm_s16be", "pcm_s16be", "aiff"),
    ("aac", "aac", "adts"),
    ("pcm_s24le", "pcm_s24le", "w64"),
    ("pcm_f32le", "pcm_f32le", "caf"),
    ("amr_nb", "libopencore_amrnb", "amr"),
):
    source = sound(rate=8000, layout="mono") if codec == "amr_nb" else sound()
    case(f"only-{codec}-{muxer}", ff(*source, "-c:a", encoder, "-f", muxer), audio=1, seconds=1, audio_0_codec=codec)


def _with_cover(muxer: str, encoder: str) -> Recipe:
    def recipe(kit: Kit, path: Path) -> None:
        cover = kit.clip(*video(seconds="0.04"), "-frames:v", "1", name="cover.jpg")
        maps = ("-map", "1:a", "-map", "0:v", "-c:v", "copy", "-disposition:v:0", "attached_pic")
        kit.run("-i", cover, *sound(), *maps, "-c:a", encoder, "-f", muxer, path)

    return recipe


case("m4a-with-cover", _with_cover("ipod", "aac"), audio=1, seconds=1, pictures=False)
case("mp3-with-cover", _with_cover("mp3", "libmp3lame"), audio=1, seconds=1, pictures=False)
case("flac-with-cover", _with_cover("flac", "flac"), audio=1, seconds=1, pictures=False)


def _cover_and_video(kit: Kit, path: Path) -> None:
    cover = kit.clip(*video("96x96", seconds="0.04"), "-frames:v", "1", name="cover.jpg")
    maps = ("-map", "1:v", "-map", "2:a", "-map", "0:v", "-c:v:1", "copy", "-disposition:v:1", "attached_pic")
    kit.run("-i", cover, *video(), *sound(), *maps, "-c:v:0", "libx264", *AAC, "-f", "mp4", path)


case("video-with-cover", _cover_and_video, audio=1, display=(64, 48), frames=25)

case("sound-longer", ff(*video(), *sound(2.5), *X264, *AAC), frames=25, seconds=2.5, video_seconds=1.0)
case("sound-shorter", ff(*video(seconds=2), *sound(0.5), *X264, *AAC), frames=50, seconds=2)
case(
    "sound-late",
    ff(*video(seconds=2), "-itsoffset", "0.7", *sound(1), *X264, *AAC),
    frames=50,
    audio_0_start=0.7,
    seconds=2,
)
case(
    "sound-early",
    ff("-itsoffset", "0.6", *video(), *sound(2), *X264, *AAC),
    frames=25,
    video_start=0.6,
    audio_0_start=0,
)
case(
    "sound-very-late", ff(*video(seconds=3), "-itsoffset", "2.5", *sound(0.5), *X264, *AAC), audio=1, audio_0_start=2.5
)


_DROP = "noise=drop=between(pts*tb\\,0.4\\,0.8)"


def _hole(kit: Kit, path: Path) -> None:
    kit.run(*video(seconds=2), *sound(2), *X264, *AAC, "-bsf:a", _DROP, "-f", "matroska", path)


case("sound-with-hole", _hole, audio=1, frames=50, audio_0_gapless=False, exact=False)
case(
    "sound-with-hole-mp4",
    ff(*video(seconds=2), *sound(2), *X264, *AAC, "-bsf:a", _DROP),
    audio=1,
    frames=50,
    audio_0_gapless=False,
    exact=False,
)


def _id3_garbage(kit: Kit, path: Path) -> None:
    data = kit.bytes(*sound(), "-c:a", "libmp3lame", "-id3v2_version", "0", "-write_xing", "0", name="plain.mp3")
    tag = bytes(range(256)) * 20
    size = bytes((len(tag) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x04\x00\x00" + size + tag + data)


case("mp3-behind-id3-garbage", _id3_garbage, audio=1, seconds=1.05, audio_0_codec="mp3", exact=False)


def _unreadable_track(kit: Kit, path: Path) -> None:
    data = kit.bytes(*video(), *sound(), "-map", "0", "-map", "1", *X264, *AAC)
    at = data.rindex(b"mp4a")
    data[at : at + 4] = b"xyzw"
    at = data.rindex(b"esds")  # it names the codec too
    data[at : at + 4] = b"free"
    path.write_bytes(data)


case("track-of-unknown-codec", _unreadable_track, audio=0, frames=25)
