"""How a job's progress is shown: bars on a terminal, lines into a pipe, JSON lines for programs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from vidcompute.cli.exit_codes import ExitCode, of_job
from vidcompute.cli.following import ENDED, job_events
from vidcompute.cli.output import Output, clean, duration, size
from vidcompute.cli.sse import Event

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from vidcompute.cli.client import Api

_PLAYABLE = frozenset({"asset.playable", "asset.ready"})
_TENTHS = 10
_MARKS = {
    "done": ("✓", "green"),
    "running": ("▶", "cyan"),
    "dead": ("✗", "red"),
    "cancelled": ("■", "yellow"),
}


class Display(Protocol):
    """Shows what happens to a job."""

    def event(self, event: Event) -> None:
        """Something happened."""
        ...

    def playable(self, watch_url: str) -> None:
        """It can be watched."""
        ...

    def ended(self, job: Mapping[str, Any]) -> None:
        """It has ended."""
        ...


def speed_text(stage: Mapping[str, Any]) -> str:
    """How quick a stage is: frames, frames a second, and seconds of media in a second."""
    parts = []
    if stage.get("frame"):
        parts.append(f"frame {stage['frame']}")
    if stage.get("fps"):
        parts.append(f"{stage['fps']:.0f} fps")
    if stage.get("speed"):
        parts.append(f"{stage['speed']:.2f}x")
    return ", ".join(parts)


def announce(output: Output, watch_url: str) -> None:
    """The address to watch at, so that it can't be missed."""
    output.say()
    output.say(f"▶ Watch it: {watch_url}", style="bold green")
    output.say()


def conclude(output: Output, job: Mapping[str, Any]) -> None:
    """How a job ended, for people."""
    error = job.get("error")
    took = duration(job.get("duration_ms"))
    if job["status"] == "done":
        output.say(f"Job {job['id']} is done ({took}).", style="bold")
        return
    why = f": {error['detail']} [{error['code']}]" if error else ""
    output.say(f"Job {job['id']} {'was' if job['status'] == 'cancelled' else 'has'} {job['status']}{why}", style="red")


class JsonLines:
    """Each event as a line of JSON, and last the job as the event `end`."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def event(self, event: Event) -> None:
        """See `Display.event`."""
        self._output.json(event.to_json())

    def playable(self, watch_url: str) -> None:
        """See `Display.playable`: there was an event."""

    def ended(self, job: Mapping[str, Any]) -> None:
        """See `Display.ended`."""
        self._output.json({"event": "end", "id": None, "data": dict(job)})


class Lines:
    """A line for each stage that begins or ends, and for each tenth of the whole."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._statuses: dict[str, str] = {}
        self._tenths = 0

    def event(self, event: Event) -> None:
        """See `Display.event`."""
        if event.kind == "progress":
            self._stages(event.data["stages"])
            self._total(event.data)

    def _stages(self, stages: Mapping[str, Mapping[str, Any]]) -> None:
        for name, stage in stages.items():
            status = stage["status"]
            if status != self._statuses.get(name) and status in _MARKS:
                self._output.say(f"{name} {status}")
                self._statuses[name] = status

    def _total(self, told: Mapping[str, Any]) -> None:
        tenths = int(told["fraction"] * _TENTHS)
        if tenths <= self._tenths:
            return
        self._tenths = tenths
        speeds = [f"{name} {text}" for name, stage in told["stages"].items() if (text := speed_text(stage))]
        left = f", {duration(told['eta_ms'])} left" if told.get("eta_ms") else ""
        self._output.say(f"{told['fraction']:.0%}{left}" + (f" ({'; '.join(speeds)})" if speeds else ""))

    def playable(self, watch_url: str) -> None:
        """See `Display.playable`."""
        self._output.say(f"watch {watch_url}")

    def ended(self, job: Mapping[str, Any]) -> None:
        """See `Display.ended`."""
        self._stages({stage["name"]: stage for stage in job["stages"]})
        conclude(self._output, job)


class Bars:
    """A bar for each stage and one for the whole."""

    def __init__(self, output: Output, progress: "Progress") -> None:
        self._output = output
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._total = progress.add_task("all", total=1.0, mark=" ", note="")

    def event(self, event: Event) -> None:
        """See `Display.event`."""
        if event.kind != "progress":
            return
        told = event.data
        left = f"{duration(told['eta_ms'])} left" if told.get("eta_ms") else ""
        self._progress.update(self._total, completed=told["fraction"], note=left)
        for name, stage in told["stages"].items():
            self._stage(name, stage["status"], stage["fraction"], speed_text(stage))

    def _stage(self, name: str, status: str, fraction: float, note: str) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(clean(name), total=1.0, mark=" ", note="")
        mark, style = _MARKS.get(status, (" ", ""))
        self._progress.update(
            self._bars[name], completed=fraction, note=note, mark=f"[{style}]{mark}[/]" if style else mark
        )

    def playable(self, watch_url: str) -> None:
        """See `Display.playable`."""
        announce(self._output, watch_url)

    def ended(self, job: Mapping[str, Any]) -> None:
        """See `Display.ended`."""
        for stage in job["stages"]:
            note = duration(stage["duration_ms"]) + (" (done before)" if stage["reused"] == stage["tasks"] else "")
            self._stage(stage["name"], stage["status"], stage["progress"]["fraction"], note)
        self._progress.update(self._total, completed=job["progress"]["fraction"], note="")
        self._progress.refresh()


@contextmanager
def display(output: Output) -> Iterator[Display]:
    """The way that suits who looks on."""
    if output.as_json:
        yield JsonLines(output)
    elif not output.is_terminal:
        yield Lines(output)
    else:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        columns = (
            TextColumn("{task.fields[mark]}"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=32),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
        )
        with Progress(*columns, console=output.console, refresh_per_second=8) as progress:
            yield Bars(output, progress)


def follow(api: "Api", output: Output, job: Mapping[str, Any]) -> dict[str, Any]:
    """Show a job's progress until it has ended; the job as it is then. The watch page is named as soon as it plays."""
    watchable = any(wanted["type"] == "hls" for wanted in job["spec"]["outputs"])
    told = False
    with display(output) as shown:
        for event in job_events(api, job["id"]):
            shown.event(event)
            if event.kind in _PLAYABLE and watchable and not told:
                told = True
                shown.playable(job["urls"]["watch"])
        last: dict[str, Any] = api.get(f"/api/v1/jobs/{job['id']}")
        shown.ended(last)
    if output.is_terminal:
        conclude(output, last)
    return last


def list_outputs(output: Output, job: Mapping[str, Any]) -> None:
    """What a job made, with sizes and addresses."""
    rows = [(made["type"], size(made["size_bytes"]), made["url"]) for made in job["outputs"] if made["ready"]]
    if rows:
        output.table(("output", "size", "address"), rows)


def outcome(job: Mapping[str, Any]) -> ExitCode:
    """The exit code that tells how a job ended; 0 for one that has not."""
    return of_job(job["status"]) if job["status"] in ENDED else ExitCode.OK


@contextmanager
def bytes_bar(output: Output, what: str) -> Iterator[Any]:
    """A function that is told bytes done and in all; a bar with the speed on a terminal, nothing elsewhere."""
    if not output.is_terminal:
        yield lambda _done, _total: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=32),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=output.console, refresh_per_second=8) as progress:
        bar = progress.add_task(clean(what), total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


@contextmanager
def fraction_bar(output: Output, what: str) -> Iterator[Any]:
    """A function that is told how far something is, from 0 to 1. It starts no thread: what is told may fork."""
    if not output.is_terminal:
        output.say(what)
        yield lambda _fraction: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=32), TaskProgressColumn())
    with Progress(*columns, console=output.console, auto_refresh=False, transient=True) as progress:
        bar = progress.add_task(clean(what), total=1.0)
        yield lambda fraction: progress.update(bar, completed=fraction, refresh=True)
