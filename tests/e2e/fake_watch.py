"""A small server in the platform's place towards the watch page: the real pages, a real stream, a scripted asset.

What can be delivered is decided by the test: requests for other tracks are held and then refused, as the platform does.
"""

import html
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAGES = Path(__file__).resolve().parents[2] / "vidcompute" / "pages"
PLAYBACK_ID = "pb_demo"
SEGMENT_S = 4
RUNGS = {"h264-240": (426, 240, 250_000), "h264-360": (640, 360, 500_000), "h264-480": (854, 480, 900_000)}
AUDIO = "audio-0"

# What the API sends with the page: the page has to work under it.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mp4": "video/mp4",
    ".m4s": "video/iso.segment",
    ".jpg": "image/jpeg",
    ".json": "application/json",
}

# Reports the longest silence in what the page hears, in samples; silence is what stays below -60 dB.
SILENCE_METER = """
registerProcessor('silence-meter', class extends AudioWorkletProcessor {
  run = 0; longest = 0; heard = false;
  constructor() { super(); this.port.onmessage = () => { this.port.postMessage(this.longest); this.longest = 0; }; }
  process([input]) {
    const samples = input[0];
    for (let i = 0; i < 128; i++) {
      if (samples && Math.abs(samples[i]) > 0.001) { this.run = 0; this.heard = true; }
      else if (this.heard) { this.run += 1; this.longest = Math.max(this.longest, this.run); }
    }
    return true;
  }
});
"""


def make_stream(ffmpeg: str, folder: Path, *, duration_s: int = 60) -> Path:
    """Three aligned H.264 rungs and AAC sound as fMP4 HLS, a poster and a storyboard sheet; made once per folder."""
    if (folder / "done").exists():
        return folder
    for track in (*RUNGS, AUDIO):
        (folder / track).mkdir(parents=True, exist_ok=True)
    source = ["-f", "lavfi", "-i", f"testsrc2=size=854x480:rate=24:duration={duration_s}"]
    tone = ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={duration_s}"]
    command = [ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *source, *tone]
    for track, (width, height, bitrate_bps) in RUNGS.items():
        command += ["-map", "0:v", "-vf", f"scale={width}:{height}", "-c:v", "libx264", "-preset", "ultrafast"]
        command += ["-pix_fmt", "yuv420p", "-b:v", str(bitrate_bps), "-g", str(24 * SEGMENT_S), "-sc_threshold", "0"]
        command += _hls_arguments(folder / track)
    command += ["-map", "1:a", "-c:a", "aac", "-b:a", "96k", "-ac", "2", *_hls_arguments(folder / AUDIO)]
    tiles = "fps=1/4,scale=160:90,tile=4x4"
    command += ["-map", "0:v", "-vf", tiles, "-frames:v", "1", str(folder / "storyboard-0.jpg")]
    command += ["-map", "0:v", "-ss", "2", "-frames:v", "1", str(folder / "thumbnail.jpg")]
    subprocess.run(command, check=True, timeout=170, capture_output=True)
    (folder / "storyboard.json").write_text(_storyboard(duration_s))
    (folder / "done").touch()
    return folder


def _hls_arguments(folder: Path) -> list[str]:
    return [
        *("-f", "hls", "-hls_time", str(SEGMENT_S), "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"),
        *("-hls_fmp4_init_filename", "init.mp4", "-hls_segment_filename", str(folder / "%d.m4s")),
        str(folder / "index.m3u8"),
    ]


def _storyboard(duration_s: int) -> str:
    tiles = [
        {"start_ms": start * 1000, "x": index % 4 * 160, "y": index // 4 * 90, "sheet": "storyboard-0.jpg"}
        for index, start in enumerate(range(0, duration_s, SEGMENT_S))
    ]
    sizes = {"tile_width": 160, "tile_height": 90, "interval_ms": SEGMENT_S * 1000, "duration_ms": duration_s * 1000}
    return json.dumps({**sizes, "tiles": tiles})


def multivariant(tracks: list[str], *, declared_times: int = 1) -> str:
    """The multivariant playlist of these video tracks, in order; bitrates are declared so many times their size."""
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        (
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,'
            f'CHANNELS="2",URI="/stream/{PLAYBACK_ID}/{AUDIO}/index.m3u8"'
        ),
    ]
    for track in tracks:
        width, height, encoded_bps = RUNGS[track]
        bitrate_bps = encoded_bps * declared_times
        lines += [
            (
                f'#EXT-X-STREAM-INF:BANDWIDTH={bitrate_bps * 3 // 2},AVERAGE-BANDWIDTH={bitrate_bps},AUDIO="audio",'
                f'CODECS="avc1.42c01e,mp4a.40.2",RESOLUTION={width}x{height},FRAME-RATE=24.000'
            ),
            f"/stream/{PLAYBACK_ID}/{track}/index.m3u8",
        ]
    return "\n".join([*lines, ""])


@dataclass(frozen=True)
class Request:
    """One request for a part of the stream, as it was answered."""

    track: str
    name: str
    status: int
    at_s: float

    @property
    def number(self) -> int:
        """The number of a media segment."""
        return int(self.name.partition(".")[0])


@dataclass
class FakeWatch:
    """The scripted asset and its server. Change it with `set`: the page hears of it at once."""

    stream: Path
    hold_s: float = 8.0
    making_s: float = 0.0  # how long the first request for a segment of the first ready rung takes
    declared_times: int = 1  # how many times their real bitrate the rungs are said to have
    state: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # WebVTT, by the names of tracks
    requests: list[Request] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    version: int = 0
    closed: bool = False
    made: set[str] = field(default_factory=set)
    in_making: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.state = preparing_state() | self.state
        self.server = _Server(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self.server.serve_forever, name="fake-watch", daemon=True).start()

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def watch_url(self) -> str:
        """The address of the watch page."""
        return f"{self.url}/watch/{PLAYBACK_ID}"

    @property
    def embed_url(self) -> str:
        """The address of the page for iframes."""
        return f"{self.url}/embed/{PLAYBACK_ID}"

    def set(self, **changes: Any) -> None:
        """Changes the asset's state and tells every open page."""
        with self.changed:
            self.state = {**self.state, **changes}
            self.version += 1
            self.changed.notify_all()

    def close(self) -> None:
        """Ends the server and lets go of everything that is held."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()

    def is_ready(self, track: str) -> bool:
        """Whether the track can be delivered now."""
        return bool(self.state["complete"]) or track in self.state["ready_tracks"]

    def wait_for_track(self, track: str) -> bool:
        """Holds a request until the track can be delivered; False after `hold_s`."""
        with self.changed:
            return self.changed.wait_for(lambda: self.closed or self.is_ready(track), self.hold_s) and not self.closed

    def make(self, track: str, name: str) -> None:
        """Takes as long as making a segment on demand would take, the first time and while the ladder isn't whole."""
        key = f"{track}/{name}"
        if self.making_s and name.endswith(".m4s") and not self.state["complete"] and key not in self.made:
            with self.changed:
                self.in_making.add(key)
                self.changed.wait_for(lambda: self.closed, self.making_s)
                self.in_making.discard(key)
            self.made.add(key)

    def segments_of(self, track: str) -> list[Request]:
        """The requests for media segments of a track, in order."""
        return [r for r in self.requests if r.track == track and r.name.endswith(".m4s")]

    def pictures_since(self, at_s: float) -> list[Request]:
        """The requests for media segments of any video track that came after this time (monotonic)."""
        return [r for r in self.requests if r.track != AUDIO and r.name.endswith(".m4s") and r.at_s > at_s]


def preparing_state() -> dict[str, Any]:
    """The state of an asset that was submitted a moment ago."""
    return {
        "title": "Colours in motion",
        "status": "preparing",
        "error": None,
        "duration_ms": 60_000,
        "width": 854,
        "height": 480,
        "has_video": True,
        "has_audio": True,
        "stream_url": f"/stream/{PLAYBACK_ID}.m3u8?planned=1",
        "ready_tracks": [],
        "complete": False,
        "progress": None,
        "poster_url": None,
        "storyboard_url": None,
        "captions": [],
        "chapters": [],
    }


def playable(first_rung: str) -> dict[str, Any]:
    """What changes when the first rung and the sound can be delivered."""
    return {"status": "playable", "ready_tracks": [first_rung, AUDIO]}


def complete() -> dict[str, Any]:
    """What changes when the whole ladder is there."""
    return {
        "status": "ready",
        "complete": True,
        "ready_tracks": [*RUNGS, AUDIO],
        "progress": None,
        "poster_url": f"/image/{PLAYBACK_ID}/thumbnail.jpg",
        "storyboard_url": f"/image/{PLAYBACK_ID}/storyboard.json",
    }


def caption(track: str, language: str, name: str) -> dict[str, Any]:
    """Subtitles, as the state tells of them."""
    flags = {"kind": "subtitles", "default": False, "forced": False}
    return {**flags, "id": track, "language": language, "name": name, "url": f"/stream/{PLAYBACK_ID}/{track}/track.vtt"}


def _handler(fake: FakeWatch) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        asset = fake

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no error; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asset: FakeWatch

    def log_message(self, *_: Any) -> None:
        """Says nothing: a test reads `requests`."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        try:
            for pattern, answer in _ROUTES:
                match = re.fullmatch(pattern, path)
                if match:
                    answer(self, *match.groups())
                    return
            self.reply(404, b"not found", "text/plain")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def reply(self, status: int, body: bytes, content_type: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def file(self, path: Path, **headers: str) -> None:
        if path.is_file():
            self.reply(200, path.read_bytes(), _TYPES.get(path.suffix, "application/octet-stream"), **headers)
        else:
            self.reply(404, b"not found", "text/plain")

    def page(self, _kind: str) -> None:
        state = self.asset.state
        tokens = {
            "title": state["title"],
            "description": "",
            "watch_url": self.asset.watch_url,
            "embed_url": self.asset.embed_url,
            "oembed_url": f"{self.asset.url}/oembed?url={self.asset.watch_url}",
            "poster_url": f"{self.asset.url}/image/{PLAYBACK_ID}/thumbnail.jpg",
            "width": str(state["width"] or 16),
            "height": str(state["height"] or 9),
        }
        text = (PAGES / "watch.html").read_text()
        for name, value in tokens.items():
            text = text.replace("{{" + name + "}}", html.escape(value))
        self.reply(200, text.encode(), _TYPES[".html"], Content_Security_Policy=POLICY)

    def asset_file(self, name: str) -> None:
        self.file(PAGES / "assets" / name)

    def state(self) -> None:
        self.reply(200, json.dumps(self.asset.state).encode(), "application/json")

    def events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for state in self._states():
            self.wfile.write(f"event: state\ndata: {json.dumps(state)}\n\n".encode())
            self.wfile.flush()
        self.close_connection = True

    def _states(self) -> Iterator[dict[str, Any]]:
        seen = -1
        while True:
            with self.asset.changed:
                while self.asset.version == seen and not self.asset.closed:
                    self.asset.changed.wait()
                if self.asset.closed:
                    return
                seen, state = self.asset.version, self.asset.state
            yield state

    def master(self) -> None:
        planned = "planned=1" in self.path
        tracks = [track for track in RUNGS if planned or self.asset.is_ready(track)]
        text = multivariant(tracks, declared_times=self.asset.declared_times)
        self.reply(200, text.encode(), _TYPES[".m3u8"])

    def text(self, track: str) -> None:
        self.reply(200, self.asset.texts[track].encode(), "text/vtt; charset=utf-8")

    def part(self, track: str, name: str) -> None:
        asset = self.asset
        at_s = time.monotonic()
        # Playlists are whole from the start; what they name may not be there yet.
        deliverable = name == "index.m3u8" or asset.wait_for_track(track)
        if deliverable:
            asset.make(track, name)
        asset.requests.append(Request(track, name, 200 if deliverable else 503, at_s))
        if deliverable:
            self.file(asset.stream / track / name)
        else:
            self.reply(503, b"not yet", "text/plain")

    def image(self, name: str) -> None:
        self.file(self.asset.stream / name)

    def meter(self) -> None:
        self.reply(200, SILENCE_METER.encode(), "text/javascript")


_ROUTES: list[tuple[str, Any]] = [
    (rf"/(watch|embed)/{PLAYBACK_ID}", _Handler.page),
    (rf"/watch/{PLAYBACK_ID}/state", _Handler.state),
    (rf"/watch/{PLAYBACK_ID}/events", _Handler.events),
    (r"/pages/assets/([\w.-]+)", _Handler.asset_file),
    (rf"/stream/{PLAYBACK_ID}\.m3u8", _Handler.master),
    (rf"/stream/{PLAYBACK_ID}/(track_\w+)/track\.vtt", _Handler.text),
    (rf"/stream/{PLAYBACK_ID}/([\w-]+)/([\w.]+)", _Handler.part),
    (rf"/image/{PLAYBACK_ID}/([\w.-]+)", _Handler.image),
    (r"/test/silence-meter\.js", _Handler.meter),
]
