"""Webhooks: endpoints, their secrets, pings, the log of deliveries, replays."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Annotated, Any, cast

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection
from starlette.responses import Response

from vidcompute.api import event_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import Json, OptionalJson
from vidcompute.api.declared import Cursor, Limit, problems
from vidcompute.api.deps import Deps, Given
from vidcompute.api.idempotency import response_of
from vidcompute.api.times import milliseconds
from vidcompute.api.views import at
from vidcompute.services import webhooks
from vidcompute.services.idempotency import Answer, RepeatedError
from vidcompute.services.webhooks import Attempt, Delivery, DeliveryStatus, Secrets, Webhook, WebhookChanges

router = APIRouter(prefix="/api/v1", tags=["webhooks"])

WebhookId = Annotated[str, Path(description="A webhook's identifier.", examples=[schemas.WEBHOOK_ID], max_length=100)]
DeliveryId = Annotated[
    str, Path(description="A delivery's identifier.", examples=[schemas.DELIVERY_ID], max_length=100)
]


def _view(webhook: Webhook) -> schemas.Webhook:
    return schemas.Webhook(
        id=webhook.id,
        url=webhook.url,
        description=webhook.description,
        events=list(webhook.events),
        enabled=webhook.enabled,
        disabled_reason=cast(Any, webhook.disabled_reason),
        failing_since=at(webhook.failing_since_ms),
        created_at=cast(Any, at(webhook.created_ms)),
        updated_at=cast(Any, at(webhook.updated_ms)),
    )


def _secret_view(secrets: Secrets) -> schemas.WebhookSecret:
    return schemas.WebhookSecret(
        secret=secrets.secret, old_secret=secrets.old_secret, old_secret_until=at(secrets.old_secret_until_ms)
    )


def _attempt_view(attempt: Attempt) -> schemas.DeliveryAttempt:
    values = {name: value for name, value in asdict(attempt).items() if name not in {"started_ms", "retry_after_ms"}}
    return schemas.DeliveryAttempt(started_at=cast(Any, at(attempt.started_ms)), **values)


def _delivery_view(delivery: Delivery) -> schemas.Delivery:
    return schemas.Delivery(
        id=delivery.id,
        webhook_id=delivery.webhook_id,
        seq=delivery.seq,
        type=delivery.type,
        subject_id=delivery.subject_id,
        status=delivery.status,
        next_attempt_at=at(delivery.next_ms),
        created_at=cast(Any, at(delivery.created_ms)),
        ended_at=at(delivery.ended_ms),
        request_body=delivery.body,
        attempts=[_attempt_view(attempt) for attempt in delivery.attempts],
    )


async def _revealed(deps: Deps, work: Callable[[Connection], Answer], webhook_id: str = "") -> Response:
    """The response to what `work` does, or did at an earlier request, with the webhook's secrets in it.

    The answer of `work` has the versions of the secrets in their place, and so it is recorded for repetitions. They are
    those of `webhook_id`; left out, of the webhook whose `id` is in the answer.
    """
    try:
        answer = await deps.db.write(work)
    except RepeatedError as repeated:
        answer = repeated.answer
    about = webhook_id or answer.body["id"]
    versions = {name: answer.body.get(name) for name in ("secret", "old_secret")}

    def secrets(conn: Connection) -> dict[str, str]:
        return {
            name: webhooks.secret_of(conn, about, version)
            for name, version in versions.items()
            if isinstance(version, int)
        }

    return response_of(replace(answer, body={**answer.body, **await deps.db.read(secrets)}))


# -- endpoints -----------------------------------------------------------------------------------------------------


@router.get("/webhooks", operation_id="list_webhooks", summary="List webhooks", responses=problems(400, 401, 422))
async def list_webhooks(caller: Caller, deps: Given, limit: Limit = 20, cursor: Cursor = None) -> schemas.WebhookPage:
    """Webhooks, newest first."""
    page = await deps.db.read(webhooks.list_webhooks, caller.organization_id, limit=limit, cursor=cursor)
    return schemas.WebhookPage(items=[_view(webhook) for webhook in page.items], next_cursor=page.next_cursor)


@router.post(
    "/webhooks",
    operation_id="create_webhook",
    summary="Create a webhook",
    response_class=Response,
    status_code=201,
    responses=problems(
        400,
        401,
        409,
        413,
        422,
        own={201: {"model": schemas.CreatedWebhook, "description": "It is told of what happens from now on."}},
    ),
)
async def create_webhook(wanted: Json[schemas.NewWebhook], caller: Caller, deps: Given) -> Response:
    """Name an address that is told of events, each signed as the Standard Webhooks specification says."""

    def work(conn: Connection) -> Answer:
        made = webhooks.create(conn, caller.organization_id, **wanted.model_dump(), at_most=deps.limits.max_webhooks)
        secrets = webhooks.secrets_of(conn, caller.organization_id, made.id)
        told = {**_view(made).model_dump(mode="json"), "secret": secrets.version}
        return Answer(201, told, {"Location": f"/api/v1/webhooks/{made.id}"})

    return await _revealed(deps, work)


@router.get(
    "/webhooks/{webhook_id}", operation_id="get_webhook", summary="Read a webhook", responses=problems(401, 404)
)
async def get_webhook(webhook_id: WebhookId, caller: Caller, deps: Given) -> schemas.Webhook:
    """The webhook, and whether it works."""
    return _view(await deps.db.read(webhooks.get, caller.organization_id, webhook_id))


@router.patch(
    "/webhooks/{webhook_id}",
    operation_id="update_webhook",
    summary="Change a webhook",
    responses=problems(400, 401, 404, 413, 422),
)
async def update_webhook(
    wanted: Json[schemas.WebhookPatch], webhook_id: WebhookId, caller: Caller, deps: Given
) -> schemas.Webhook:
    """Change address, events, description, or switch it on or off; what is left out stays.

    What happens while it is off is not sent when it is on again: replay it.
    """
    changes = cast(WebhookChanges, wanted.model_dump(exclude_unset=True))
    return _view(await deps.db.write(webhooks.change, caller.organization_id, webhook_id, changes))


@router.delete(
    "/webhooks/{webhook_id}",
    operation_id="delete_webhook",
    summary="Delete a webhook",
    status_code=204,
    responses=problems(401, 404, own={204: {"description": "It is gone, with the log of its deliveries."}}),
)
async def delete_webhook(webhook_id: WebhookId, caller: Caller, deps: Given) -> None:
    """Send it nothing any more."""
    await deps.db.write(webhooks.remove, caller.organization_id, webhook_id)


# -- secrets -------------------------------------------------------------------------------------------------------


@router.post(
    "/webhooks/{webhook_id}/secret",
    operation_id="show_webhook_secret",
    summary="Show a webhook's secret",
    responses=problems(401, 404),
)
async def show_secret(webhook_id: WebhookId, caller: Caller, deps: Given, response: Response) -> schemas.WebhookSecret:
    """What receivers check signatures with. A POST: who may only read webhooks must not be able to sign."""
    response.headers["Cache-Control"] = "no-store"
    return _secret_view(await deps.db.read(webhooks.secrets_of, caller.organization_id, webhook_id))


@router.post(
    "/webhooks/{webhook_id}/secret/rotate",
    operation_id="rotate_webhook_secret",
    summary="Change a webhook's secret",
    response_class=Response,
    responses=problems(
        400, 401, 404, 409, 413, 422, own={200: {"model": schemas.WebhookSecret, "description": "The new secret."}}
    ),
)
async def rotate_secret(
    wanted: OptionalJson[schemas.Rotation], webhook_id: WebhookId, caller: Caller, deps: Given
) -> Response:
    """Sign with a new secret; for a time, with the one before as well."""

    def work(conn: Connection) -> Answer:
        secrets = webhooks.rotate(conn, caller.organization_id, webhook_id, overlap_ms=wanted.overlap_s * 1000)
        older = secrets.version - 1 if secrets.old_secret else None
        told = _secret_view(secrets).model_dump(mode="json") | {"secret": secrets.version, "old_secret": older}
        return Answer(200, told, {"Cache-Control": "no-store"})

    return await _revealed(deps, work, webhook_id)


# -- deliveries ----------------------------------------------------------------------------------------------------

_QUEUED: dict[int | str, dict[str, Any]] = {
    202: {"model": schemas.Delivery, "description": "It is sent now; read it again for what became of it."}
}


@router.post(
    "/webhooks/{webhook_id}/ping",
    operation_id="ping_webhook",
    summary="Test a webhook",
    response_class=Response,
    status_code=202,
    responses=problems(401, 404, 409, own=_QUEUED),
)
async def ping(webhook_id: WebhookId, caller: Caller, deps: Given) -> Response:
    """Send it a message of type `webhook.ping`, once."""

    def work(conn: Connection) -> Answer:
        made = webhooks.ping(conn, caller.organization_id, webhook_id)
        return Answer(202, _delivery_view(made).model_dump(mode="json"))

    return response_of(await deps.db.write(work))


@router.get(
    "/webhooks/{webhook_id}/deliveries",
    operation_id="list_deliveries",
    summary="List deliveries",
    responses=problems(400, 401, 404, 422),
)
async def list_deliveries(
    webhook_id: WebhookId,
    caller: Caller,
    deps: Given,
    *,
    limit: Limit = 20,
    cursor: Cursor = None,
    status: Annotated[DeliveryStatus | None, Query(description="Only deliveries in this state.")] = None,
) -> schemas.DeliveryPage:
    """What was, and is to be, sent to it, newest first, with every attempt."""
    page = await deps.db.read(
        webhooks.list_deliveries, caller.organization_id, webhook_id, limit=limit, cursor=cursor, status=status
    )
    items = [_delivery_view(delivery) for delivery in page.items]
    return schemas.DeliveryPage(items=items, next_cursor=page.next_cursor)


@router.get(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}",
    operation_id="get_delivery",
    summary="Read a delivery",
    responses=problems(401, 404),
)
async def get_delivery(webhook_id: WebhookId, delivery_id: DeliveryId, caller: Caller, deps: Given) -> schemas.Delivery:
    """What was sent, and what came back."""
    found = await deps.db.read(webhooks.get_delivery, caller.organization_id, webhook_id, delivery_id)
    return _delivery_view(found)


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
    operation_id="replay_delivery",
    summary="Send a delivery again",
    response_class=Response,
    status_code=202,
    responses=problems(401, 404, 409, own=_QUEUED),
)
async def replay_delivery(webhook_id: WebhookId, delivery_id: DeliveryId, caller: Caller, deps: Given) -> Response:
    """Send it again under its id, whatever came of it before."""

    def work(conn: Connection) -> Answer:
        queued = webhooks.replay(conn, caller.organization_id, webhook_id, delivery_id)
        return Answer(202, _delivery_view(queued).model_dump(mode="json"))

    return response_of(await deps.db.write(work))


@router.post(
    "/webhooks/{webhook_id}/replay",
    operation_id="replay_deliveries",
    summary="Send deliveries again",
    response_class=Response,
    responses=problems(
        400,
        401,
        404,
        409,
        413,
        422,
        own={200: {"model": schemas.Replay, "description": "They are sent now; `next_cursor` has the others."}},
    ),
)
async def replay_deliveries(
    wanted: Json[schemas.ReplaySince], webhook_id: WebhookId, caller: Caller, deps: Given
) -> Response:
    """Send what failed, or was never sent, of the events since a time; some hundred at a time."""

    def work(conn: Connection) -> Answer:
        done = webhooks.replay_since(
            conn,
            caller.organization_id,
            webhook_id,
            since_ms=milliseconds(wanted.since),
            delivered=wanted.delivered,
            cursor=wanted.cursor,
        )
        return Answer(200, asdict(done))

    return response_of(await deps.db.write(work))
