"""Names for numbers of FFmpeg that PyAV gives as they are, and which demuxers and decoders are allowed at all."""

from vidcompute.media.ffmpeg import DECODERS

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
            "rawvideo",
            "v210",
            "r210",
            "hap",
        ),
        *("qtrle", "rpza", "svq1", "svq3", "cinepak", "msvideo1", "indeo3", "indeo4", "indeo5", "rv10", "rv20", "rv30"),
        *("rv40", "zmbv", "tscc", "flashsv"),
    )
)
"""What may be decoded: no more than ffmpeg is allowed to, which encodes it (`media.ffmpeg.DECODERS`)."""
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
        *("tta", "ape", "cook", "ra_144", "ra_288", "sipr", "atrac3", "qdm2", "qdmc", "mace3", "mace6"),
        *("nellymoser", "qcelp", "s302m", "adpcm_g722", "adpcm_g726", "adpcm_g726le"),
        *(name for name in DECODERS if name.startswith(("pcm_", "adpcm_"))),
    )
)
DECODER_WHITELIST = ",".join(DECODERS)
"""What libavformat may decode with while it looks at the first packets (FFmpeg's `codec_whitelist`)."""
