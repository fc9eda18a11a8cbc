"""Records one fingerprint of each kind, as this version writes them: record.py FOLDER TENSORFLOW_PYTHON.

What is recorded is kept for ever and read by every later version. Run it into a new folder when a fingerprint holds
something new, never into one that is there. It needs Docker; the environment of this process leaves no trace.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "standin"))

import build

SETTINGS = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "1", "OMP_NUM_THREADS": "2"}
PROGRAM = """
import sys, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
import envprobe
envprobe.write("program.json", label="training")
print("ready", flush=True)
sys.stdin.read()
"""


def main() -> None:
    folder, python = Path(sys.argv[1]).absolute(), Path(sys.argv[2])
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as place:
        at = Path(place)
        shutil.copytree(build.saved_models(python), at / "models" / "model")
        record(at, python)
        for file in sorted(at.glob("*.json")):
            text = json.dumps(json.loads(file.read_bytes()), indent=1) + "\n"
            (folder / file.name).write_text(elsewhere(text, python), encoding="utf-8")


def elsewhere(text: str, python: Path) -> str:
    """Paths of the machine that records, as if the environment lay in /srv/venv and its Python in /usr/local."""
    home = str(python.parent.parent).replace(str(Path.home()), "~")
    base = str(python.resolve().parent.parent).replace(str(Path.home()), "~")
    for folder, there in ((home, "/srv/venv"), (base, "/usr/local")):
        text = text.replace(folder + "/", there + "/").replace(f'"{folder}"', f'"{there}"')
    return re.sub(r'"[^"]*(/lib/python3\.\d+/site-packages/)', r'"/srv/venv\1', text)


def record(at: Path, python: Path) -> None:
    envdiff(at, "--python", python, "--label", "notebook", "-o", "interpreter.json")
    envdiff(at, "--python", python, "--label", "notebook", "--static", "-o", "static.json")
    model = ("--model", "models/model", "--rows", "signature")
    envdiff(at, "--python", python, "--label", "notebook", *model, "-o", "model.json")
    with running(at, python) as pid:
        envdiff(at, "--pid", pid, "--label", "training", "-o", "process.json")
    image = build.standin_image(python)
    probe_image = build.probe_image(build.base_image("python3"))
    with serving(at, image) as (name, address):
        server = ("--server", address, "--model-name", "model")
        container = ("--container", name, "--probe-image", probe_image)
        envdiff(at, *container, "--label", "serving", "--ask-version", *server, "-o", "container.json")
        envdiff(at, *server, "--label", "endpoints", "--rows", "signature", "-o", "server.json")
    envdiff(at, "--image", image, "--probe-image", probe_image, "--label", "image", "-o", "image.json")


def environment() -> dict[str, str]:
    return {"HOME": str(Path.home()), "PATH": os.defpath, "LANG": "C.UTF-8", **SETTINGS}


def envdiff(at: Path, *words: object) -> None:
    command = [sys.executable, "-m", "envdiff", "capture", *map(str, words)]
    subprocess.run(command, cwd=at, env=environment(), check=True)


@contextmanager
def running(at: Path, python: Path) -> Iterator[int]:
    """A program that has recorded itself and still runs."""
    shutil.copy(build.ROOT / "probes" / "envprobe.py", at)
    command = [str(python), "-c", PROGRAM]
    child = subprocess.Popen(command, cwd=at, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    try:
        yield child.pid
    finally:
        child.kill()
        child.communicate()


@contextmanager
def serving(at: Path, image: str) -> Iterator[tuple[str, str]]:
    """A container that serves the model: its name, and its address."""
    name = f"envdiff-record-{uuid.uuid4().hex[:8]}"
    options = ("-v", f"{at}/models/model:/models/model:ro", "-e", "TF_ENABLE_ONEDNN_OPTS=1")
    flags = ("--enable_batching", "false", "--tensorflow_intra_op_parallelism=2")
    build.run("docker", "run", "-d", "--name", name, *options, image, *flags)
    try:
        for _ in range(300):
            if "Exporting HTTP/REST" in build.run("docker", "logs", name):
                break
            time.sleep(0.2)
        inside = build.run("docker", "inspect", "-f", "{{.NetworkSettings.IPAddress}}", name)
        yield name, f"http://{inside}:8501"
    finally:
        build.run("docker", "rm", "-f", "-v", name)


if __name__ == "__main__":
    main()
