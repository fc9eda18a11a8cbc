"""Running the probe the ways its users do, and fake machines for the systems that the tests do not run on."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

PROBE = Path(__file__).resolve().parent.parent / "probes" / "envprobe.py"
RECORDED = Path(__file__).resolve().parent / "data" / "probe"
SCALARS = (bool, int, float, str)


@dataclass(frozen=True)
class Captured:
    """One run of the probe: its exit status, its two streams, and the document if stdout holds exactly one."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        return well_formed(json.loads(self.stdout.decode("utf-8")))

    @property
    def facts(self) -> dict[str, Any]:
        return self.document["facts"]

    @property
    def unread(self) -> dict[str, str]:
        return self.document["unread"]


def well_formed(document: dict[str, Any]) -> dict[str, Any]:
    assert document["schema"] == "envdiff/fingerprint/1"
    assert set(document) == {"schema", "subject", "captured_at", "probe", "facts", "unread", "withheld"}
    assert set(document["subject"]) == {"label", "kind", "reached_by"}
    for path, value in document["facts"].items():
        items = value if isinstance(value, list) else [value]
        assert all(isinstance(item, SCALARS) for item in items), (path, value)
    assert all(isinstance(reason, str) and reason for reason in document["unread"].values())
    assert all(isinstance(names, list) for names in document["withheld"].values())
    return document


def quiet_environment(home: Path, **more: str) -> dict[str, str]:
    """An environment of which every variable is known."""
    return {"HOME": str(home), "PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", **more}


def run_probe(
    python: Path | str, *arguments: str, env: dict[Any, Any], cwd: Path, piped: bool = False, limit: float = 120
) -> Captured:
    command = [str(python), "-" if piped else str(PROBE), *arguments]
    source = PROBE.read_bytes() if piped else b""
    done = subprocess.run(command, input=source, env=env, cwd=cwd, capture_output=True, timeout=limit, check=False)
    return Captured(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def run_program(python: Path | str, source: str, *arguments: str, env: dict[str, str], cwd: Path) -> str:
    """Run a program that may `import envprobe`; what it printed."""
    head = f"import sys; sys.path.insert(0, {str(PROBE.parent)!r}); sys.dont_write_bytecode = True\n"
    command = [str(python), "-c", head + source, *arguments]
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def load_probe() -> ModuleType:
    """A copy of the probe as a module of this process."""
    spec = importlib.util.spec_from_file_location("envprobe_under_test", PROBE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = written
    return module


def recorded_machine(probe: ModuleType, name: str) -> Any:
    """A machine that answers as a real one did: `<name>.json` below the recorded data."""
    answers = json.loads((RECORDED / f"{name}.json").read_text())

    class Recorded(probe.Machine):  # type: ignore[misc, name-defined]
        system = answers["system"]

        def release(self) -> tuple[str, str]:
            return answers["release"], answers["machine"]

        def libc(self) -> str:
            return ""

        def logical(self) -> int:
            return answers["logical"]

        def sysctl(self, key: str) -> Any:
            return answers["sysctl"].get(key)

        def registry(self, key: str, value: str) -> Any:
            return answers["registry"].get(key + "\\" + value)

        def feature(self, number: int) -> bool:
            return number in answers["features"]

        def mapped(self) -> list[str]:
            return list(answers["mapped"])

        def nvml(self) -> Any:
            raise probe.Unread("it is not installed")

    return Recorded()


def tree(root: Path, files: dict[str, str | bytes]) -> Path:
    """Write small files below `root`; a value "-> target" makes a link."""
    for name, content in files.items():
        place = root / name.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            place.symlink_to(content[3:])
        else:
            place.write_bytes(content.encode() if isinstance(content, str) else content)
    return root
