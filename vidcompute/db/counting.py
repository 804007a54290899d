"""What keeps the sum of each organization's stored bytes: triggers of the database, so that no way around them exists.

Counted are artifacts, text tracks, and the objects of sources that are no artifact's; an object that several sources
share counts once. The statements are the same for a fresh database and for one that is migrated.
"""

from collections.abc import Mapping, Sequence

# A fetched source lies in the artifact of its fetch, and is counted there.
_FETCHED = "'orgs/' || {row}.organization_id || '/artifacts/'"
_OWN = f"substr({{row}}.storage_key, 1, length({_FETCHED})) <> {_FETCHED}"
_SHARED = "EXISTS (SELECT 1 FROM sources WHERE storage_key = {row}.storage_key AND id <> {row}.id)"
_ADD = """INSERT INTO stored (organization_id, size_bytes, metered_ms)
VALUES (NEW.organization_id, NEW.size_bytes, NEW.created_ms)
ON CONFLICT (organization_id) DO UPDATE SET size_bytes = stored.size_bytes + excluded.size_bytes"""
_REMOVE = "UPDATE stored SET size_bytes = size_bytes - OLD.size_bytes WHERE organization_id = OLD.organization_id"

_COUNTED = {"INSERT": ("NEW", _ADD), "DELETE": ("OLD", _REMOVE)}


# The file of a text that was taken out of a source lies in an artifact, and is counted there.
_CONDITIONS = {"sources": f"{_OWN} AND NOT {_SHARED}", "text_tracks": "{row}.content_key IS NULL"}


def _condition(table: str, row: str) -> str:
    return _CONDITIONS.get(table, "1 = 1").format(row=row)


def _on_sqlite(table: str, deed: str) -> tuple[str, ...]:
    row, count = _COUNTED[deed]
    name = f"{table}_stored_{deed.lower()}"
    when = f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {deed} ON {table} WHEN {_condition(table, row)}"
    return (f"{when} BEGIN {count}; END",)


def _on_postgresql(table: str, deed: str) -> tuple[str, ...]:
    row, count = _COUNTED[deed]
    name = f"{table}_stored_{deed.lower()}"
    body = f"BEGIN IF {_condition(table, row)} THEN {count}; END IF; RETURN NULL; END"
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        f"CREATE OR REPLACE TRIGGER {name} AFTER {deed} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )


_PLACES = [(table, deed) for table in ("artifacts", "sources") for deed in _COUNTED]

_LATER_PLACES = [("text_tracks", deed) for deed in _COUNTED]


def _begin(places: Sequence[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    return {
        "sqlite": [statement for place in places for statement in _on_sqlite(*place)],
        "postgresql": [statement for place in places for statement in _on_postgresql(*place)],
    }


def _end(places: Sequence[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    return {
        "sqlite": [f"DROP TRIGGER {table}_stored_{deed.lower()}" for table, deed in places],
        "postgresql": [f"DROP FUNCTION {table}_stored_{deed.lower()}() CASCADE" for table, deed in places],
    }


BEGIN, END = _begin(_PLACES), _end(_PLACES)
"""The statements that make the triggers of the first tables, and those that remove them, by dialect."""

BEGIN_TEXT_TRACKS, END_TEXT_TRACKS = _begin(_LATER_PLACES), _end(_LATER_PLACES)
"""The same for text tracks, which came later."""

FIRST_COUNT = """INSERT INTO stored (organization_id, size_bytes, metered_ms)
SELECT organization_id, sum(size_bytes), :at_ms FROM (
SELECT organization_id, size_bytes FROM artifacts UNION ALL
SELECT organization_id, max(size_bytes) AS size_bytes FROM sources WHERE
substr(storage_key, 1, length('orgs/' || organization_id || '/artifacts/'))
<> 'orgs/' || organization_id || '/artifacts/'
GROUP BY organization_id, storage_key) AS found GROUP BY organization_id"""
"""Counts what there is already, before the triggers."""
