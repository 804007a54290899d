"""`python -m bench.bare_writes PORT PATH`: the least that takes an upload: each body is written over one file."""

import asyncio
import os
import sys
from typing import Any

import uvicorn
import uvloop


def app(path: str) -> Any:
    """The ASGI application: no digest, no limit, nothing durable."""

    async def write(scope: Any, receive: Any, send: Any) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        more = scope["method"] == "PUT"
        while more:
            message = await receive()
            os.write(descriptor, message["body"])
            more = message["more_body"]
        os.close(descriptor)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    return write


def main() -> None:
    """Serve as the platform does."""
    config = uvicorn.Config(
        app(sys.argv[2]), port=int(sys.argv[1]), http="httptools", ws="none", lifespan="off", log_config=None
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
