"""Names for numbers of FFmpeg that PyAV gives as they are, and which demuxers and decoders are allowed at all."""

# libavutil/pixfmt.h, after ITU-T H.273; the names are those that ffmpeg's options take.
COLOR_PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
COLOR_TRANSFER = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
COLOR_SPACE = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
    15: "ipt-c2",
    16: "ycgco-re",
    17: "ycgco-ro",
}
COLOR_RANGE = {1: "tv", 2: "pc"}
UNKNOWN = "unknown"

# AVFieldOrder: TT, BB, TB, BT.
INTERLACED_FIELD_ORDERS = frozenset((2, 3, 4, 5))

ALLOWED_DEMUXERS = frozenset(
    (
        *("mov", "matroska", "mpegts", "mpeg", "avi", "flv", "asf", "ogg", "mxf", "nut", "rm", "gif", "ivf", "dv"),
        *("yuv4mpegpipe", "wav", "w64", "aiff", "caf", "au", "mp3", "aac", "flac", "ac3", "eac3", "dts", "amr"),
        *("wv", "tta", "ape", "h264", "hevc", "obu", "mpegvideo", "m4v"),
    )
)
"""What may open a file, chosen by its first bytes. Nothing here reads other files when told to stay within its own."""

PCM_DEMUXERS = frozenset(("wav", "w64", "aiff", "caf", "au"))
"""Containers whose header tells the length of uncompressed sound exactly."""

JOINABLE_DEMUXERS = frozenset(("mpegts", "mpeg"))
"""Containers that people join by appending files, so that the clock starts again within one file."""

VIDEO_CODECS = frozenset(
    (
        *(
            "h264",
            "hevc",
            "vvc",
            "av1",
            "vp8",
            "vp9",
            "vp6",
            "vp6f",
            "vp6a",
            "vp7",
            "theora",
            "mpeg1video",
            "mpeg2video",
        ),
        *(
            "mpeg4",
            "msmpeg4v1",
            "msmpeg4v2",
            "msmpeg4v3",
            "wmv1",
            "wmv2",
            "wmv3",
            "vc1",
            "h261",
            "h263",
            "h263i",
            "flv1",
        ),
        *(
            "mjpeg",
            "mjpegb",
            "jpeg2000",
            "png",
            "gif",
            "webp",
            "bmp",
            "tiff",
            "prores",
            "dnxhd",
            "cfhd",
            "dvvideo",
            "ffv1",
        ),
        *(
            "huffyuv",
            "ffvhuff",
            "utvideo",
            "magicyuv",
            "rawvideo",
            "v210",
            "v308",
            "v408",
            "v410",
            "r210",
            "yuv4",
            "hap",
        ),
        *("qtrle", "rpza", "svq1", "svq3", "cinepak", "msvideo1", "indeo3", "indeo4", "indeo5", "rv10", "rv20", "rv30"),
        *("rv40", "zmbv", "tscc", "tscc2", "mss1", "mss2", "flashsv", "flashsv2", "wrapped_avframe"),
    )
)
AUDIO_CODECS = frozenset(
    (
        *(
            "aac",
            "aac_latm",
            "mp1",
            "mp2",
            "mp3",
            "ac3",
            "eac3",
            "dts",
            "truehd",
            "mlp",
            "opus",
            "vorbis",
            "flac",
            "alac",
        ),
        *(
            "wmav1",
            "wmav2",
            "wmapro",
            "wmalossless",
            "wmavoice",
            "amr_nb",
            "amr_wb",
            "gsm",
            "gsm_ms",
            "speex",
            "wavpack",
        ),
        *("tta", "ape", "cook", "ra_144", "ra_288", "sipr", "atrac1", "atrac3", "atrac3p", "qdm2", "qdmc", "mace3"),
        *("mace6", "nellymoser", "qcelp", "evrc", "ilbc", "g722", "g723_1", "g726", "g729", "s302m", "ac4"),
    )
)
AUDIO_CODEC_FAMILIES = ("pcm_", "adpcm_", "dsd_")
_DECODERS = ("libdav1d", "libopus", "libvorbis", "libspeex", "libvpx-vp9", "mp3float", "mp2float", "mp1float", "dca")
_PCM_KINDS = """
s8 u8 alaw mulaw vidc dvd bluray s16le s16be u16le u16be s24le s24be s32le s32be f32le f32be f64le f64be s16le_planar
"""
_PCM = (*(f"pcm_{kind}" for kind in _PCM_KINDS.split()), "adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_swf")
DECODER_WHITELIST = ",".join(sorted({*VIDEO_CODECS, *AUDIO_CODECS, *_DECODERS, *_PCM}))
"""What libavformat may decode with while it looks at the first packets (FFmpeg's `codec_whitelist`)."""
