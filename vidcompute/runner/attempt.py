"""The trusted half of an attempt: fetches inputs, runs the stage confined, checks and publishes what it made."""

import errno
import os
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path

from vidcompute import failpoints
from vidcompute.errors import VidComputeError
from vidcompute.media.run import fork
from vidcompute.media.sandbox import adopt_orphans
from vidcompute.ports.attempt_folder import AttemptFolder
from vidcompute.ports.attempt_wire import event_to_json, logs_key, spec_from_json
from vidcompute.ports.executor import AttemptSpec, Finished, Outcome
from vidcompute.ports.storage import Storage
from vidcompute.runner.channel import LineReader, Sender
from vidcompute.runner.folder import make_folder
from vidcompute.runner.inner import Context, StageRun, error_of, run_stage
from vidcompute.runner.publish import describe, fetch_inputs, publish, store_log
from vidcompute.runner.pulse import Pulse
from vidcompute.runner.relay import AttemptLog, Cancellation, CancelledError, Ended, Relay

_LOWEST = 19


class Background:
    """Gives way to everybody else: nice 19, and nice 19 for the session's own group in the scheduler.

    The kernel weighs sessions against each other (autogroups, sched(7)), so that a nice value alone would count only
    among an attempt's own processes. It accepts such a change every 100 ms for the whole machine: hence `settle`.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._pending = wanted
        if wanted:
            os.setpriority(os.PRIO_PROCESS, 0, _LOWEST)
            self.settle()

    def settle(self) -> None:
        """Try again while the kernel says "later"."""
        if not self._pending:
            return
        try:
            Path("/proc/self/autogroup").write_text(str(_LOWEST))
        except OSError as problem:
            if problem.errno == errno.EAGAIN:
                return  # no autogroups here, or not ours to change: the nice value must do
        self._pending = False


@dataclass
class _Attempt:
    spec: AttemptSpec
    context: Context
    connection: socket.socket
    cancellation: Cancellation
    folder: AttemptFolder
    log: AttemptLog
    background: Background
    sender: Sender
    storage: Storage

    def perform(self) -> Finished:
        """All of it; raises VidComputeError or CancelledError where it ends before its end."""
        started_s = time.monotonic()
        storage = self.storage
        inputs = fetch_inputs(self.spec, storage, self.folder.inputs)
        self.cancellation.check()
        run = StageRun(
            stage=self.spec.stage,
            version=self.spec.version,
            options=self.spec.options,
            inputs=inputs,
            output=self.folder.output,
            scratch=self.folder.scratch,
            timeout_s=self.spec.timeout_s,
            memory_bytes=self.spec.needs.memory_bytes,
            emits=False,
            devices=bool(self.spec.needs.abilities or self.spec.gpus),
            gpus=self.spec.gpus,
        )
        ended = self._run_confined(run)
        metrics = {"cpu_s": ended.cpu_s, "max_rss_bytes": float(ended.max_rss_bytes)}
        if ended.error is not None:
            finished = _failed(self.spec, ended.error)
        else:
            self.cancellation.check()
            tree = describe(self.folder.output)
            publish(storage, self.spec.output_prefix, self.folder.output)
            failpoints.reach("attempt.published")
            finished = Finished(self.spec.attempt_id, Outcome.OK, ended.facts or {}, tree.size_bytes, tree.digest)
        return replace(finished, metrics={**metrics, "wall_s": time.monotonic() - started_s})

    def _run_confined(self, run: StageRun) -> Ended:
        found = self.context.registry.find(run.stage, run.version)
        ours, theirs = socket.socketpair()
        stderr, stderr_writer = os.pipe()

        def inner() -> int:
            os.dup2(stderr_writer, 1)
            os.dup2(stderr_writer, 2)
            os.close(stderr_writer)
            return run_stage(run, self.context, Sender(theirs))

        with ours:
            pid = fork(inner, keep_fds=(theirs.fileno(), stderr_writer))
            theirs.close()
            os.close(stderr_writer)
            relay = Relay(
                self.spec.attempt_id,
                pid,
                events_fd=ours.fileno(),
                stderr_fd=stderr,
                timeout_s=run.timeout_s,
                idle_timeout_s=found.idle_timeout_s,
                log=self.log,
                send=self.sender.send,
            )
            return relay.watch(self.cancellation, self.connection.fileno(), self.background.settle)

    def keep_log(self) -> None:
        """Store the log, whatever came before; a store that is down costs the log, not the outcome."""
        self.log.close()
        try:
            store_log(self.storage, logs_key(self.spec), self.folder.log)
        except (VidComputeError, OSError) as problem:
            self.sender.send(
                {"event": "log", "attempt_id": self.spec.attempt_id, "level": "error", "message": f"no log: {problem}"}
            )


def _failed(spec: AttemptSpec, error: VidComputeError) -> Finished:
    return Finished(
        spec.attempt_id,
        Outcome.FAILED,
        error_kind=error.kind,
        error_code=error.code,
        error_detail=error.detail,
        retry_after_s=error.retry_after_s,
    )


def _finish(attempt: _Attempt) -> Finished:
    spec = attempt.spec
    try:
        return attempt.perform()
    except CancelledError:
        return Finished(spec.attempt_id, Outcome.CANCELLED)
    except Exception as problem:
        error = error_of(problem)
        attempt.log.add("error", f"{error.code}: {error.detail}")
        return _failed(spec, error)


def run_attempt(connection: socket.socket, context: Context) -> int:
    """Serve one attempt over `connection`: its specification comes in, its events go out, `Finished` last."""
    sender = Sender(connection)
    cancellation = Cancellation()
    adopt_orphans()
    spec = spec_from_json(LineReader(connection.fileno()).one())
    background = Background(wanted=spec.background)
    try:
        folder = make_folder(context.work_root, spec.attempt_id, logs_key(spec))
    except (OSError, VidComputeError) as problem:
        sender.send(event_to_json(_failed(spec, error_of(problem))))
        return 1
    try:
        log = AttemptLog(folder.log, spec.attempt_id, sender.send)
        with Pulse(spec.attempt_id, sender):
            storage = context.storage(spec.access)
            attempt = _Attempt(spec, context, connection, cancellation, folder, log, background, sender, storage)
            finished = _finish(attempt)
            attempt.keep_log()
        sender.send(event_to_json(finished))
    except BrokenPipeError:
        return 1  # the server has gone; it starts anew from its database
    finally:
        folder.remove()
    return 0
