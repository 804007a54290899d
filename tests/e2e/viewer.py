"""Somebody who watches, all the time."""

import threading
from collections.abc import Sequence

import httpx2

from tests.e2e.driving import Driver
from tests.fixtures.waiting import wait_until
from vidcompute.media.hls_check.parse import parse


class Viewer:
    """Fetches all segments of a video in a loop, and keeps what went wrong."""

    def __init__(self, driver: Driver, playback_id: str, tracks: Sequence[str] = ("h264-180", "h264-144")) -> None:
        self._driver = driver
        self._folders = [f"/stream/{playback_id}/{name}" for name in tracks]
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.rounds = 0
        self.wrong: list[str] = []

    def __enter__(self) -> "Viewer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)

    def _watch(self) -> None:
        while not self._ending.is_set():
            for folder in self._folders:
                try:
                    entries = parse(self._driver.bytes(f"{folder}/index.m3u8"), folder).segments
                    for entry in entries:
                        self._driver.bytes(f"{folder}/{entry.uri}")
                except (AssertionError, httpx2.HTTPError) as error:
                    self.wrong.append(str(error))
            self.rounds += 1

    def goes_on(self) -> None:
        """Wait until all of it was fetched once more from now on."""
        rounds = self.rounds
        wait_until(lambda: self.rounds >= rounds + 2, timeout_s=60, what="the viewer to go round again")
