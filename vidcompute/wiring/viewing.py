"""Watching, as the settings have it: streams, pictures, pages, and the door before them."""

from pathlib import Path
from urllib.parse import urlsplit

import vidcompute
from vidcompute.adapters.executor_local import LocalExecutor
from vidcompute.api.viewing import Viewing
from vidcompute.db.engine import Database
from vidcompute.ports.executor import Executor
from vidcompute.ports.rates import Rates
from vidcompute.ports.storage import Storage
from vidcompute.services.admission import Door
from vidcompute.services.playback import Makers, Playback, Thumbnails
from vidcompute.settings import Settings


def viewing(
    settings: Settings,
    db: Database,
    storage: Storage,
    executors: tuple[Executor, LocalExecutor],
    *,
    rates: Rates,
    base_url: str,
) -> Viewing:
    """What the public routes need. `executors` are the one that places the fast rungs, and this machine's own."""
    placing, local = executors
    makers = Makers(placing, local, settings.data_dir / "fast", rates=rates)
    thumbnails = Thumbnails(
        local,
        settings.data_dir / "thumbnails",
        at_once=settings.interactive_limit,
        cache_bytes=settings.image_cache_bytes,
    )
    own_site = urlsplit(base_url).hostname or ""
    return Viewing(
        playback=Playback(db, storage, makers),
        thumbnails=thumbnails,
        door=Door(db, rates, own_site=own_site, password_pass_s=settings.password_pass_s),
        pages=Path(vidcompute.__file__).parent / "pages",
        embed_sites=settings.embed_sites,
    )
