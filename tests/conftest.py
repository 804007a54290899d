"""What all tests share; a folder's own fixtures stand in its own conftest.py.

- `ffmpeg`, `clip`: the ffmpeg that the platform uses, and small generated videos (`clip("h264_aac_1080p30_6s")`).
- `server`, `start_server`: the running platform, shared by a module or started for one test.
- `postgres_server`, `postgres_url`: a real PostgreSQL, and a fresh, empty database in it.
- `sqlite_url`, `migrated_postgres_url`: a fresh database at the newest schema.
- `redis_server`: a real Redis, empty.
- `rabbit_server`: a real RabbitMQ.
- `collector`: takes traces.
- `swift_server`, `swift_bucket`: a real S3 server, and a fresh bucket in it.
- `google_server`: Google Cloud Storage as its XML interface is documented.
- `certificate`: for TLS on loopback.
- `way_to_swift`: a way to the S3 server that breaks on demand.
- `ray_cluster`: a real Ray cluster of one node; `ray_room`: one that nobody else uses.
- `PROFILE=cluster` in the environment: all platforms run on PostgreSQL, S3 and Ray.
- `browser`, `page`: Chromium, driven by Playwright.
- sockets: none in tests/unit and tests/house, loopback alone elsewhere.
"""

import gc
import os
from pathlib import Path

from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end, so the collector of garbage need not look at it again and again."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


pytest_plugins = [
    "tests.fixtures.network",
    "tests.fixtures.quiet",
    "tests.fixtures.clips",
    "tests.fixtures.postgresql",
    "tests.fixtures.databases",
    "tests.fixtures.platform",
    "tests.fixtures.chromium",
    "tests.fixtures.redis",
    "tests.fixtures.rabbitmq",
    "tests.fixtures.collector",
    "tests.fixtures.swift",
    "tests.fixtures.gcs",
    "tests.fixtures.faulty",
    "tests.fixtures.cluster",
    "tests.fixtures.certificates",
    "tests.fixtures.profile",
]

# Tools that `make test` unpacked where it could not, or should not, install them (promtool).
_UNPACKED = Path(__file__).resolve().parents[1] / ".cache" / "debian" / "usr" / "bin"
if _UNPACKED.is_dir():
    os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), str(_UNPACKED)))
