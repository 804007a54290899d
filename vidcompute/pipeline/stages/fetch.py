"""The stage that downloads a source from a URL: the one stage with a network, and no media in it is opened."""

from dataclasses import dataclass
from typing import Any, ClassVar, cast

from vidcompute.errors import refused
from vidcompute.media.sniff import refusal
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs
from vidcompute.ports.fetcher import Fetcher

SOURCE_FILE = "source"


_USUAL_BYTES = 2**30  # of a file whose length nobody tells: so much is half of it


@dataclass(frozen=True)
class Fetch:
    """Downloads `url` into the file `source`. Facts: digest (tree digest), size_bytes, name (for people)."""

    url: str

    name: ClassVar[str] = "fetch"
    version: ClassVar[int] = 1
    network: ClassVar[bool] = True
    max_attempts: ClassVar[int] = 6  # other people's servers come back

    def needs(self) -> Needs:
        """A little of everything: it mostly waits for the network."""
        return Needs(cpu=0.25, memory_bytes=256 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Fetch it; what is plainly no media is refused after its first bytes. Errors are those of the fetcher."""
        fetcher = cast(Fetcher, work.provider("fetcher"))

        def progress(received_bytes: int, total_bytes: int | None) -> None:
            work.progress(received_bytes / (total_bytes or received_bytes + _USUAL_BYTES))

        fetched = fetcher.fetch(self.url, work.output / SOURCE_FILE, progress=progress, check_head=check_head)
        work.log(f"fetched {fetched.size_bytes} bytes")
        return {"digest": fetched.digest, "size_bytes": fetched.size_bytes, "name": fetched.name}


def check_head(head: bytes) -> None:
    """Raise when a file that begins with these bytes is plainly no video or sound."""
    wrong = refusal(head)
    if wrong is not None:
        raise refused(*wrong)
