"""Reading another process through /proc: a real one, and recorded ones of other systems."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from probe_capture import Captured, load_probe, quiet_environment, run_probe, tree, well_formed

probe = load_probe()

PROGRAM = "import json, time, sys; print('ready', flush=True); time.sleep(60)"


@pytest.fixture(scope="module")
def running(interpreter, tmp_path_factory) -> Iterator[subprocess.Popen[bytes]]:
    """A real program with an environment of its own, on one CPU."""
    home = tmp_path_factory.mktemp("home")
    env = {os.fsencode(k): os.fsencode(v) for k, v in quiet_environment(home, TF_ENABLE_ONEDNN_OPTS="0").items()}
    env.update({b"MODEL_NAME": b"caf\xe9", b"MY_SECRET": b"hunter22", b"TZ": b"Asia/Tokyo", b"PYTHONHASHSEED": b"0"})
    command = [str(interpreter("3.11")), "-c", PROGRAM, "--password", "hunter23", "--rate=2"]
    first = min(os.sched_getaffinity(0))
    child = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
    os.sched_setaffinity(child.pid, {first})
    assert child.stdout is not None
    child.stdout.readline()
    yield child
    child.kill()
    child.communicate()


@pytest.fixture(scope="module")
def seen(running: subprocess.Popen[bytes], interpreter, tmp_path_factory) -> Captured:
    """The same process, read by a much older Python with another environment."""
    home = tmp_path_factory.mktemp("home")
    return run_probe(interpreter("3.6"), "--pid", str(running.pid), env=quiet_environment(home, LANG="C"), cwd=home)


def test_a_process_is_described_and_not_the_reader(seen: Captured) -> None:
    facts = seen.facts
    assert seen.document["subject"]["kind"] == "process"
    assert seen.document["probe"]["mode"] == "proc"
    assert facts["python.version"].startswith("3.11.")
    assert facts["env.TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert facts["env.MODEL_NAME"] == r"caf\xe9"
    assert facts["env.LANG"] == "C.UTF-8"
    assert facts["os.timezone"] == "Asia/Tokyo"
    assert facts["python.hash_randomization"] is False
    assert facts["cpu.schedulable"] == 1
    assert facts["packages.pip"]
    assert facts["os.libc.name"] == "glibc"


def test_its_libraries_are_those_that_are_mapped(seen: Captured) -> None:
    assert len(seen.facts["libraries.libc.build_id"]) == 40
    assert seen.facts["libraries.libm.size"] > 0


def test_its_command_line_has_no_secrets(seen: Captured) -> None:
    assert seen.facts["process.command"][-3:] == ["--password", "[withheld]", "--rate=2"]
    assert b"hunter2" not in seen.stdout
    assert "MY_SECRET" in seen.document["withheld"]["env"]
    assert seen.facts["process.threads"] >= 1
    assert seen.facts["process.started"].startswith("20")


@pytest.mark.parametrize("words", [["{}/models/serve.py"], ["models/serve.py"], ["-c", "import {}"]])
def test_the_checkout_of_a_program_is_told(interpreter, tmp_path: Path, words: list[str]) -> None:
    """By its script, by where it runs, and by PYTHONPATH."""
    program = "print('ready', flush=True); import time; time.sleep(60)"
    tree(tmp_path, {"models/.git/HEAD": "0" * 40, "models/serve.py": program, "lib/.git/HEAD": "1" * 40})
    command = [word.format(tmp_path).replace(f"import {tmp_path}", program) for word in words]
    env = quiet_environment(tmp_path, PYTHONPATH=str(tmp_path / "lib"))
    folder = tmp_path / "models" if words[0] == "-c" else tmp_path
    with subprocess.Popen([interpreter("3.11"), *command], env=env, cwd=folder, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            seen = run_probe(interpreter("3.6"), "--pid", str(child.pid), env=quiet_environment(tmp_path), cwd=tmp_path)
        finally:
            child.kill()
    assert seen.facts["python.commits"] == ["000000000000", "111111111111"]


def test_flags_inside_it_are_unread(seen: Captured) -> None:
    assert "import envprobe there" in seen.unread["runtime"]


def test_no_such_process_is_status_4(interpreter, tmp_path: Path) -> None:
    captured = run_probe(interpreter("3.8"), "--pid", "4194303", env=quiet_environment(tmp_path), cwd=tmp_path)
    assert captured.status == 4
    assert captured.stdout == b""
    assert captured.stderr == "envprobe: there is no process 4194303\n"


def test_a_zombie_says_that_it_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    while probe.process_state(probe.Files(), f"/proc/{child.pid}") != "Z":
        time.sleep(0.01)
    document = well_formed(probe.fingerprint_of_process(child.pid))
    child.wait()
    assert document["unread"]["python"] == "the process ended before or while it was being read"
    assert not [path for path in document["facts"] if path.startswith(("packages.", "env.", "libraries."))]


STAT = "41 (a b) S 1 41 41 0 -1 4194560 1 0 0 0 3 1 0 0 20 0 5 0 4200 1 1 1"
MAPS = "7f00-7f01 r-xp 00000000 08:01 %d                      %s\n"
LIMITS_FILE = "Limit                     Soft Limit           Hard Limit           Units\nMax stack size            8388608              unlimited            bytes\n"


def recorded(root: Path, files: dict[str, str | bytes], maps: list[str], exe: str, **parts: str) -> dict[str, Any]:
    """A /proc tree with one process, number 41, and its root file system."""
    proc: dict[str, str | bytes] = {
        "41/stat": STAT,
        "41/status": "Threads:\t5\nCpus_allowed_list:\t0-3,8\n",
        "41/limits": LIMITS_FILE,
        "41/cgroup": parts.get("cgroup", "0::/\n"),
        "41/cmdline": parts.get("cmdline", exe + "\0"),
        "41/environ": parts.get("environ", "LANG=C\0"),
        "41/maps": "".join(MAPS % (number, path) for number, path in enumerate(maps)),
        "41/exe": "-> " + exe,
        "cpuinfo": "vendor_id\t: GenuineIntel\nflags\t\t: fpu avx2\n",
        "stat": "btime 1700000000\n",
    }
    tree(root, {**proc, **{"41/root/" + name.lstrip("/"): content for name, content in files.items()}})
    return well_formed(probe.fingerprint_of_process(41, root=str(root)))


def test_an_alpine_container(tmp_path: Path) -> None:
    site = "/usr/lib/python3.11/site-packages"
    files: dict[str, str | bytes] = {
        "/etc/os-release": 'ID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME="Alpine"\n',
        "/lib/apk/db/installed": "C:Q1x=\nP:musl\nV:1.2.4_git20230717-r4\nA:x86_64\n\nP:zlib\nV:1.3\n",
        "/lib/ld-musl-x86_64.so.1": b"\x7fELF",
        "/usr/bin/python3.11": b"\x7fELF\x02\x01" + bytes(64) + b"\x003.11.8\x00",
        f"{site}/numpy-1.26.4.dist-info/METADATA": "",
        "/etc/localtime": "-> /usr/share/zoneinfo/UTC",
    }
    identity = "a" * 64
    maps = ["/lib/ld-musl-x86_64.so.1", "/usr/bin/python3.11"]
    cgroup = f"0::/system.slice/docker-{identity}.scope\n"
    document = recorded(tmp_path, files, maps, "/usr/bin/python3.11", cgroup=cgroup)
    facts = document["facts"]
    assert facts["os.distribution"] == "alpine 3.19.1"
    assert facts["os.libc.name"] == "musl"
    assert facts["os.libc.version"] == "1.2.4_git20230717-r4"
    assert facts["os.container"] == "docker"
    assert facts["container.id"] == identity
    assert facts["python.version"] == "3.11.8"
    assert facts["packages.numpy"] == "1.26.4"
    assert facts["cpu.schedulable"] == 5
    assert facts["process.limits.stack"] == 8388608
    assert facts["process.started"] == "2023-11-14T22:14:02Z"


def test_a_red_hat_like_system_with_a_venv(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "/usr/lib/os-release": 'ID="rhel"\nVERSION_ID="9.3"\n',
        "/etc/localtime": b"TZif2" + bytes(40) + b"\nCET-1CEST,M3.5.0,M10.5.0/3\n",
        "/usr/lib64/libc.so.6": b"\x7fELF...GNU C Library (GNU libc) stable release version 2.34.\n",
        "/usr/bin/python3.9": b"\x7fELF\x02\x01" + bytes(64),
        "/opt/app/pyvenv.cfg": "home = /usr/bin\nversion = 3.9.18\ninclude-system-site-packages = false\n",
        "/opt/app/lib64": "-> lib",
        "/opt/app/lib/python3.9/site-packages/tensorflow/__init__.py": "",
        "/opt/app/lib/python3.9/site-packages/tensorflow-2.15.0.dist-info/RECORD": "tensorflow/__init__.py,,\n",
        "/usr/lib64/python3.9/site-packages/dnf-1.0.dist-info/METADATA": "",
        "/home/svc/.keras/keras.json": '{"floatx": "float16"}',
    }
    maps = ["/usr/lib64/libc.so.6", "/usr/bin/python3.9", "/usr/lib64/libz.so.1.2.11 (deleted)"]
    environ = "HOME=/home/svc\0LC_ALL=en_US.UTF-8\0"
    document = recorded(
        tmp_path, files, maps, "/usr/bin/python3.9", cmdline="/opt/app/bin/python\0serve.py\0", environ=environ
    )
    facts = document["facts"]
    assert facts["os.distribution"] == "rhel 9.3"
    assert (facts["os.libc.name"], facts["os.libc.version"]) == ("glibc", "2.34")
    assert facts["os.timezone"] == "CET-1CEST,M3.5.0,M10.5.0/3"
    assert facts["python.version"] == "3.9.18"
    assert facts["python.venv"] is True
    assert facts["tensorflow.version"] == "2.15.0"
    assert facts["keras.floatx"] == "float16"
    assert "packages.dnf" not in facts
    assert "replaced or deleted" in document["unread"]["libraries.libz.build_id"]


def test_a_model_server_is_no_python(tmp_path: Path) -> None:
    server = "/usr/bin/tensorflow_model_server"
    environ = "MODEL_NAME=m\0TF_ENABLE_ONEDNN_OPTS=0\0TENSORFLOW_INTRA_OP_PARALLELISM=2\0AWS_SECRET_ACCESS_KEY=x\0"
    dpkg = "Package: libcudnn8\nStatus: install ok installed\nVersion: 8.9.6.50-1+cuda12.2\n\nPackage: libc6\nVersion: 2.31\n"
    files: dict[str, str | bytes] = {server: b"\x7fELF", "/var/lib/dpkg/status": dpkg, "/etc/os-release": "ID=ubuntu\n"}
    command = f"{server}\0--port=8500\0--model_name=m\0"
    document = recorded(tmp_path, files, [server], server, cmdline=command, environ=environ)
    assert document["facts"]["process.command"] == [server, "--port=8500", "--model_name=m"]
    assert document["facts"]["process.executable"] == server
    assert document["facts"]["env.TENSORFLOW_INTRA_OP_PARALLELISM"] == "2"
    assert document["facts"]["cuda.system.libcudnn8"] == "8.9.6.50-1+cuda12.2"
    for section in ("python", "packages", "tensorflow", "keras"):
        assert document["unread"][section] == "its executable is no Python (tensorflow_model_server)"


def test_links_do_not_lead_out_of_its_root(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "outside/secret": "host",
            "root/a/b": "-> /secret",
            "root/secret": "inside",
            "root/up": "-> ../../outside/secret",
        },
    )
    files = probe.Files(str(tmp_path / "root"))
    assert files.text("/a/b") == "inside"
    assert files.text_or("/up", "nothing") == "nothing"
    tree(tmp_path, {"root/loop": "-> /loop"})
    assert files.text_or("/loop", "nothing") == "nothing"


def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "os-release")
    assert probe.Files(str(tmp_path)).text_or("/os-release", "nothing") == "nothing"
    assert probe.Files().text_or(str(tmp_path / "os-release"), "nothing") == "nothing"
    assert probe.Files().text_or("/dev/zero", "nothing") == "nothing"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its rights away")
def test_without_permission_the_reason_is_given(interpreter, running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """The reader runs as nobody: command line, limits and status are still readable."""
    source = f"""
import json, os, sys
sys.path.insert(0, {str(Path(probe.__file__).parent)!r}); sys.dont_write_bytecode = True
import envprobe, _locale, select, ctypes
os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(json.dumps(envprobe.fingerprint_of_process({running.pid})))
"""
    done = subprocess.run([str(interpreter("3.11")), "-c", source], capture_output=True, check=True)
    document = well_formed(probe.json.loads(done.stdout))
    for section in ("env", "libraries", "python"):
        assert document["unread"][section].startswith("no permission to read /proc/")
        assert document["unread"][section].endswith("run as the same user or root")
    assert document["facts"]["process.command"][-1] == "--rate=2"
    assert document["facts"]["cpu.schedulable"] == 1
    assert not [path for path in document["facts"] if path.startswith(("packages.", "tensorflow.", "env."))]
