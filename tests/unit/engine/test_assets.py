"""Assets: reading, changing, their life, and a deletion that takes what nothing else refers to."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, select

from tests.unit.engine import toys
from tests.unit.engine.toys import AT_ONCE, ORG
from vidcompute.db import outbox, schema
from vidcompute.errors import VidComputeError
from vidcompute.ids import new_id
from vidcompute.pipeline.spec import JobSpec
from vidcompute.services import assets, jobs
from vidcompute.services.assets import Asset, AssetFilter, AssetOrder


def count(conn: Connection) -> dict[str, int]:
    names = ("sources", "assets", "jobs", "interests", "tasks", "task_dependencies", "attempts", "artifacts")
    return {name: len(conn.execute(select(schema.metadata.tables[name])).all()) for name in names}


def test_an_asset_is_found_by_its_id_and_by_its_playback_id(conn: Connection) -> None:
    made = assets.create(conn, ORG, title="T")
    assert assets.get(conn, ORG, made.id) == made
    assert assets.by_playback_id(conn, made.playback_id) == made
    for wrong in ("nonsense", "0" * 24):
        with pytest.raises(VidComputeError, match="playback_not_found"):
            assets.by_playback_id(conn, wrong)
    with pytest.raises(VidComputeError, match="asset_not_found"):
        assets.get(conn, "org_other", made.id)


def test_lists_come_in_pages_newest_first(conn: Connection) -> None:
    made = [assets.create(conn, ORG).id for _ in range(5)]
    assets.mark_ready(conn, made[0])
    first = assets.list_assets(conn, ORG, limit=2)
    second = assets.list_assets(conn, ORG, limit=2, cursor=first.next_cursor)
    last = assets.list_assets(conn, ORG, limit=2, cursor=second.next_cursor)
    seen = [a.id for page in (first, second, last) for a in page.items]
    assert seen == sorted(made, reverse=True)
    assert last.next_cursor is None
    ready = AssetFilter(["ready"])
    assert [a.id for a in assets.list_assets(conn, ORG, ready).items] == [made[0]]
    assert assets.list_assets(conn, "org_other").items == ()


def test_lists_are_searched_by_title_and_identifier(conn: Connection) -> None:
    film = assets.create(conn, ORG, title="100% Summer_film")
    other = assets.create(conn, ORG, title="Winter")
    assets.create(conn, ORG)

    def found(text: str) -> list[str]:
        return [a.id for a in assets.list_assets(conn, ORG, AssetFilter(text=text)).items]

    assert found("summer") == [film.id]
    assert found("%") == [film.id], "signs of the database's own are text like any other"
    assert found("_film") == [film.id]
    assert found(other.id) == found(other.playback_id) == [other.id]
    assert found("nothing") == []


@pytest.mark.parametrize("order", AssetOrder)
def test_lists_come_in_the_wanted_order_whole_whatever_the_page(conn: Connection, order: AssetOrder) -> None:
    made = [assets.create(conn, ORG, title=title) for title in ("b", "A", None, "c", "a")]

    def place(asset: Asset) -> tuple[str, str]:
        return ((asset.title or "").lower() if "title" in order else "", asset.id)  # none has a duration yet

    wanted = [asset.id for asset in sorted(made, key=place, reverse=order.startswith("-"))]
    for limit in (1, 2, 5):
        seen: list[str] = []
        cursor: str | None = None
        while len(seen) < len(made):
            page = assets.list_assets(conn, ORG, limit=limit, cursor=cursor, order=order)
            seen += [asset.id for asset in page.items]
            cursor = page.next_cursor
        assert (seen, cursor) == (wanted, None)


def test_a_list_by_title_goes_on_after_nothing_unknown(conn: Connection) -> None:
    with pytest.raises(VidComputeError, match="invalid_cursor"):
        assets.list_assets(conn, ORG, cursor=new_id("asset"), order=AssetOrder.TITLE)


def test_a_change_touches_what_is_named_and_nothing_else(conn: Connection) -> None:
    made = assets.create(conn, ORG, title="T", passthrough="p", metadata={"a": "1", "b": "2"})
    changed = assets.change(conn, ORG, made.id, {"title": None, "metadata": {"c": "3"}})
    assert (changed.title, changed.passthrough, changed.metadata) == (None, "p", {"c": "3"})
    assert changed.updated_ms >= made.updated_ms
    assert assets.change(conn, ORG, made.id, {}) == changed
    (event,) = [e for e in outbox.events_since(conn, ORG, 0) if e.type == "asset.updated"]
    assert event.data["fields"] == ["metadata", "title"]


def test_a_poster_is_chosen_and_left_to_the_job_again(conn: Connection) -> None:
    made = assets.create(conn, ORG)
    assert made.poster_time_ms is None
    assert assets.change(conn, ORG, made.id, {"poster_time_ms": 1_500}).poster_time_ms == 1_500
    assert assets.change(conn, ORG, made.id, {"title": "T"}).poster_time_ms == 1_500
    assert assets.change(conn, ORG, made.id, {"poster_time_ms": None}).poster_time_ms is None
    told = [e.data["fields"] for e in outbox.events_since(conn, ORG, 0) if e.type == "asset.updated"]
    assert told == [["poster_time_ms"], ["title"], ["poster_time_ms"]]


Mark = Callable[[Connection, str], bool]


def errored(conn: Connection, asset_id: str) -> bool:
    return assets.mark_errored(conn, asset_id, "boom", "It broke.")


@pytest.mark.parametrize(
    ("marks", "status", "moved"),
    [
        ([assets.mark_playable], "playable", True),
        ([assets.mark_playable, assets.mark_playable], "playable", False),
        ([assets.mark_playable, assets.mark_ready], "ready", True),
        ([assets.mark_ready, assets.mark_playable], "ready", False),
        ([assets.mark_ready, errored], "ready", False),
        ([assets.mark_playable, errored], "errored", True),
        ([errored, assets.mark_playable], "errored", False),
        ([errored, assets.mark_preparing], "preparing", True),
        ([assets.mark_preparing], "preparing", False),
    ],
)
def test_an_asset_moves_along_its_arrows_only(conn: Connection, marks: list[Mark], status: str, moved: bool) -> None:
    made = assets.create(conn, ORG)
    assert [mark(conn, made.id) for mark in marks][-1] is moved
    now = assets.get(conn, ORG, made.id)
    assert now.status == status
    assert (now.error_code == "boom") == (status == "errored")
    told = [e for e in outbox.events_since(conn, ORG, 0, subjects=[made.id]) if e.type == f"asset.{status}"]
    assert all(e.data["playback_id"] == made.playback_id for e in told)


def test_an_asset_that_a_job_made_good_is_not_errored_by_a_later_one(conn: Connection) -> None:
    made = toys.submit(conn)
    toys.run_everything(conn)
    assert not assets.mark_errored(conn, made.asset_id, "boom", "It broke.")
    assert assets.get(conn, ORG, made.asset_id).status == "ready"


def test_what_was_probed_is_summed_up(conn: Connection) -> None:
    made = assets.create(conn, ORG)
    assets.describe(conn, made.id, toys.source_facts())
    now = assets.get(conn, ORG, made.id)
    assert (now.duration_ms, now.width, now.frame_rate) == (10_000, None, None)
    assert now.facts is not None
    assert now.facts["audio"] == [{"codec": "aac", "channels": 2, "sample_rate": 48000, "language": "und"}]


def test_a_deletion_takes_everything_that_was_derived(conn: Connection) -> None:
    made = toys.submit_url(conn, outputs=["hls", "thumbnail"])
    ran = toys.run_everything(conn)
    removed = assets.remove(conn, ORG, made.asset_id)
    logs = {f"orgs/{ORG}/logs/{spec.attempt_id}.log" for spec in ran}
    assert set(removed.prefixes) >= {spec.output_prefix for spec in ran} | logs
    assert set(count(conn).values()) == {0}
    with pytest.raises(VidComputeError, match="asset_not_found"):
        assets.remove(conn, ORG, made.asset_id)
    assert outbox.events_since(conn, ORG, 0)[-1].type == "asset.purged"


def test_what_another_asset_refers_to_survives(conn: Connection) -> None:
    first = toys.submit(conn, vmaf=True)
    toys.run_everything(conn)
    second = toys.submit(conn)
    toys.run_everything(conn)
    removed = assets.remove(conn, ORG, first.asset_id)
    left = {a.content_key for a in conn.execute(select(schema.artifacts))}
    wanted = {t.content_key for t in jobs.tasks_of(conn, ORG, second.id)}
    assert left == wanted
    assert not any(key in prefix for key in left for prefix in removed.prefixes)
    assert jobs.get_job(conn, ORG, second.id).status == "done"
    assets.remove(conn, ORG, second.asset_id)
    assert set(count(conn).values()) == {0}


def test_a_source_that_another_asset_was_made_from_survives(conn: Connection) -> None:
    first = toys.submit_url(conn)
    toys.run_everything(conn)
    source = jobs.source_of_asset(conn, first.asset_id)
    assert source is not None
    spec = JobSpec.model_validate({"input": {"source": source.id}, "outputs": ["hls"]})
    second = jobs.submit(conn, ORG, spec)
    removed = assets.remove(conn, ORG, first.asset_id)
    assert not any(source.storage_key.startswith(prefix) for prefix in removed.prefixes)
    assert toys.run_everything(conn) != []
    assert source.storage_key in assets.remove(conn, ORG, second.asset_id).prefixes


def test_stored_bytes_that_two_sources_share_go_with_the_last_of_them(conn: Connection) -> None:
    made = []
    for _ in range(2):
        source = assets.add_source(conn, ORG, digest="d", size_bytes=5, storage_key="orgs/o/sources/d", name="n")
        made.append(assets.create(conn, ORG, source_id=source.id))
    assert assets.remove(conn, ORG, made[0].id).prefixes == ()
    assert assets.remove(conn, ORG, made[1].id).prefixes == ("orgs/o/sources/d",)


def test_a_deletion_under_way_stops_the_work(conn: Connection) -> None:
    made = toys.submit(conn)
    encodes = toys.run_until(conn, "encode")
    assets.remove(conn, ORG, made.asset_id)
    assert not jobs.finish(conn, toys.done(encodes[0]), AT_ONCE).accepted
    assert set(count(conn).values()) == {0}
