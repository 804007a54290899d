"""Random histories of kills: a seed makes the requests and the dooms, so that a history that fails can be run again."""

import random
import signal
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.faults.incarnation import Doom, GoneError, Incarnation, Place, RefusedError
from tests.faults.invariants import assert_sound
from tests.faults.ledger import Ledger, Promise
from vidcompute import failpoints
from vidcompute.services.states import MACHINES

SIDES = ("before", "after")
POINTS = (
    *(f"{machine.name}.{arrow.name}:{side}" for machine in MACHINES for arrow in machine.transitions for side in SIDES),
    *failpoints.POINTS,
)
"""Where a process can be killed: both sides of every arrow, as declared in code, and the points between."""

_FATES = ("good", "good", "good", "flaky", "lossy", "poison", "broken", "empty")


@dataclass
class Story:
    """One history: `dooms` are the kills still to come, `killed_at` where they struck."""

    place: Place
    chance: random.Random
    dooms: list[Doom]
    ledger: Ledger = field(default_factory=Ledger)
    killed_at: set[str] = field(default_factory=set)
    _incarnation: Incarnation | None = None
    _keys: int = 0

    # -- what a client does

    def ask(self, op: str, *, again: bool = True, **arguments: Any) -> Any:
        """An answer; None where the incarnation died over it and the request isn't one to be sent `again`."""
        while True:
            try:
                return self._living().ask(op, **arguments)
            except GoneError:
                self._buried()
                if not again:
                    return None

    def _living(self) -> Incarnation:
        if self._incarnation is None:
            doom = self.dooms.pop(0) if self.dooms else None
            self._incarnation = Incarnation(self.place, doom=doom, seed=self.chance.randrange(2**32))
        return self._incarnation

    def _buried(self) -> None:
        assert self._incarnation is not None
        assert self._incarnation.was_doomed, "it died, and not of its doom"
        assert self._incarnation.doom is not None
        self.killed_at.add(self._incarnation.doom.point)
        self._incarnation = None
        with suppress(GoneError):
            self.ledger.check(self._living())
            return
        self._buried()

    def submit(self, fate: str | None = None) -> Promise | None:
        """Send a file; None where nobody knows whether it was accepted."""
        fate = fate or self.chance.choice(_FATES)
        spec = {"outputs": self.chance.choice((["hls"], ["hls", "thumbnail"])), "priority": self.priority()}
        shown = self.ask("submit", again=False, digest=f"{fate}-{self.chance.randrange(3)}", spec=spec)
        return None if shown is None else self.ledger.accepted(shown, fate)

    def submit_url(self) -> Promise:
        """Send a URL with a key, until there is an answer."""
        self._keys += 1
        key = f"key-{self._keys}"
        spec = {"outputs": ["hls"], "priority": self.priority()}
        for _ in range(self.chance.choice((1, 1, 2))):  # networks deliver a request twice
            shown = self.ask("submit_url", key=key, spec=spec)
            promise = self.ledger.accepted(shown, "good", key)
        return promise

    def priority(self) -> str:
        """Any."""
        return self.chance.choice(("high", "normal", "low"))

    def sure(self, fate: str) -> Promise:
        """A job that was accepted."""
        while True:
            promise = self.submit(fate)
            if promise is not None:
                return promise

    def wait(self, promise: Promise, *, ended: bool) -> None:
        """Until a job has begun, or ended."""
        while True:
            job = self.ask("job", job_id=promise.job_id, for_s=5.0, ended=ended)
            if job["status"] not in {"queued", "running"} or (not ended and job["status"] == "running"):
                return

    def wait_for_work(self, promise: Promise) -> None:
        """Until a chunk of a job is at work, if it isn't over."""
        while self.ask("at_work", job_id=promise.job_id) is False:
            pass

    def cancel(self, promise: Promise) -> None:
        """Cancel a job, if it isn't over."""
        with suppress(RefusedError):
            promise.asked_to_cancel(self.ask("cancel", again=False, job_id=promise.job_id))

    def go_on(self, promise: Promise, stage: str | None = None) -> None:
        """Try a job again, from a stage or where it failed; if that can be."""
        arguments = {} if stage is None else {"resume_from": stage}
        promise.seen_done = False
        with suppress(RefusedError):
            promise.asked_to_go_on(self.ask("retry", again=False, job_id=promise.job_id, **arguments))

    def stop(self) -> None:
        """Shut the server down while it is at work; the next request finds another one."""
        try:
            self._living().stop()
        except GoneError:
            self._buried()
        else:
            self._incarnation = None

    # -- the end

    def finish(self) -> None:
        """Let everything come to its end without further kills, and look at what is left."""
        self.dooms = []
        while True:
            try:
                while not self.ledger.all_ended(self._living()):
                    pass
                self.ledger.check(self._living(), at_the_end=True)
                self._living().ask("collect")
                break
            except GoneError:
                self._buried()
        self.stop()
        assert_sound(self.place)

    def abandon(self) -> None:
        """Leave no process behind."""
        if self._incarnation is not None:
            self._incarnation.close()


def _many(story: Story) -> None:
    for _ in range(story.chance.randint(1, 4)):
        story.submit()
        if story.chance.random() < 0.3:
            story.submit_url()


def _changed_minds(story: Story) -> None:
    promise = story.sure(story.chance.choice(("good", "flaky", "lossy")))
    if story.chance.random() < 0.7:
        story.wait(promise, ended=False)
    story.cancel(promise)
    if story.chance.random() < 0.5:
        story.submit()
    story.go_on(promise)


def _made_again(story: Story, *stages: str) -> None:
    promise = story.sure("good")
    story.wait(promise, ended=True)
    story.go_on(promise, story.chance.choice(stages or ("encode", "package")))
    if story.chance.random() < 0.7:
        story.cancel(promise)
    if story.chance.random() < 0.5:
        story.wait(promise, ended=True)
        story.go_on(promise)


def _encoded_again(story: Story) -> None:
    _made_again(story, "encode")  # which the package waits for


def _tried_again(story: Story, *fates: str) -> None:
    promise = story.sure(story.chance.choice(fates or ("poison", "broken", "empty", "flaky")))
    story.wait(promise, ended=True)
    story.go_on(promise)


def _dead_letters(story: Story) -> None:
    _tried_again(story, "poison", "broken")


def _postponed(story: Story) -> None:
    _tried_again(story, "flaky")


def _lost(story: Story) -> None:
    _tried_again(story, "lossy")


def _drained(story: Story) -> None:
    promise = story.sure("slow")
    story.wait_for_work(promise)
    story.stop()


def _shown(story: Story) -> None:
    promise = story.sure("good")
    story.ask("show", asset_id=promise.asset_id)


def _deleted(story: Story) -> None:
    promise = story.sure(story.chance.choice(("good", "poison")))
    if story.chance.random() < 0.5:
        story.wait(promise, ended=True)
    promise.deleted = True
    story.ask("delete", again=False, asset_id=promise.asset_id, undo_s=0)
    story.ask("clean")


def _restored(story: Story) -> None:
    promise = story.sure("good")
    story.wait(promise, ended=True)
    promise.deleted = True
    story.ask("delete", again=False, asset_id=promise.asset_id, undo_s=3600)
    story.ask("clean")
    story.ask("restore", asset_id=promise.asset_id)
    promise.deleted = False


def _expired(story: Story) -> None:
    promises = [story.sure("good"), story.submit_url()]
    for promise in promises:
        story.wait(promise, ended=True)
    story.ask("keep", sources_s=0, logs_s=0)
    story.ask("clean")
    story.ask("keep", sources_s=None, logs_s=None)


def _mended(story: Story) -> None:
    digest, shown = f"good-{story.chance.randrange(10**9)}", None
    while shown is None:  # of its own: others are not to be made again with it
        shown = story.ask("submit", again=False, digest=digest, spec={"outputs": ["hls"]})
    promise = story.ledger.accepted(shown, "good")
    story.wait(promise, ended=True)
    promise.deleted = True  # what is lost was promised, and is not there until it is mended
    story.ask("lose", job_id=promise.job_id, labels=["encode/1", story.chance.choice(("encode/0", "package"))])
    story.ask("mend")
    promise.deleted = promise.seen_done = False


def _clocks_set(story: Story) -> None:
    promise = story.sure(story.chance.choice(("flaky", "lossy", "slow")))
    if story.chance.random() < 0.5:
        story.wait(promise, ended=False)
    for _ in range(story.chance.randint(1, 3)):
        story.ask("set_clock", again=False, by_s=story.chance.uniform(-7200, 7200))
        story.submit(story.chance.choice(("flaky", "good")))


def _disk_filled(story: Story) -> None:
    under_way = [story.sure(story.chance.choice(("good", "slow"))) for _ in range(story.chance.randint(1, 2))]
    if story.chance.random() < 0.5:
        story.wait(under_way[0], ended=False)
    story.ask("fill_disk", again=False, full=True)
    for _ in range(story.chance.randint(1, 3)):
        with suppress(RefusedError):
            promise = story.submit("good")
            under_way += [promise] if promise is not None else []
    story.ask("rest", again=False, for_s=story.chance.uniform(0, 0.2))
    story.ask("fill_disk", again=False, full=False)
    for promise in under_way:  # what used up its attempts meanwhile is a dead letter, and goes on when asked to
        promise.may_be.add("failed")
        story.wait(promise, ended=True)
        story.go_on(promise)


TALES: tuple[Callable[[Story], None], ...] = (
    _many,
    _changed_minds,
    _made_again,
    _tried_again,
    _drained,
    _shown,
    _deleted,
    _restored,
    _expired,
    _mended,
    _clocks_set,
    _disk_filled,
)
_TALES_OF = {
    "task.abandon": _changed_minds,
    "task.restore": _made_again,
    "task.revive": _made_again,
    "task.revive_waiting": _encoded_again,
    "task.hand_back": _drained,
    "task.exhaust": _dead_letters,
    "task.postpone": _postponed,
    "task.lose": _lost,
    "job.fail": _dead_letters,
    "job.cancel": _changed_minds,
    "job.requeue": _changed_minds,
    "asset.show": _shown,
    "asset.break": _dead_letters,
    "asset.reopen": _dead_letters,
    "asset.spoil": _mended,
    "cleanup.taken": _deleted,
    "cleanup.removed": _expired,
}
"""Where an arrow is taken for sure, or nearly; all others are taken by every job."""


def tell_of_a_stop(place: Place, seed: int) -> None:
    """A leader is stopped at a random moment for longer than its lease; another takes over; the first one wakes up.

    What the first was at may be lost; nothing that it does afterwards may count.
    """
    chance = random.Random(seed)
    ledger = Ledger()
    with (
        closing(Incarnation(place, holder="one", seed=seed)) as first,
        closing(Incarnation(place, holder="two", seed=seed + 1)) as second,
    ):
        for _ in range(chance.randint(1, 3)):
            fate = chance.choice(("good", "slow", "flaky"))
            digest = f"{fate}-{chance.randrange(9)}"
            ledger.accepted(first.ask("submit", digest=digest, spec={"outputs": ["hls"]}), fate)
        first.ask("rest", for_s=chance.uniform(0, 0.3))
        first.signal(signal.SIGSTOP)
        while not second.ask("leads"):
            second.ask("rest", for_s=0.05)
        second.ask("rest", for_s=chance.uniform(0, 0.2))
        first.signal(signal.SIGCONT)
        for incarnation in chance.sample((first, second), 2):
            while not ledger.all_ended(incarnation):
                pass
        assert not first.ask("leads")
        ledger.check(second, at_the_end=True)
        for incarnation in (first, second):
            incarnation.ask("collect")
        first.stop()
        second.stop()
    assert_sound(place)


def tell(place: Place, seed: int, points: Iterable[str] = POINTS) -> set[str]:
    """Live through the history of `seed`, check all that was promised, and say at which points it was killed.

    The first kill is at one of `points`, chosen by the seed in turn; up to two more are anywhere.
    """
    chance = random.Random(seed)
    among = tuple(points)
    aim = among[seed % len(among)]
    dooms = [Doom(aim, chance.choice((1, 1, 1, 2, 3)) if seed >= len(among) else 1)]
    dooms += [Doom(chance.choice(POINTS), chance.randint(1, 5)) for _ in range(chance.randint(0, 2))]
    story = Story(place, chance, dooms)
    tales = [_TALES_OF.get(aim.split(":")[0], _many), *chance.sample(TALES, chance.randint(0, 1))]
    try:
        for tale in tales:
            tale(story)
        story.finish()
    finally:
        story.abandon()
    return story.killed_at
