"""`POST /api/v1/jobs`: a JSON job, or a file with its job in one multipart form that is stored while it arrives."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from vidcompute.api import idempotency
from vidcompute.api import job_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import JsonBody, parse
from vidcompute.api.declared import problems
from vidcompute.api.deps import Deps, Given, deps_of
from vidcompute.api.multipart import PartBegins, PartData, PartEnds, body_cut, boundary_of, form_events
from vidcompute.api.tracing import traceparent_of
from vidcompute.api.views import show_job
from vidcompute.errors import FieldProblem, Kind, VidComputeError, invalid
from vidcompute.pipeline.spec import JobOptions, JobSpec, UploadInput
from vidcompute.services import jobs, quotas, uploads
from vidcompute.services.accounts import Principal
from vidcompute.services.assets import Source
from vidcompute.services.idempotency import Answer
from vidcompute.services.quotas import Quota
from vidcompute.services.uploads import NewSource, Received, Receiver

router = APIRouter(prefix="/api/v1", tags=["jobs"])

PATH = "/api/v1/jobs"
_BY_JSON = JsonBody(JobSpec)
_FORM_OVERHEAD_BYTES = 4096  # of boundaries and part headers, in a declared length


_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "JSON where the video is at a URL or was uploaded before; a form where its file comes with it.",
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/JobSpec"},
            "examples": {
                "url": {"summary": "A URL, and defaults", "value": {"input": "https://example.com/clip.mp4"}},
                "ladder": {
                    "summary": "Two renditions and a frame each second",
                    "value": {
                        "input": {"url": "https://example.com/clip.mp4"},
                        "outputs": ["hls", {"type": "frames", "rate": 1}],
                        "renditions": [{"height": 1080}, {"height": 480, "bitrate_bps": 1_000_000}],
                        "priority": "high",
                    },
                },
            },
        },
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "spec": {"$ref": "#/components/schemas/JobOptions"},
                    "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                },
            },
            "encoding": {"spec": {"contentType": "application/json"}},
        },
    },
}


@router.post(
    "/jobs",
    operation_id="submit_job",
    summary="Submit a job",
    status_code=201,
    response_class=Response,
    responses=problems(
        400,
        401,
        404,
        409,
        413,
        415,
        422,
        503,
        507,
        own={
            201: {
                "model": schemas.Job,
                "description": "The job is queued. Its asset can be watched before it is done.",
                "headers": {"Location": {"description": "The job's own address.", "schema": {"type": "string"}}},
            }
        },
    ),
    openapi_extra={"requestBody": _REQUEST_BODY},
)
async def submit(request: Request, caller: Caller, deps: Given) -> Response:
    """Make a job of a URL, of an uploaded source, or of a file that comes with the request."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        answer = await _Form(request, caller, deps).submit()
    elif kind == "application/json":
        answer = await _submit_json(request, caller, deps)
    else:
        detail = "Send application/json, or multipart/form-data with a file."
        raise VidComputeError(Kind.INVALID, "unsupported_content_type", detail)
    return idempotency.response_of(answer)


async def _submit_json(request: Request, caller: Principal, deps: Deps) -> Answer:
    spec = await _BY_JSON(request, deps)
    return await deps.db.write(_submitted, request, caller, spec, None)


def _submitted(conn: Connection, request: Request, caller: Principal, spec: JobSpec, source: Source | None) -> Answer:
    deps = deps_of(request)
    traceparent = traceparent_of(request)
    job = jobs.submit(conn, caller.organization_id, spec, source=source, traceparent=traceparent, prelude=deps.prelude)
    told = show_job(conn, job, deps.hub, deps.base_url).model_dump(mode="json")
    return Answer(201, told, {"Location": f"{PATH}/{job.id}"})


class _Form:
    """One multipart request on its way in."""

    def __init__(self, request: Request, caller: Principal, deps: Deps) -> None:
        self._request = request
        self._caller = caller
        self._deps = deps
        self._part = ""
        self._seen: set[str] = set()
        self._text = bytearray()
        self._options = JobOptions()
        self._name = ""

    async def submit(self) -> Answer:
        """Take the form and make its job."""
        limits = self._deps.limits
        declared = self._request.headers.get("content-length", "")
        room = int(declared) - _FORM_OVERHEAD_BYTES if declared.isdigit() else None
        standing = await self._deps.db.read(quotas.standing, self._caller.organization_id)
        most = min(limits.max_upload_bytes, standing.limit(Quota.UPLOAD_BYTES) or limits.max_upload_bytes)
        if room is not None and room - limits.max_json_bytes > limits.max_upload_bytes:
            raise uploads.too_large(limits.max_upload_bytes)
        if room is not None:
            uploads.check_room(self._deps.incoming, min(max(0, room), limits.max_upload_bytes), limits.max_upload_bytes)
            for quota in (Quota.UPLOAD_BYTES, Quota.STORED_BYTES):
                standing.check(quota, max(0, room - limits.max_json_bytes))
        async with uploads.receiving(self._deps.incoming, max_bytes=most) as receiver:
            await self._take(receiver)
            return await self._store(await receiver.finish())

    async def _take(self, receiver: Receiver) -> None:
        boundary = boundary_of(self._request.headers["content-type"])
        try:
            async for event in form_events(self._request.stream(), boundary):
                match event:
                    case PartBegins():
                        self._begin(event)
                    case PartData() if self._part == "file":
                        await receiver.write(event.data)
                    case PartData():
                        self._add_text(event.data)
                    case PartEnds() if self._part == "spec":
                        self._options = parse(bytes(self._text), JobOptions, "/spec")
        except ClientDisconnect as error:
            raise body_cut() from error
        if "file" not in self._seen:
            raise invalid(
                "invalid_request", 'The form has no part "file".', FieldProblem("/file", "Field required", "missing")
            )

    def _begin(self, part: PartBegins) -> None:
        wrong = None
        if part.name not in {"spec", "file"}:
            wrong = FieldProblem(f"/{part.name}", 'The parts of the form are "spec" and "file".', "extra_forbidden")
        elif part.name in self._seen:
            wrong = FieldProblem(f"/{part.name}", "This part is there twice.", "repeated")
        if wrong is not None:
            raise invalid("invalid_request", f"The form has a wrong part {part.name!r}.", wrong)
        self._part = part.name
        self._seen.add(part.name)
        if part.name == "file":
            self._name = part.title

    def _add_text(self, data: bytes | memoryview) -> None:
        self._text += data
        limit = self._deps.limits.max_json_bytes
        if len(self._text) > limit:
            detail = f'The part "spec" may have {limit} bytes at most.'
            raise VidComputeError(Kind.TOO_LARGE, "body_too_large", detail, extra={"max_bytes": limit})

    async def _store(self, received: Received) -> Answer:
        request, caller, deps = self._request, self._caller, self._deps
        # Not as it came: what stands between the parts is another text each time.
        idempotency.cover(request, self._options.model_dump_json(), received.digest)
        await idempotency.recall(request)

        def use(conn: Connection, source: Source) -> Answer:
            quotas.take(conn, caller.organization_id, {Quota.UPLOAD_BYTES: source.size_bytes, Quota.STORED_BYTES: 0})
            spec = JobSpec(**{**dict(self._options), "input": UploadInput(source=source.id)})
            return _submitted(conn, request, caller, spec, source)

        upload = NewSource(caller.organization_id, received, self._name)
        return await uploads.store(deps.db, deps.storage, upload, use)
