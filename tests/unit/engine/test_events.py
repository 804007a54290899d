"""Events as they are read: by number, type and subject, without gaps, and with a word where some are gone."""

import pytest
from pydantic import ValidationError
from sqlalchemy import Connection

from tests.unit.engine import toys
from tests.unit.engine.toys import ORG
from vidcompute.db import cursors, outbox
from vidcompute.errors import VidComputeError
from vidcompute.services import events
from vidcompute.services.accounts import Scope
from vidcompute.services.events import CATALOGUE


def test_a_whole_job_tells_of_itself_as_declared(conn: Connection) -> None:
    job = toys.submit(conn)
    toys.run_everything(conn)
    told = outbox.events_since(conn, ORG, 0)
    assert {"job.created", "job.planned", "job.started", "job.done", "asset.created", "asset.ready"} <= {
        event.type for event in told
    }
    assert job.id in {event.subject_id for event in told}
    toys.check_events(conn)


def test_data_that_is_not_declared_is_found(conn: Connection) -> None:
    outbox.emit(conn, ORG, "asset.deleted", "asset_1", {"asset_id": "asset_1"})
    with pytest.raises(ValidationError):
        toys.check_events(conn)


def test_an_envelope_says_what_when_and_to_what(conn: Connection) -> None:
    outbox.emit(conn, ORG, "asset.deleted", "asset_1", {"asset_id": "asset_1", "job_ids": []})
    (event,) = outbox.events_since(conn, ORG, 0)
    told = events.envelope(event)
    assert told["timestamp"].endswith("Z")
    assert told == {
        "type": "asset.deleted",
        "version": 1,
        "timestamp": told["timestamp"],
        "seq": event.seq,
        "organization_id": ORG,
        "subject_id": "asset_1",
        "data": {"asset_id": "asset_1", "job_ids": []},
    }


def test_a_reader_who_comes_back_gets_each_event_once(conn: Connection) -> None:
    toys.submit(conn)
    toys.run_everything(conn)
    every = [event.seq for event in outbox.events_since(conn, ORG, 0)]
    seen: list[int] = []
    cursor = 0
    while len(seen) < len(every):
        page = events.list_events(conn, ORG, cursor=cursor, limit=3)
        seen += [event.seq for event in page.items]
        cursor = int(page.next_cursor)
    assert seen == every
    assert events.list_events(conn, ORG, cursor=cursor, limit=3).items == ()
    toys.submit(conn, "d1")
    later = events.list_events(conn, ORG, cursor=cursor, limit=100)
    assert [event.type for event in later.items] == ["asset.created", "job.created"]


def test_types_and_subjects_are_chosen(conn: Connection) -> None:
    one, two = toys.submit(conn), toys.submit(conn, "d1")
    found = events.list_events(conn, ORG, cursor=0, limit=100, types=["job.*"])
    assert [event.subject_id for event in found.items] == [one.id, two.id]
    found = events.list_events(conn, ORG, cursor=0, limit=100, types=["job.*"], subject_id=two.id)
    assert [event.subject_id for event in found.items] == [two.id]
    assert events.list_events(conn, "org_other", cursor=0, limit=100).items == ()
    with pytest.raises(VidComputeError, match="event_type_unknown"):
        events.list_events(conn, ORG, cursor=0, limit=100, types=["job.unheard_of"])


def test_each_hears_of_what_it_may_read(conn: Connection) -> None:
    toys.submit(conn)
    found = events.list_events(conn, ORG, cursor=0, limit=100, scopes=[Scope.EVENTS_READ, Scope.ASSETS_READ])
    assert [event.type for event in found.items] == ["asset.created"]
    chosen = events.list_events(conn, ORG, cursor=0, limit=100, types=["job.*"], scopes=[Scope.ASSETS_READ])
    assert chosen.items == ()
    for name, kind in CATALOGUE.items():
        assert name in events.heard_by([kind.scope])
        assert name not in events.heard_by(set(Scope) - {kind.scope})


@pytest.mark.parametrize("cursor", ["", "-1", "x", "1.5", "²", "9" * 30])
def test_a_cursor_that_none_gave_out_is_refused(cursor: str) -> None:
    with pytest.raises(VidComputeError, match="invalid_cursor"):
        events.parse_cursor(cursor)


def test_who_was_away_for_too_long_is_told(conn: Connection) -> None:
    for number in range(5):
        outbox.emit(conn, ORG, "asset.deleted", f"asset_{number}", {"asset_id": "a", "job_ids": []})
    first = outbox.oldest_seq(conn)
    assert outbox.prune(conn, outbox.now_ms() + 1, limit=3) == 3
    with pytest.raises(VidComputeError, match="events_expired"):
        events.list_events(conn, ORG, cursor=first, limit=10)
    assert len(events.list_events(conn, ORG, cursor=first + 2, limit=10).items) == 2  # nothing is missing
    assert len(events.list_events(conn, ORG, cursor=0, limit=10).items) == 2


def test_what_a_follower_has_not_dealt_with_is_kept(conn: Connection) -> None:
    for number in range(4):
        outbox.emit(conn, ORG, "asset.deleted", f"asset_{number}", {"asset_id": "a", "job_ids": []})
    first = outbox.oldest_seq(conn)
    cursors.advance(conn, "slow", first + 1)
    cursors.advance(conn, "quick", first + 3)
    cursors.advance(conn, "slow", first)  # never back
    assert cursors.read(conn, "slow") == first + 1
    assert outbox.prune(conn, outbox.now_ms() + 1, up_to=cursors.slowest(conn)) == 2
    cursors.forget(conn, "slow")
    assert outbox.prune(conn, outbox.now_ms() + 1, up_to=cursors.slowest(conn)) == 1
    assert outbox.last_seq(conn) == outbox.oldest_seq(conn) == first + 3  # by the newest, one knows what is gone


def test_every_type_has_a_schema() -> None:
    for kind in CATALOGUE.values():
        schema = kind.data.model_json_schema()
        assert schema["additionalProperties"] is False
        assert schema["properties"]
