"""The audit log: who did what, by page, or whole as a file."""

import csv
import io
import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse

from vidcompute.api import account_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.declared import Cursor, Limit, problems
from vidcompute.api.deps import Deps, Given
from vidcompute.api.times import Asked, milliseconds
from vidcompute.api.views import when
from vidcompute.services import audit
from vidcompute.services.audit import AuditFilter

router = APIRouter(prefix="/api/v1", tags=["access"])

_BATCH = 500
_KINDS = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet would begin to calculate

From = Annotated[Asked | None, Query(description="Only what was done at this time or later (RFC 3339).")]
To = Annotated[Asked | None, Query(description="Only what was done before this time (RFC 3339).")]


async def _filter(
    *,
    action: Annotated[str | None, Query(max_length=60, description="Only this, such as `asset.deleted`.")] = None,
    actor_id: Annotated[str | None, Query(max_length=100, description="Only by this key or person.")] = None,
    subject_id: Annotated[str | None, Query(max_length=100, description="Only what was done to this.")] = None,
    created_from: From = None,
    created_to: To = None,
) -> AuditFilter:
    return AuditFilter(action, actor_id, subject_id, milliseconds(created_from), milliseconds(created_to))


Only = Annotated[AuditFilter, Depends(_filter)]


@router.get("/audit", operation_id="list_audit_entries", summary="Who did what?", responses=problems(400, 401, 422))
async def list_entries(
    caller: Caller, deps: Given, only: Only, limit: Limit = 20, cursor: Cursor = None
) -> schemas.AuditPage:
    """Entries of the audit log, newest first."""
    page = await deps.db.read(audit.list_entries, caller.organization_id, only, limit=limit, cursor=cursor)
    return schemas.AuditPage(items=[_view(entry) for entry in page.items], next_cursor=page.next_cursor)


@router.get(
    "/audit/export",
    operation_id="export_audit_log",
    summary="Export the audit log",
    response_class=Response,
    responses=problems(
        401,
        422,
        own={
            200: {
                "description": "Every entry, newest first: a JSON object on each line, or CSV with a head.",
                "content": {"application/x-ndjson": {"schema": {"type": "string"}}, "text/csv": {"schema": {}}},
            }
        },
    ),
)
async def export(
    caller: Caller,
    deps: Given,
    only: Only,
    form: Annotated[
        Literal["ndjson", "csv"], Query(alias="format", description="Lines of JSON, or CSV for spreadsheets.")
    ] = "ndjson",
) -> Response:
    """The whole audit log as a file."""
    lines = _lines(deps, caller.organization_id, only, form)
    headers = {"Content-Disposition": f'attachment; filename="audit.{form}"'}
    return StreamingResponse(lines, headers=headers, media_type=_KINDS[form])


async def _lines(deps: Deps, organization_id: str, only: AuditFilter, form: str) -> AsyncGenerator[str]:
    if form == "csv":
        yield _row(list(schemas.AuditEntry.model_fields))
    cursor: str | None = None
    while True:
        page = await deps.db.read(audit.list_entries, organization_id, only, limit=_BATCH, cursor=cursor)
        documents = [_view(entry).model_dump(mode="json") for entry in page.items]
        yield "".join(_row(list(one.values())) if form == "csv" else json.dumps(one) + "\n" for one in documents)
        cursor = page.next_cursor
        if cursor is None:
            return


def _row(cells: list[Any]) -> str:
    """One line of CSV. What a spreadsheet would take for a formula is marked as text: others choose these names."""
    texts = [cell if isinstance(cell, str) else json.dumps(cell) for cell in cells]
    line = io.StringIO()
    csv.writer(line).writerow([f"'{text}" if text.startswith(_FORMULA) else text for text in texts])
    return line.getvalue()


def _view(entry: audit.AuditEntry) -> schemas.AuditEntry:
    fields = {name: getattr(entry, name) for name in schemas.AuditEntry.model_fields if name != "at"}
    return schemas.AuditEntry(**fields, at=when(entry.created_ms))
