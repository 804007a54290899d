"""What a check finds, and the table of its rules."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidcompute.media.hls_check.load import Stream


class Severity(StrEnum):
    """How binding a rule's own text is."""

    MUST = "must"
    SHOULD = "should"


@dataclass(frozen=True)
class Finding:
    """One breach of a rule: `clause` is where the rule stands, `where` the playlist (and line or segment) at fault."""

    rule: str
    severity: Severity
    clause: str
    where: str
    message: str


@dataclass(frozen=True)
class Report:
    """All findings of a check, and what was looked at. `notes` say what could not be checked, and why."""

    findings: tuple[Finding, ...]
    playlists: int
    segments: int
    rules: int
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no rule that says "must" is broken."""
        return not any(f.severity is Severity.MUST for f in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "ok": self.ok,
            "findings": [{**vars(f), "severity": f.severity.value} for f in self.findings],
            "playlists": self.playlists,
            "segments": self.segments,
            "rules": self.rules,
            "notes": list(self.notes),
        }


Breaches = Iterator[tuple[str, str]]
Find = Callable[["Stream"], Breaches]
Decorator = Callable[[Find], Find]


@dataclass(frozen=True)
class Rule:
    """One rule: `find` yields (where, message) for each breach."""

    id: str
    severity: Severity
    clause: str
    find: Find

    def findings(self, stream: "Stream") -> Iterator[Finding]:
        """The rule's breaches in a stream."""
        for where, message in self.find(stream):
            yield Finding(self.id, self.severity, self.clause, where, message)


@dataclass
class RuleTable:
    """The rules of one module, in the order in which they stand there."""

    rules: list[Rule] = field(default_factory=list)

    def must(self, rule_id: str, clause: str) -> Decorator:
        """Register a function as a rule that binds."""
        return self._register(rule_id, Severity.MUST, clause)

    def should(self, rule_id: str, clause: str) -> Decorator:
        """Register a function as a rule that is a recommendation, or binds only in cases that we can't see."""
        return self._register(rule_id, Severity.SHOULD, clause)

    def _register(self, rule_id: str, severity: Severity, clause: str) -> Decorator:
        def add(find: Find) -> Find:
            self.rules.append(Rule(rule_id, severity, clause, find))
            return find

        return add
