"""Processes: outputs, progress, limits of time, ends of all kinds."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.fixtures.clips import ClipMaker
from tests.fixtures.waiting import wait_until
from vidcompute.errors import Kind, VidComputeError
from vidcompute.media import ffmpeg as ff
from vidcompute.media.run import FfmpegProgress, capture, end_descendants, fork, run, start
from vidcompute.media.sandbox import adopt_orphans

SHELL = "/bin/sh"


@pytest.fixture
def small(clip: ClipMaker) -> Path:
    return clip("h264_aac_96p30_2s")


def command(ffmpeg: str, source: Path, *rest: str) -> list[str]:
    return [ffmpeg, *ff.global_args(), *ff.input_args(source), *rest]


def test_what_it_used_is_told(ffmpeg: str, small: Path, tmp_path: Path) -> None:
    done = run(command(ffmpeg, small, "-c:v", "libx264", str(tmp_path / "out.mp4")), timeout_s=60)
    assert done.returncode == 0
    assert done.stderr_tail == ()
    assert 0 < done.cpu_s < 60
    assert 0 < done.wall_s < 60
    assert done.max_rss_bytes > 2**23
    assert (tmp_path / "out.mp4").stat().st_size > 1000


def test_progress_reaches_the_end(ffmpeg: str, small: Path) -> None:
    reports: list[FfmpegProgress] = []
    run(command(ffmpeg, small, "-f", "null", "-"), timeout_s=60, on_progress=reports.append)
    assert reports[-1].done
    assert reports[-1].frame == 60
    assert reports[-1].out_time_us == 2_000_000
    assert not any(report.done for report in reports[:-1])


def test_several_outputs_are_read_while_they_come(ffmpeg: str, small: Path) -> None:
    got = {1: b"", 3: b"", 7: b""}
    outputs = ["-map", "0:v", "-c", "copy", "-f", "h264", "pipe:1", "-map", "0:a", "-c", "copy", "-f", "adts", "pipe:3"]
    outputs += ["-map", "0:v", "-f", "rawvideo", "pipe:7"]
    reports: list[FfmpegProgress] = []
    with start(
        command(ffmpeg, small, *outputs), outputs=(1, 3, 7), on_progress=reports.append, timeout_s=60
    ) as running:
        for number, piece in running.chunks():
            got[number] += piece
        assert running.wait().returncode == 0
    assert got[1].startswith(b"\0\0")
    assert got[3].startswith(b"\xff\xf1")
    assert len(got[7]) == 60 * 96 * 170 * 3 // 2
    assert reports[-1].done


def test_stdout_goes_to_a_callback_or_a_file(tmp_path: Path) -> None:
    pieces: list[bytes] = []
    run([SHELL, "-c", "printf hello"], timeout_s=10, on_stdout=pieces.append)
    assert b"".join(pieces) == b"hello"
    with (tmp_path / "out").open("wb") as file:
        run([SHELL, "-c", "printf world"], timeout_s=10, stdout_fd=file.fileno())
    assert (tmp_path / "out").read_bytes() == b"world"


def test_stderr_is_passed_on_line_by_line_and_kept_within_bounds() -> None:
    lines: list[str] = []
    counting = "i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done"
    script = f"{{ {counting}; printf 'a\\rb'; head -c 9000 /dev/zero; }} >&2"
    done = run([SHELL, "-c", script], timeout_s=20, on_line=lines.append)
    assert lines[:2] == ["line 0", "line 1"]
    assert "a" in lines
    assert len(done.stderr_tail) == 200
    assert max(map(len, lines)) <= 500


def test_it_gets_nothing_of_our_environment_or_descriptors(tmp_path: Path) -> None:
    os.environ["VIDCOMPUTE_TEST_SECRET"] = "hidden"
    secret = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        got: list[bytes] = []
        script = "env; echo; ls -l /proc/self/fd; cat"
        run([SHELL, "-c", script], timeout_s=10, on_stdout=got.append, env={"EXTRA": "1"}, cwd=tmp_path)
    finally:
        os.close(secret)
        del os.environ["VIDCOMPUTE_TEST_SECRET"]
    environment, _, descriptors = b"".join(got).decode().partition("\n\n")
    assert {line.split("=")[0] for line in environment.splitlines()} <= {
        *("PATH", "LANG", "LC_ALL", "AV_LOG_FORCE_NOCOLOR", "EXTRA", "PWD", "TMPDIR", "HOME", "_", "OLDPWD", "SHLVL")
    }
    assert str(tmp_path) not in descriptors.replace(f"PWD={tmp_path}", "")
    assert f"PWD={tmp_path}" in environment


@pytest.mark.parametrize(
    ("script", "kind", "code"),
    [
        ("exit 3", Kind.REFUSED, "sh_failed"),
        ("kill -SEGV $$", Kind.REFUSED, "sh_crashed"),
        ("kill -KILL $$", Kind.INTERNAL, "process_killed"),
        ("kill -XCPU $$", Kind.REFUSED, "cpu_limit"),
        ("kill -XFSZ $$", Kind.REFUSED, "output_too_large"),
        ("echo 'av_interleaved_write_frame(): No space left on device' >&2; exit 1", Kind.UNAVAILABLE, "storage_full"),
    ],
)
def test_a_bad_end_is_an_error_with_a_code(script: str, kind: Kind, code: str) -> None:
    with pytest.raises(VidComputeError) as caught:
        run([SHELL, "-c", script], timeout_s=10)
    assert (caught.value.kind, caught.value.code) == (kind, code)
    assert run([SHELL, "-c", script], timeout_s=10, check=False).returncode != 0


def test_ffmpegs_own_words_without_our_folders(ffmpeg: str, tmp_path: Path) -> None:
    (tmp_path / "video.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isommp42\0\0\0\x08free")
    with pytest.raises(VidComputeError, match="ffmpeg_failed: moov atom not found") as caught:
        run(command(ffmpeg, tmp_path / "video.mp4", "-f", "null", "-"), timeout_s=10)
    assert str(tmp_path) not in caught.value.detail


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VidComputeError, match="program_not_startable"):
        run([str(tmp_path / "nothing")], timeout_s=10)
    with pytest.raises(VidComputeError, match="program_not_startable"):
        capture([str(tmp_path / "nothing")])


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_time_is_limited() -> None:
    running = start([SHELL, "-c", "exec sleep 60"], timeout_s=0.5)
    with pytest.raises(VidComputeError, match="stage_timeout") as caught:
        running.wait()
    assert caught.value.kind is Kind.TIMEOUT
    assert _gone(running.pid)


def test_a_stall_ends_it_and_output_is_a_sign_of_life() -> None:
    busy = "for i in 1 2 3 4 5 6; do printf x; sleep 0.2; done"
    run([SHELL, "-c", busy], timeout_s=20, idle_timeout_s=1.0, on_stdout=lambda _: None)
    with pytest.raises(VidComputeError, match="stage_stalled"):
        run([SHELL, "-c", "printf x; exec sleep 60"], timeout_s=20, idle_timeout_s=0.5, on_stdout=lambda _: None)


def test_ffmpeg_that_waits_for_ever_is_stalled_although_it_reports(ffmpeg: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    holder = os.open(tmp_path / "fifo", os.O_RDWR)
    quiet = [ffmpeg, *ff.global_args(), "-f", "u8", "-i", str(tmp_path / "fifo"), "-f", "null", "-"]
    try:
        with pytest.raises(VidComputeError, match="stage_stalled"):
            run(quiet, timeout_s=30, idle_timeout_s=1.0, on_progress=lambda _: None)
    finally:
        os.close(holder)


def test_a_paused_program_uses_up_no_time() -> None:
    running = start([SHELL, "-c", "sleep 0.3; printf done"], outputs=(1,), timeout_s=1.0)
    running.pause()
    resume = threading.Timer(1.5, lambda: os.kill(running.pid, signal.SIGCONT))
    resume.start()
    began_s = time.monotonic()
    pieces = [piece for _, piece in running.chunks()]
    resume.join()
    assert time.monotonic() - began_s > 1.0
    assert b"".join(pieces) == b"done"
    assert running.wait().returncode == 0


def test_a_reader_that_leaves_ends_it() -> None:
    with start([SHELL, "-c", "while :; do echo x; done"], outputs=(1,)) as running:
        for _, piece in running.chunks():
            assert piece
            break
    assert _gone(running.pid)


def test_an_error_in_a_callback_ends_it() -> None:
    pids: list[int] = []

    def refuse(piece: bytes) -> None:
        pids.append(int(piece))
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        run([SHELL, "-c", "printf $$; exec sleep 60"], timeout_s=20, on_stdout=refuse)
    assert _gone(pids[0])


def test_terminate_asks_before_it_kills() -> None:
    def ended_with(script: str, grace_s: float) -> int | None:
        running = start([SHELL, "-c", f"{script}; printf x; while :; do sleep 0.05; done"], outputs=(1,))
        chunks = running.chunks()
        assert next(chunks) == (1, b"x")
        running.terminate(grace_s)
        return running.returncode

    assert ended_with("trap 'exit 7' TERM", 5.0) == 7
    assert ended_with("trap '' TERM", 0.2) == -signal.SIGKILL


def test_descendants_are_ended_with_all_their_children(tmp_path: Path) -> None:
    left = tmp_path / "pids"

    def parent() -> int:
        adopt_orphans()
        script = f"(sleep 60 & echo $! >> {left}; sleep 60 & echo $! >> {left}) & wait; echo x >> {left}; sleep 60"
        pid = os.spawnv(os.P_NOWAIT, SHELL, [SHELL, "-c", script])
        wait_until(lambda: left.exists() and "x" in left.read_text())
        end_descendants()
        return 0 if _gone(pid) and all(_gone(int(p)) for p in left.read_text().split("\n") if p.isdigit()) else 1

    _, status = os.waitpid(fork(parent), 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_forked_child_that_raises_does_not_come_back() -> None:
    def fall() -> int:
        raise RuntimeError("never seen by the parent")

    null = os.open(os.devnull, os.O_RDWR)
    saved = os.dup(2)
    os.dup2(null, 2)
    try:
        pid = fork(fall)
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 70


def test_nice_is_passed_on() -> None:
    got: list[bytes] = []
    run([sys.executable, "-c", "import os; print(os.nice(0))"], timeout_s=20, nice=7, on_stdout=got.append)
    assert b"".join(got).strip() == b"7"
