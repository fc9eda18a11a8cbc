"""The stand-in for a model server, and the images that tests run: made once, kept under a tag of their content."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CACHE = user_cache_path("envdiff") / "standin"
LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")

DOCKERFILE = """FROM {base}
COPY libtensorflow_cc.so.2 libtensorflow_framework.so.2 /usr/lib/tensorflow/
COPY tensorflow_model_server tf_serving_entrypoint.sh /usr/bin/
RUN mkdir -p /models
ENV MODEL_BASE_PATH=/models MODEL_NAME=model
LABEL tensorflow_serving_github_branchtag=2.20.0 tensorflow_serving_github_commit=0000000
EXPOSE 8500 8501
ENTRYPOINT ["/usr/bin/tf_serving_entrypoint.sh"]
"""


class CannotBuild(Exception):
    """A tool is missing on this machine; the text names it."""


@contextmanager
def alone(name: str) -> Iterator[None]:
    """One test worker at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(*command: str, cwd: Path | None = None, limit: float = 900) -> str:
    if shutil.which(command[0]) is None:
        raise CannotBuild(f"{command[0]} is not installed")
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=limit, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
    return done.stdout.strip()


def digest(*parts: str | bytes) -> str:
    joined = hashlib.sha256()
    for part in parts:
        joined.update(part.encode() if isinstance(part, str) else part)
        joined.update(b"\0")
    return joined.hexdigest()[:16]


def kept(tag: str, make: Callable[[], None]) -> str:
    """The image, made unless the engine has it."""
    with alone(tag.partition(":")[0]):
        if not run("docker", "images", "-q", tag):
            make()
    return tag


def suite() -> str:
    """The Debian release of this machine, so that what is compiled here runs there."""
    said = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    if said.get("ID", "").strip('"') != "debian":
        raise CannotBuild("the stand-in's image is made on Debian")
    return said["VERSION_CODENAME"].strip('"')


def base_image(*packages: str) -> str:
    """A Debian with bash and coreutils, and no Python unless ``packages`` name it."""
    release = suite()
    tag = f"envdiff-test-{'python' if packages else 'base'}:{digest(release, *packages)}"

    def make() -> None:
        with tempfile.TemporaryDirectory() as folder:
            tar = f"{folder}/base.tar"
            run("mmdebstrap", "--variant=essential", f"--include={','.join(('libstdc++6', *packages))}", release, tar)
            run("docker", "import", tar, tag)

    return kept(tag, make)


def include_folder(python: Path) -> Path:
    """Where the wheel of that interpreter keeps its libraries; ``include`` lies below."""
    found = run(str(python), "-c", "import importlib.util as u; print(u.find_spec('tensorflow').origin)")
    return Path(found.splitlines()[-1]).parent


def binary(python: Path) -> Path:
    """The compiled stand-in."""
    source = (HERE / "standin.cc").read_bytes()
    tensorflow = include_folder(python)
    place = CACHE / digest(source, str(tensorflow)) / "tensorflow_model_server"
    with alone("binary"):
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = place.with_suffix(".partial")
            run(
                "g++", "-std=c++17", "-O1", f"-I{tensorflow / 'include'}", str(HERE / "standin.cc"), "-o", str(partial),
                f"-L{tensorflow}", *(f"-l:{name}" for name in LIBRARIES), "-Wl,-rpath,/usr/lib/tensorflow", "-pthread",
            )  # fmt: skip
            partial.replace(place)
    return place


def standin_image(python: Path) -> str:
    """The stand-in in an image like the real one: no Python, an entry point in bash, models under /models."""
    base, program, entry = base_image(), binary(python), HERE / "tf_serving_entrypoint.sh"
    text = DOCKERFILE.format(base=base)
    tag = f"envdiff-test-standin:{digest(text, program.read_bytes(), entry.read_bytes())}"

    def make() -> None:
        tensorflow = include_folder(python)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            context = Path(folder)
            for name in LIBRARIES:
                _place(tensorflow / name, context / name)
            for file in (program, entry):
                shutil.copy(file, context / file.name)
                (context / file.name).chmod(0o755)
            (context / "Dockerfile").write_text(text)
            run("docker", "build", "-q", "-t", tag, str(context))

    return kept(tag, make)


def _place(source: Path, target: Path) -> None:
    """A hard link where that is possible: 850 MB need not be copied."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copy(source, target)


def probe_image(base: str) -> str:
    """The image of Dockerfile.probe on ``base``."""
    parts = [(ROOT / name).read_bytes() for name in ("Dockerfile.probe", "probes/envprobe.py", "probes/reader.py")]
    tag = f"envdiff-test-probe:{digest(base, *parts)}"

    def make() -> None:
        run("docker", "build", "-q", "-f", "Dockerfile.probe", "--build-arg", f"BASE={base}", "-t", tag, ".", cwd=ROOT)

    return kept(tag, make)


def saved_models(python: Path) -> Path:
    """A folder with versions 1 and 2 of the model."""
    script = HERE / "save_models.py"
    place = CACHE / digest(script.read_bytes(), str(python)) / "model"
    with alone("models"):
        if not place.exists():
            partial = place.with_name("partial")
            shutil.rmtree(partial, ignore_errors=True)
            run(str(python), str(script), str(partial))
            partial.rename(place)
    return place
