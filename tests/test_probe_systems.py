"""The probe on other distributions, C libraries and processors: a process read from a tree recorded there."""

from __future__ import annotations

import base64
import sqlite3
import struct
from pathlib import Path
from typing import Any

import pytest
import yaml
from probe_capture import load_probe, tree, well_formed

probe = load_probe()
SYSTEMS = sorted((Path(__file__).parent / "data" / "systems").glob("*.yaml"))
STAT = "41 (python3) S 1 41 41 0 -1 4194560 1 0 0 0 3 1 0 0 20 0 5 0 4200 1 1 1"


def rpm_database(place: Path, packages: dict[str, str]) -> None:
    """The two tables of rpm's SQLite database that the probe reads; ``packages`` are headers in base 64."""
    place.parent.mkdir(parents=True, exist_ok=True)
    table = sqlite3.connect(place)
    table.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)")
    table.execute("CREATE TABLE 'Name' (key 'TEXT' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL)")
    for number, (name, header) in enumerate(packages.items(), 1):
        table.execute("INSERT INTO Packages VALUES (?, ?)", (number, base64.b64decode(header)))
        table.execute("INSERT INTO Name VALUES (?, ?, 0)", (name, number))
    table.commit()
    table.close()


def laid_out(said: dict[str, Any], root: Path) -> Path:
    """The recorded system as a /proc with one process, number 41, and its file system below ``41/root``."""
    executable = said["executable"]
    environ = said.get("environ", {"LANG": "C.UTF-8"})
    proc: dict[str, str | bytes] = {
        "41/stat": STAT,
        "41/status": "Threads:\t5\nCpus_allowed_list:\t0-1\n",
        "41/limits": "",
        "41/cgroup": said.get("cgroup", "0::/\n"),
        "41/cmdline": "\0".join(said.get("command", [executable])) + "\0",
        "41/environ": "".join(f"{name}={value}\0" for name, value in environ.items()),
        "41/auxv": b"".join(struct.pack("<QQ", *pair) for pair in [*said.get("auxv", {}).items(), (0, 0)]),
        "41/exe": "-> " + executable,
        "cpuinfo": said["cpuinfo"],
        "stat": "btime 1700000000\n",
    }
    if "maps" in said:
        proc["41/maps"] = said["maps"]
    # Links first: what lies below a linked folder is written through it.
    links = {name: text for name, text in said["files"].items() if text.startswith("-> ")}
    plain = {name: text for name, text in said["files"].items() if name not in links}
    for files in (proc, {"41/root" + name: text for name, text in [*plain.items(), *links.items()]}):
        tree(root, files)
    for name, packages in said.get("rpm", {}).items():
        rpm_database(root / "41" / "root" / name.lstrip("/"), packages)
    return root


@pytest.mark.parametrize("file", SYSTEMS, ids=lambda file: file.stem)
def test_a_recorded_system_is_told_right(file: Path, tmp_path: Path) -> None:
    said = yaml.safe_load(file.read_text(encoding="utf-8"))

    class There(probe.ProcessMachine):  # type: ignore[misc, name-defined]
        def release(self) -> tuple[str, str]:
            return tuple(said["machine"])

    root = laid_out(said, tmp_path)
    document = well_formed(probe.fingerprint_of_process(41, root=str(root), machine=There()))
    assert {path: document["facts"].get(path) for path in said["expected"]} == said["expected"]
    unread = said.get("unread", {})
    assert {path: document["unread"].get(path) for path in unread} == unread
    assert not set(said.get("absent", [])) & set(document["facts"])


def test_both_c_libraries_and_both_processors_are_among_them() -> None:
    said = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in SYSTEMS]
    assert {one["expected"].get("os.libc.name", "glibc") for one in said} == {"glibc", "musl"}
    assert {one["machine"][1] for one in said} == {"x86_64", "aarch64"}


def test_an_arm_program_under_an_emulator_asks_what_the_emulator_gives(tmp_path: Path) -> None:
    """qemu on x86-64: the kernel names an aarch64, /proc/cpuinfo the machine's own processor."""

    class There(probe.Machine):  # type: ignore[misc, name-defined]
        system = "Linux"

        def release(self) -> tuple[str, str]:
            return "6.1.0", "aarch64"

    auxv = struct.pack("<8Q", 16, 0b11, 26, 1 << 13, 6, 4096, 0, 0)
    tree(
        tmp_path,
        {
            "proc/cpuinfo": "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2 avx512f\n",
            "proc/self/auxv": auxv,
        },
    )
    world = probe.World("static", There(), host=probe.Files(str(tmp_path)), env={}, path=[])
    record = probe.Record()
    probe.read_cpu(world, record)
    assert record.facts["cpu.flags"] == ["asimd", "fp", "i8mm"]
    assert "cpu.vendor" not in record.facts
    assert record.unread["cpu.vendor"].endswith("than the aarch64 that runs this: an emulator")
    assert "cpu.flags" not in record.unread
