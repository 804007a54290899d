"""Odd containers and clocks: all legal, or damaged so little that the rest plays."""

from pathlib import Path

from tests.media.corpus import AAC, X264, Kit, Recipe, case, ff, fps, sound, video

_AV = (*video(), *sound())
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p")


case("moov-at-the-front", ff(*_AV, *X264, *AAC, "-movflags", "+faststart"), frames=25, audio=1)
case("fragmented-empty-moov", ff(*_AV, *X264, *AAC, "-g", "10", "-movflags", "+frag_keyframe+empty_moov"), frames=25)
case(
    "fragmented",
    ff(*_AV, *X264, *AAC, "-g", "10", "-movflags", "+frag_keyframe+delay_moov+default_base_moof"),
    frames=25,
    audio=1,
    fps=fps("25"),
)
case("mov-pcm", ff(*_AV, *X264, "-c:a", "pcm_s16le", "-f", "mov"), frames=25, audio=1, audio_0_codec="pcm_s16le")
case("mov-prores", ff(*video(), "-c:v", "prores_ks", "-f", "mov"), codec="prores", frames=25, video_bit_depth=10)
case("mkv-h264-opus", ff(*_AV, *X264, "-c:a", "libopus", "-f", "matroska"), frames=25, audio_0_codec="opus")


def _piped(kit: Kit, path: Path) -> None:
    # Live: no cues, and a segment of unknown length.
    kit.run(*_AV, *X264, *AAC, "-f", "matroska", "-live", "1", path)


case("mkv-without-cues", _piped, frames=25, audio=1, seconds=1)
case("webm-vp8", ff(*_AV, "-c:v", "libvpx", "-c:a", "libvorbis", "-f", "webm"), codec="vp8", frames=25, audio=1)
case(
    "webm-vp8-hidden-frames",
    ff(*video(seconds=2), "-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "60k", "-f", "webm"),
    codec="vp8",
    frames=50,
)
case("webm-vp9-opus", ff(*_AV, *_VP9, "-c:a", "libopus", "-f", "webm"), codec="vp9", frames=25, audio_0_codec="opus")
case(
    "av1-mp4",
    ff(*video(), "-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p", "-svtav1-params", "lp=1"),
    codec="av1",
    frames=25,
)
case("mpeg2-ps", ff(*_AV, "-c:v", "mpeg2video", "-c:a", "mp2", "-f", "vob"), codec="mpeg2video", frames=25, audio=1)
case("mpeg1-ps", ff(*_AV, "-c:v", "mpeg1video", "-c:a", "mp2", "-f", "mpeg"), codec="mpeg1video", frames=25, audio=1)
case("flv", ff(*_AV, *X264, *AAC, "-f", "flv"), frames=25, audio=1, fps=fps("25"), video_steady=True)
case("wmv", ff(*_AV, "-c:v", "wmv2", "-c:a", "wmav2", "-f", "asf"), codec="wmv2", frames=25, audio=1)
case("gif", ff(*video(rate="10"), "-f", "gif"), codec="gif", frames=10, fps=fps("10"), seconds=1)
case("dv", ff(*video("720x576", seconds="0.2"), "-c:v", "dvvideo", "-pix_fmt", "yuv420p", "-f", "dv"), frames=5)
case("mjpeg-avi", ff(*video(), "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-f", "avi"), codec="mjpeg", frames=25)
case(
    "avi-b-frames-without-pts", ff(*_AV, "-c:v", "libx264", "-bf", "2", "-c:a", "mp3", "-f", "avi"), frames=25, audio=1
)
case("mpeg4-avi", ff(*_AV, "-c:v", "mpeg4", "-c:a", "mp3", "-f", "avi"), codec="mpeg4", frames=25, audio=1)
case(
    "theora-ogg",
    ff(*_AV, "-c:v", "libtheora", "-q:v", "10", "-c:a", "libvorbis", "-f", "ogg"),
    codec="theora",
    frames=range(10, 26),  # the encoder leaves out pictures, as it likes
    audio=1,
)
case("mxf", ff(*_AV, "-c:v", "mpeg2video", "-c:a", "pcm_s16le", "-f", "mxf"), codec="mpeg2video", frames=25, audio=1)
case("y4m", ff(*video("16x16", "5"), "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe"), codec="rawvideo", frames=5)
case("ivf", ff(*video(), *_VP9, "-f", "ivf"), codec="vp9", frames=25)
case("nut", ff(*_AV, *X264, *AAC, "-f", "nut"), frames=25, audio=1)
case("raw-h264", ff(*video(), "-c:v", "libx264", "-bf", "2", "-f", "h264"), frames=25, fps=fps("25"))
case("raw-hevc", ff(*video(), "-c:v", "libx265", "-x265-params", "log-level=none", "-f", "hevc"), frames=25)
case("3gp", ff(*video("176x144"), *sound(rate=8000, layout="mono"), "-c:v", "h263", *AAC, "-f", "3gp"), codec="h263")

case("ts", ff(*_AV, *X264, *AAC, "-f", "mpegts"), frames=25, audio=1, fps=fps("25"))
case("ts-192", ff(*_AV, *X264, *AAC, "-f", "mpegts", "-mpegts_m2ts_mode", "1"), frames=25, audio=1)
case("ts-at-10-h", ff(*_AV, *X264, *AAC, "-output_ts_offset", "36000", "-f", "mpegts"), frames=25, audio=1, seconds=1)
case("mkv-at-10-h", ff(*_AV, *X264, *AAC, "-output_ts_offset", "36000", "-f", "matroska"), frames=25, audio=1)
# 2^33 / 90000 s is 95443.7 s.
case(
    "ts-clock-wraps",
    ff(*video(seconds=2), *sound(2), *X264, *AAC, "-output_ts_offset", "95441.5", "-f", "mpegts"),
    frames=50,
    audio=1,
    seconds=2,
)


def _wrapping(kit: Kit, path: Path) -> None:
    """Cut away the first second, so that the clock wraps in the middle of what is left."""
    whole = kit.clip(
        *video(seconds=3), *X264, "-g", "25", "-output_ts_offset", "95440.8", "-f", "mpegts", name="whole.ts"
    )
    kit.run("-copyts", "-i", whole, "-c", "copy", "-f", "mpegts", path)


case("ts-clock-wraps-copied", _wrapping, frames=75, seconds=3)
_NO_SHIFT = ("-avoid_negative_ts", "disabled", "-muxdelay", "0", "-muxpreload", "0")
case(
    "starts-below-zero",
    ff(*_AV, *X264, *AAC, "-output_ts_offset", "-0.4", *_NO_SHIFT, "-f", "mpegts"),
    frames=25,
    audio=1,
    video_start=-0.4,
)


def _cut_by_edit_list(kit: Kit, path: Path) -> None:
    whole = kit.clip(*video(seconds=3), *sound(3), "-c:v", "libx264", "-g", "50", *AAC)
    kit.run("-ss", "0.6", "-i", whole, "-c", "copy", "-f", "mp4", path)


case("edit-list-hides-the-start", _cut_by_edit_list, frames=60, seconds=2.4, fps=fps("25"), audio=1)


def _delayed_by_edit_list(kit: Kit, path: Path) -> None:
    whole = kit.clip(*video(), *sound(2), *X264, *AAC)
    shifted = ("-itsoffset", "0.5", "-i", whole, "-i", whole, "-map", "0:v", "-map", "1:a")
    kit.run(*shifted, "-c", "copy", "-f", "mp4", path)


case("edit-list-delays-the-picture", _delayed_by_edit_list, frames=25, video_start=0.5, audio=1)


def _subtitles_and_data(muxer: str, subtitles: str) -> Recipe:
    def recipe(kit: Kit, path: Path) -> None:
        text = kit.folder / "words.srt"
        text.write_text("1\n00:00:00,000 --> 00:00:00,900\nHello\n")
        inputs: tuple[str | Path, ...] = (*_AV, "-i", text, "-map", "0", "-map", "1", "-map", "2")
        attachment: tuple[str | Path, ...] = (
            ("-attach", text, "-metadata:s:t", "mimetype=text/plain") if muxer == "matroska" else ()
        )
        timecode = ("-timecode", "01:00:00:00") if muxer == "mov" else ()
        kit.run(*inputs, *X264, *AAC, "-c:s", subtitles, *attachment, *timecode, "-f", muxer, path)

    return recipe


case("subtitles-and-attachment-mkv", _subtitles_and_data("matroska", "srt"), frames=25, audio=1)
case("subtitles-and-timecode-mov", _subtitles_and_data("mov", "mov_text"), frames=25, audio=1)
case(
    "two-videos",
    ff(*video(), *video("96x96"), "-map", "0", "-map", "1", *X264, "-f", "matroska"),
    display=(64, 48),
    frames=25,
)

for name in (
    "$(touch owned);`id`.mp4",
    "-y.mp4",
    "http:%2F%2Fexample.mp4",
    "a\n'b\".mp4",
    "привет 🎬.mp4",
    "x" * 240 + ".mp4",
):
    case(f"hostile-name-{len(name)}-{name.encode().hex()[:8]}", ff(*video(), *X264), file_name=name, frames=25)
case(
    "hostile-metadata",
    ff(*_AV, *X264, *AAC, "-metadata", "title=\x1b[31m<script>", "-metadata:s:a:0", "handler_name=\x1b[2Jx"),
    frames=25,
    audio_0_title="[2Jx",
)


def _nearly_whole(kit: Kit, path: Path) -> None:
    # Some noise makes the packets alike in size, so that 2 % of the bytes are about 2 % of the pictures.
    noisy = "noise=alls=40:allf=t"
    data = kit.bytes(*video(seconds=3), "-vf", noisy, *X264, "-g", "1", "-movflags", "+faststart")
    path.write_bytes(data[: len(data) * 98 // 100])


case("two-per-cent-missing", _nearly_whole, frames=range(70, 75), exact=False)


def _scratched(kit: Kit, path: Path) -> None:
    """Flip bytes in the pictures, leaving the first ones alone."""
    data = kit.bytes(*video("160x96", seconds=2), *X264, "-g", "12", "-movflags", "+faststart")
    start = data.rindex(b"mdat") + 4
    for at in range(start + (len(data) - start) // 4, len(data), 997):
        data[at] ^= 0xA5
    path.write_bytes(data)


case("damaged-packets", _scratched, frames=50, exact=False)


def _scratched_ts(kit: Kit, path: Path) -> None:
    data = kit.bytes(*video("160x96", seconds=2), *X264, "-g", "12", "-f", "mpegts", name="clip.ts")
    for at in range(len(data) // 2 + 100, len(data), 4001):
        data[at] ^= 0xA5
    path.write_bytes(data)


case("damaged-ts", _scratched_ts, frames=range(35, 51), exact=False)
