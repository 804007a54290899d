"""Which pages of other origins may call the API, and what they may see of its answers."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

UPLOAD_HEADERS = (
    "Content-Type",
    "Tus-Resumable",
    "Upload-Checksum",
    "Upload-Concat",
    "Upload-Defer-Length",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
    "X-HTTP-Method-Override",
    "X-Request-Id",
    "X-Requested-With",
)
"""What clients of uploads send."""
UPLOAD_ANSWERS = (
    "Location",
    "Retry-After",
    "Tus-Checksum-Algorithm",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Resumable",
    "Tus-Version",
    "Upload-Concat",
    "Upload-Defer-Length",
    "Upload-Expires",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
    "X-Request-Id",
)
"""And what they want to see."""
OWN = "/upload/"  # one-time addresses say for themselves which origin may use them


class Cors:
    """Answers for the origins of the settings, everywhere but at addresses that answer for themselves."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=list(origins),
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            allow_headers=[
                "Authorization",
                "Idempotency-Key",
                "Last-Event-ID",
                "Range",
                "X-Organization",
                *UPLOAD_HEADERS,
            ],
            expose_headers=["Content-Range", "Idempotent-Replayed", *UPLOAD_ANSWERS],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        own = scope["type"] == "http" and scope["path"].startswith(OWN)
        await (self._app if own else self._open)(scope, receive, send)
