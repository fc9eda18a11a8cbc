"""write() and stdout: the file is whole or the old one, and a full disk is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from probe_capture import PROBE, load_probe, quiet_environment, run_program


def test_a_new_file_is_complete_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    load_probe().write(str(target), label="mine", static=True)
    assert json.loads(target.read_text())["subject"]["label"] == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_leaves_the_old_file(interpreter, tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    target.write_text("old")
    source = """
import envprobe, resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    envprobe.write(sys.argv[1], static=True)
except OSError as error:
    print(error.errno)
"""
    printed = run_program(interpreter("3.11"), source, str(target), env=quiet_environment(tmp_path), cwd=tmp_path)
    assert printed.strip().isdigit()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        load_probe().write(str(tmp_path / "none" / "a.json"), static=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_stdout_is_status_4(interpreter, tmp_path: Path) -> None:
    source = f"""
import subprocess
with open("/dev/full", "wb") as full:
    done = subprocess.run([sys.executable, {str(PROBE)!r}, "--static"], stdout=full, stderr=subprocess.PIPE)
print(done.returncode, done.stderr.decode().count(chr(10)))
"""
    printed = run_program(interpreter("3.11"), source, env=quiet_environment(tmp_path), cwd=tmp_path)
    assert printed.split() == ["4", "1"]
