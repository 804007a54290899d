"""The set-up's own parts: stamps, digests, and failures that say what to do."""

import re
import sys
from pathlib import Path

import pytest

from setup import __main__ as steps
from setup import console, places, system


def test_a_stamp_holds_one_value(tmp_path: Path) -> None:
    mark = tmp_path / "deep" / "mark"
    assert not places.is_stamped(mark, "a")
    places.stamp(mark, "a")
    assert places.is_stamped(mark, "a")
    places.stamp(mark, "b")
    assert not places.is_stamped(mark, "a")
    assert [path.name for path in mark.parent.iterdir()] == ["mark"]


def test_digests_tell_parts_apart() -> None:
    assert places.digest_of("ab", "c") != places.digest_of("a", "bc")
    assert places.digest_of("a") == places.digest_of(b"a")


def test_files_below_leaves_out_what_is_named(tmp_path: Path) -> None:
    for name in ("src/a.ts", "node_modules/b/c.js", "src/dist/d.js"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = places.files_below(tmp_path, without=frozenset({"node_modules", "dist"}))
    assert [path.name for path in found] == ["a.ts"]


def test_a_failing_command_shows_its_last_lines_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    script = "print('first'); print('no room on the disk'); raise SystemExit(3)"
    with pytest.raises(console.SetupError) as caught:
        console.run([sys.executable, "-c", script], problem="The thing failed", hint="Make room.")
    assert console.fail(caught.value) == 1
    told = capsys.readouterr().err
    assert "no room on the disk" in told
    assert "The thing failed (exit code 3" in told
    assert "  Make room." in told


def test_a_missing_command_and_one_that_hangs_are_told_apart() -> None:
    with pytest.raises(console.SetupError, match=r"^No tool$"):
        console.run(["/nowhere/tool"], problem="No tool")
    with pytest.raises(console.SetupError, match="no end after"):
        console.run(["tail", "-f", "/dev/null"], problem="Slow", timeout_s=0.2)
    assert not console.works(["/nowhere/tool"])


def test_what_hangs_is_ended_with_all_it_started_and_tried_again(tmp_path: Path) -> None:
    script = "if [ -e begun ]; then echo done; else touch begun; tail -f /dev/null & echo $! > child; wait; fi"
    told = console.run(["sh", "-c", script], problem="Slow", cwd=tmp_path, timeout_s=1, tries=2)
    assert told == "done\n"
    child = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"


def test_each_package_says_what_it_is_for() -> None:
    assert all(package.purpose for package in system.NEEDED)
    assert not system.Package("x", ("no-such-program-anywhere",), "nothing").present()


def test_the_makefile_and_the_steps_fit() -> None:
    text = (places.ROOT / "Makefile").read_text()
    assert set(re.findall(r"\$\(SETUP\) ([a-z-]+)|-m setup ([a-z-]+)", text)) == {
        ("", name) if name == "openapi-tools" else (name, "") for name in steps.STEPS
    }


def test_the_benchmarks_get_the_developers_packages_the_browser_and_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (places.ROOT / "Makefile").read_text()
    assert re.search(r"^bench:.*\n\t@\$\(SETUP\) bench\n\t@\$\(BIN\)/python -m bench$", text, re.MULTILINE)
    installed: list[str] = []
    monkeypatch.setattr(places, "STAMPS", tmp_path)
    monkeypatch.setattr("setup.environment.ensure", installed.append)
    monkeypatch.setattr("setup.pages.ensure", lambda: installed.append("pages"))
    monkeypatch.setattr("setup.pages.packages", lambda folder: installed.append(folder.name))
    monkeypatch.setattr("setup.system.Package.present", lambda package: package.name != "chromium")
    monkeypatch.setattr("setup.system.may_install", lambda: True)
    monkeypatch.setattr("setup.system.install", installed.extend)
    assert steps.STEPS["bench"]() == 0
    assert installed == ["dev", "chromium", "pages", "lighthouse"]
    monkeypatch.setattr("setup.system.may_install", lambda: False)
    with pytest.raises(console.SetupError, match="The benchmarks need programs") as caught:
        steps.STEPS["bench"]()
    assert "apt-get install chromium" in caught.value.hint
