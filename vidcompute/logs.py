"""Structured logs: one JSON object a line, with the ids of the request, job, asset, stage and attempt at hand.

This is the one place where lines are made: what `scrubbing` takes out of them stands in no log.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import structlog

from vidcompute import scrubbing

QUIET = ("uvicorn.error", "uvicorn.access", "alembic", "asyncio")


def configure(level: str = "info", form: str = "json") -> None:
    """Send our own log lines and those of libraries to stderr; `form` is "json" or "text"."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(default=str)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    rendered: list[structlog.typing.Processor] = [_scrubbed, last]
    numeric = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow=())],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.raiseExceptions = False  # what can't be written is not printed another way, past what is taken out
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(numeric)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(numeric, logging.WARNING))


def _scrubbed(_logger: Any, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return scrubbing.scrub_line(line)


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of a module: `log.info("event_name", key=value)`."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(module=name))


@contextmanager
def bound(**ids: Any) -> Iterator[None]:
    """Within this block, every line that this task logs carries these ids."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield
