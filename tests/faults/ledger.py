"""What a client was promised, and whether it is kept: written on the client's side, from answers alone."""

from dataclasses import dataclass, field
from typing import Any

from tests.faults.incarnation import Incarnation

ENDED = {"done", "failed", "cancelled"}
_ENDS = {"poison": {"failed"}, "broken": {"failed"}, "empty": {"failed"}}


@dataclass
class Promise:
    """An accepted job. `may_be` is what it can have become at the end, by all that was asked since."""

    job_id: str
    asset_id: str
    fate: str
    may_be: set[str]
    seen_done: bool = False
    deleted: bool = False

    @classmethod
    def of(cls, shown: dict[str, Any], fate: str) -> "Promise":
        """That of a job which was just accepted."""
        return cls(shown["id"], shown["asset_id"], fate, set(_ENDS.get(fate, {"done"})))

    def asked_to_cancel(self, answer: dict[str, Any] | None) -> None:
        """A cancel was answered, or (None) nobody knows whether it came through."""
        self.may_be = {"cancelled"} if answer is not None else self.may_be | {"cancelled"}

    def asked_to_go_on(self, answer: dict[str, Any] | None) -> None:
        """A retry was answered, or nobody knows whether it came through."""
        ends = _ENDS.get(self.fate, {"done"})
        self.may_be = set(ends) if answer is not None else self.may_be | ends
        self.seen_done = False


@dataclass
class Ledger:
    """All promises; `keys` are those of requests that are sent again until they are answered."""

    promises: dict[str, Promise] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def accepted(self, shown: dict[str, Any], fate: str, key: str | None = None) -> Promise:
        """A job was accepted; the same key twice must name the same job."""
        if key is not None:
            assert self.keys.setdefault(key, shown["id"]) == shown["id"], f"{key} made two jobs"
        return self.promises.setdefault(shown["id"], Promise.of(shown, fate))

    def check(self, incarnation: Incarnation, *, at_the_end: bool = False) -> None:
        """Every accepted job is there; what was seen done is done still; at the end each is what it may be."""
        shown = {job["id"]: job for job in incarnation.ask("jobs")}
        for promise in self.promises.values():
            if promise.deleted:
                continue
            job = shown.get(promise.job_id)
            assert job is not None, f"{promise.job_id} is lost"
            if promise.seen_done:
                assert job["status"] == "done", f"{promise.job_id} was done and is {job['status']}"
            promise.seen_done = promise.seen_done or job["status"] == "done"
            if at_the_end:
                assert job["status"] in promise.may_be, (promise, job)
                assert (job["code"] is None) == (job["status"] != "failed")
        if at_the_end:
            assert all(job["status"] in ENDED for job in shown.values()), shown

    def all_ended(self, incarnation: Incarnation) -> bool:
        """Whether no job is on its way, a moment after it was asked."""
        for job in incarnation.ask("jobs"):
            if job["status"] not in ENDED:
                incarnation.ask("job", job_id=job["id"], for_s=2.0, ended=True)
                return False
        return True
