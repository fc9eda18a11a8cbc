"""Digests of what is withheld: equal and different can be told with the same key, and nothing without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import document
from probe_capture import PROBE, load_probe, run_probe
from secret_kinds import secret
from secret_places import from_probe

from envdiff.capture.filter import empty_document, put
from envdiff.errors import UnusableInput
from envdiff.fingerprint import from_document
from envdiff.secrets import read_key

KEY = "9f" * 32
URLS = [secret("postgres-url", number).text for number in (1, 2)]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "compare.key"
    file.write_text(KEY + "\n")
    return file


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more}


def envdiff(*words: object, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "envdiff", *map(str, words)]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def captured(folder: Path, name: str, *words: object, **env: str) -> dict[str, Any]:
    done = envdiff(
        "capture",
        "--static",
        "--python",
        sys.executable,
        *words,
        "-o",
        f"{name}.json",
        env=environment(folder, **env),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return found


def report(folder: Path, left: str, right: str) -> dict[str, Any]:
    done = envdiff("report", f"{left}.json", f"{right}.json", "--format", "json", env=environment(folder), cwd=folder)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def unread_paths(found: dict[str, Any]) -> set[str]:
    return {one["path"] for one in found["unread"]}


def mismatched_paths(found: dict[str, Any]) -> set[str]:
    told = [one["about"] for one in found["findings"]] + [one["path"] for one in found["unexplained"]]
    return {*told, *(row[0] for one in found["findings"] for row in one.get("folded", ()))}


@pytest.mark.parametrize("version", ["3.6", "3.11"])
def test_the_probe_alone_makes_them(interpreter, version: str, key: Path, tmp_path: Path) -> None:
    env = environment(tmp_path, OMP_DSN=URLS[0], APP_TOKEN="kor0va-77-x", APP_MODE="fast")
    plain = run_probe(interpreter(version), "--static", env=env, cwd=tmp_path)
    assert "compare_key" not in plain.stdout.decode()
    done = run_probe(interpreter(version), "--static", "--compare-key", str(key), env=env, cwd=tmp_path)
    text = done.stdout.decode()
    digests = json.loads(text)["compare_key"]["digests"]
    assert {"env.OMP_DSN", "env.APP_TOKEN", "env.APP_MODE"} <= set(digests)
    assert KEY not in text and URLS[0] not in text and str(key) not in text
    assert all(len(digest) == 32 for parts in digests.values() for digest in parts.values())


def test_a_fingerprint_with_digests_is_one(key: Path, tmp_path: Path) -> None:
    found = from_document(captured(tmp_path, "a", "--compare-key", key, OMP_DSN=URLS[0]), "a")
    reading = found.reading("env.OMP_DSN")
    assert str(reading).startswith("withheld (keyed digest ")
    assert found.key and found.key not in KEY


def test_equal_and_different_are_told(key: Path, tmp_path: Path) -> None:
    captured(tmp_path, "left", "--compare-key", key, OMP_DSN=URLS[0], APP_MODE="a1")
    captured(tmp_path, "same", "--compare-key", key, OMP_DSN=URLS[0], APP_MODE="a1")
    captured(tmp_path, "other", "--compare-key", key, OMP_DSN=URLS[1], APP_MODE="a2")
    same, other = report(tmp_path, "left", "same"), report(tmp_path, "left", "other")
    assert "env.OMP_DSN" not in unread_paths(same) | mismatched_paths(same)
    assert "env.OMP_DSN" in mismatched_paths(other) - unread_paths(other)
    assert any("different values" in note and "APP_MODE" in note for note in other["notes"])
    assert URLS[0] not in json.dumps(other)


@pytest.mark.parametrize("right", ["none", "other"])
def test_without_the_same_key_nothing_can_be_told(key: Path, tmp_path: Path, right: str) -> None:
    captured(tmp_path, "left", "--compare-key", key, OMP_DSN=URLS[0])
    other = tmp_path / "other.key"
    other.write_text("77" * 32)
    captured(tmp_path, "right", *(("--compare-key", other) if right == "other" else ()), OMP_DSN=URLS[0])
    found = report(tmp_path, "left", "right")
    (gap,) = [one for one in found["unread"] if one["path"] == "env.OMP_DSN"]
    assert gap["side"] == "both"
    assert "--compare-key" in gap["how_to_read"]
    assert "env.OMP_DSN" not in mismatched_paths(found)


def test_words_of_a_command_line_are_compared(tmp_path: Path) -> None:
    """Both command lines look alike; the digests say whether they are."""
    made = []
    for password in ("kor0va-77-x", "kor0va-77-x", "kor0va-78-y"):
        one = document({"python.version": "3.11.7"})
        record = load_probe().Record(None, None, KEY.encode())
        record.put_command("process.command", ["serve", "--password", password])
        one["facts"].update(record.facts)
        one["withheld"].update(record.withheld)
        one["compare_key"] = {"id": load_probe().key_id(KEY.encode()), "digests": record.digests}
        made.append(one)
    assert made[0]["facts"] == made[2]["facts"]
    for name, one in zip("abc", made, strict=True):
        (tmp_path / f"{name}.json").write_text(json.dumps(one))
    assert "process.command" not in unread_paths(report(tmp_path, "a", "b")) | mismatched_paths(
        report(tmp_path, "a", "b")
    )
    differing = report(tmp_path, "a", "c")
    assert "process.command" not in unread_paths(differing)
    assert "process.command" in json.dumps(differing)


def test_the_same_secret_in_two_places_gives_two_digests() -> None:
    found = empty_document("x", "container", "docker-exec", key=KEY.encode())
    put(found, {"container.image": URLS[0], "serving.flag.model_base_path": URLS[0]}, {}, key=KEY.encode())
    digests = found["compare_key"]["digests"]
    assert digests["container.image"] != digests["serving.flag.model_base_path"]


@pytest.mark.parametrize("content", ["", "short", "x" * 15 + "\n"])
def test_a_short_key_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "k"
    file.write_text(content)
    with pytest.raises(UnusableInput, match="16 bytes"):
        read_key(file)
    done = envdiff("capture", "--static", "--compare-key", file, env=environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout == ""


def test_a_missing_key_is_refused(tmp_path: Path) -> None:
    done = envdiff("capture", "--static", "--compare-key", "nowhere", env=environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 3
    assert "nowhere" in done.stderr


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads a process through /proc")
def test_the_key_reaches_another_process_by_a_pipe_alone(tmp_path: Path) -> None:
    """The reader gives it to the probe that it runs; no argument, variable or file holds it."""
    env = environment(tmp_path, OMP_DSN=URLS[0], APP_MODE="a1")
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)"], env=env, stdout=subprocess.PIPE
    )
    assert sleeper.stdout is not None
    sleeper.stdout.readline()
    try:
        reader = from_probe().reader
        asked = {"pid": sleeper.pid, "key": KEY.encode().hex()}
        outside = reader.answer({"op": "fingerprint", **asked})
        source = PROBE.read_text(encoding="utf-8").replace('if __name__ == "__main__":\n    sys.exit', SPY)
        inside = reader.answer({"op": "full", "python": True, "arguments": ["--static"], "probe": source, **asked})
    finally:
        sleeper.kill()
        sleeper.communicate()
    assert "error" not in inside, inside
    assert outside["compare_key"]["id"] == inside["compare_key"]["id"]
    for path in ("env.OMP_DSN", "env.APP_MODE"):
        assert outside["compare_key"]["digests"][path] == inside["compare_key"]["digests"][path]
    assert KEY not in json.dumps([outside, inside])


# Put before the probe's last lines: it looks at itself.
SPY = f"""
if __name__ == "__main__":
    for name in ("cmdline", "environ"):
        assert {KEY!r} not in open("/proc/self/" + name).read(), name
if __name__ == "__main__":
    sys.exit"""
