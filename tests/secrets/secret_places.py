"""The places that a capture reads, each with secrets planted in it, and everything that comes out of it.

A place is a function of a world (a folder and the command line) that returns what it planted and every text that a user
could pass on: the fingerprint, reports in all formats, standard error.
"""

from __future__ import annotations

import http.server
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from secret_kinds import PEERS, Maker, Secret, secret, secrets

from envdiff.cli import main

ROOT = Path(__file__).resolve().parent.parent.parent
PROBES = ROOT / "probes"
MODEL = ROOT / "tests" / "data" / "models" / "tf115" / "init_overwrites"
FORMATS = ("terminal", "markdown", "html", "json")
MAPS = "7f00-7f01 r-xp 00000000 08:01 %d                      %s\n"
SERVER = "/usr/bin/tensorflow_model_server"


@dataclass
class World:
    """Where a place is built, and what came out of it by name."""

    folder: Path
    texts: dict[str, str] = field(default_factory=dict)
    documents: list[dict[str, Any]] = field(default_factory=list)

    def environment(self, **more: str) -> dict[str, str]:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more}

    def say(self, name: str, *words: object, env: dict[str, str] | None = None) -> None:
        """The command line's own function in this process, where a hundred starts would take minutes."""
        before, out, err = dict(os.environ), io.StringIO(), io.StringIO()
        try:
            os.environ.update(env or self.environment())
            with redirect_stdout(out), redirect_stderr(err), suppress(SystemExit):
                main([str(word) for word in words])
        finally:
            os.environ.clear()
            os.environ.update(before)
        self.texts[f"{name}: stdout"], self.texts[f"{name}: stderr"] = out.getvalue(), err.getvalue()

    def run(self, name: str, *words: object, env: dict[str, str] | None = None) -> None:
        """The real command line; both of its streams are kept."""
        command = [sys.executable, "-m", "envdiff", *map(str, words)]
        done = subprocess.run(
            command,
            env=env or self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.texts[f"{name}: stdout"], self.texts[f"{name}: stderr"] = done.stdout, done.stderr

    def capture(self, name: str, *words: object, env: dict[str, str] | None = None) -> None:
        file = self.folder / f"{name}.json"
        self.run(name, "capture", *words, "--show-withheld", "-o", file, env=env)
        assert file.is_file(), self.texts[f"{name}: stderr"]
        self.reports(name, json.loads(file.read_text(encoding="utf-8")))

    def reports(self, name: str, document: dict[str, Any]) -> None:
        """Every report of a fingerprint against an empty one."""
        left, right = self.folder / f"{name}.left.json", self.folder / f"{name}.right.json"
        left.write_text(json.dumps(document), encoding="utf-8")
        right.write_text(json.dumps({**document, "facts": {}, "unread": {}, "withheld": {}}), encoding="utf-8")
        self.texts[f"{name}: fingerprint"] = left.read_text(encoding="utf-8")
        self.documents.append(document)
        for kind in FORMATS:
            self.say(f"{name}: {kind}", "report", left, right, "--format", kind, "--full")

    def tree(self, files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            place = self.folder / name.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str) and content.startswith("-> "):
                place.symlink_to(content[3:])
            else:
                place.write_bytes(content.encode() if isinstance(content, str) else content)


Place = Callable[[World], list[Secret]]


def from_probe() -> Any:
    """The probe and the reader as modules."""
    if str(PROBES) not in sys.path:
        sys.path.insert(0, str(PROBES))
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    import envprobe
    import reader

    sys.dont_write_bytecode = written
    return SimpleNamespace(probe=envprobe, reader=reader)


def process(world: World, words: list[str], environ: dict[str, str], exe: str, files: dict[str, str | bytes]) -> None:
    """A /proc tree with process 41."""
    proc: dict[str, str | bytes] = {
        "proc/41/stat": "41 (x) S " + "1 " * 18 + "100 " + "0 " * 30,
        "proc/41/status": "Threads:\t5\nCpus_allowed_list:\t0-3\n",
        "proc/41/limits": "Limit                     Soft Limit           Hard Limit           Units\n",
        "proc/41/cgroup": "0::/\n",
        "proc/41/cmdline": "\0".join(words) + "\0",
        "proc/41/environ": "".join(f"{name}={value}\0" for name, value in environ.items()),
        "proc/41/maps": MAPS % (1, exe),
        "proc/41/exe": "-> " + exe,
        "proc/41/cwd": "-> /",
        "proc/cpuinfo": "vendor_id\t: GenuineIntel\nflags\t\t: fpu avx2\n",
        "proc/stat": "btime 1700000000\n",
        "proc/uptime": "100.0 100.0\n",
    }
    world.tree({**proc, **{"proc/41/root/" + name.lstrip("/"): content for name, content in files.items()}})


# -- the places


def variables_with_innocent_names(world: World) -> list[Secret]:
    planted = secrets(1)
    env = {f"APP_CFG_{n}": one.text for n, one in enumerate(planted)}
    world.capture("innocent-names", "--static", "--python", sys.executable, env=world.environment(**env, **PEERS))
    return planted + [Secret("peer's leak", value, value.rpartition("@")[0] or value) for value in PEERS.values()]


def variables_on_the_list(world: World) -> list[Secret]:
    planted = secrets(2)
    env = {f"{('OMP', 'NVIDIA', 'ONEDNN', 'TF_FLAG')[n % 4]}_X{n}": one.text for n, one in enumerate(planted)}
    flags = [secret(kind, 20) for kind in ("github-classic", "postgres-url", "jwt", "azure-sas")]
    named = zip(("XLA_FLAGS", "MODEL_BASE_PATH", "TF_JIT_CACHE_DIR", "KERAS_HOME"), flags, strict=True)
    env |= {name: f"--xla_dump_to={one.text}" if name == "XLA_FLAGS" else one.text for name, one in named}
    asked = {f"ASKED_{n}": one.text for n, one in enumerate(secrets(3))}
    words = [word for name in [*asked, *PEERS] for word in ("--env", name)]
    env = world.environment(**env, **asked, **PEERS)
    world.capture("listed-names", "--static", "--python", sys.executable, *words, env=env)
    peers = [Secret("peer's leak", value, value.rpartition("@")[0] or value) for value in PEERS.values()]
    return [*planted, *flags, *secrets(3), *peers]


def command_lines(world: World) -> list[Secret]:
    planted = secrets(4)
    words = ["/usr/bin/serve", "--port=8500"]
    for number, one in enumerate(planted):
        forms = (
            [f"--api-key={one.text}"], ["--api-key", one.text], ["-e", f"SOME_TOKEN={one.text}"], [f"--endpoint={one.text}"],
            [one.text], [f"--env=CFG={one.text}"], ["sh", "-c", f"exec serve --verbose {one.text} --port 1"],
        )  # fmt: skip
        words += forms[number % len(forms)]
    plain = [Maker("plain", n).word() for n in range(20)]
    for number, value in enumerate(plain):
        forms = (
            [f"--db-password={value}"], ["--password", value], ["-e", f"DB_PASSWORD={value}"], ["-u", f"svc:{value}"],
            ["sh", "-c", f"serve --token {value}"],
        )  # fmt: skip
        words += forms[number % len(forms)]
    process(world, words, {"LANG": "C", "ADMIN_PASSWORD": plain[0]}, "/usr/bin/serve", {})
    world.reports("command", from_probe().probe.fingerprint_of_process(41, root=str(world.folder / "proc")))
    return [*planted, *(Secret("password", value, value) for value in plain)]


def server_configuration(world: World) -> list[Secret]:
    """Flags, the model config file and its neighbours, as the server's own process names them."""
    from envdiff.capture.server_process import Hints, document_of, find
    from envdiff.capture.talk import Reader

    planted = secrets(5)
    models = [one for one in planted if "\n" not in one.text]
    text = "".join(
        f"config {{ name: {json.dumps(f'm{n}' if n % 3 else one.text)} base_path: {json.dumps(one.text)} "
        f"model_platform: 'tensorflow' }}\n"
        for n, one in enumerate(models)
    )
    spare = [secret(kind, 21) for kind in ("github-classic", "redis-url", "sendgrid", "aws-secret-key", "libpq")]
    dropped = Maker("dropped", 1).word()
    words = [
        SERVER, "--model_config_file=/etc/models.config", "--monitoring_config_file=/etc/monitoring.config",
        "--batching_parameters_file=/etc/batching.config", "--enable_batching=true", f"--model_base_path={spare[1].text}",
        "--api_token", dropped, f"--unheard_of={spare[0].text}", f"--ssl_config_file=/etc/{spare[2].text}",
    ]  # fmt: skip
    files: dict[str, str | bytes] = {
        SERVER: b"\x7fELF",
        "etc/models.config": f"model_config_list {{ {text} }}",
        "etc/monitoring.config": f"prometheus_config {{ enable: true, path: {json.dumps(spare[3].text)} }}",
        "etc/batching.config": f"max_batch_size {{ value: {json.dumps(spare[4].text)} }}",
    }
    process(world, words, {"MODEL_NAME": spare[0].text}, SERVER, files)
    reader, root = from_probe().reader, str(world.folder / "proc")

    class Here:
        """The reader in this process, on the recorded tree."""

        def send(self, data: bytes) -> None:
            self.answer = json.dumps(reader.answer(json.loads(data), root)).encode()

        def line(self, limit_s: float) -> bytes:
            return self.answer

    asked = Reader(Here(), "server")
    found = find(asked, ("tensorflow_model_server",))
    document = document_of(asked, found, label="server", kind="process", reached_by="proc", extra_env=(), hints=Hints())
    assert any(path.startswith("serving.model.") for path in document["facts"])
    world.reports("configuration", document)
    return [*models, *spare, Secret("password", dropped, dropped)]


def paths_with_user_names(world: World) -> list[Secret]:
    users = [f"zq{Maker('user', n).of('abcdefghijklmnopqrstuvwxyz', 6)}" for n in range(30)]
    forms = (
        "--model=/home/{}/m", "/home/{}/venv/bin/python", "file:///home/{}/x", "/Users/{}/Library/m", r"C:\Users\{}\m",
        "/var/home/{}/m", "/export/home/{}", "--data=/mnt/home/{}/a:/home/{}/b", "['/home/{}/x']", "/nfs/home/{}/models",
    )  # fmt: skip
    words = ["serve", *(forms[n % len(forms)].replace("{}", user) for n, user in enumerate(users))]
    owner = users[0]
    env = {
        "HOME": f"/home/{owner}", "USER": owner, "PYTHONPATH": f"/scratch/{owner}/lib:/home/{users[1]}/lib",
        "KERAS_HOME": f"/data/{owner}/keras", "LD_PRELOAD": f"/home/{users[2]}/x.so",
    }  # fmt: skip
    process(world, words, env, f"/home/{owner}/bin/serve", {})
    world.reports("users", from_probe().probe.fingerprint_of_process(41, root=str(world.folder / "proc")))
    return [Secret("user name", user, user) for user in users]


def package_origins(world: World) -> list[Secret]:
    planted = secrets(6)
    for number, one in enumerate(planted):
        url = one.text if "://" in one.text else f"https://{quote(one.needle, safe='')}@example.com/p{number}.tar.gz"
        said = {"url": url, "vcs_info": {"vcs": "git", "requested_revision": one.text}}
        world.tree(
            {
                f"site/p{number}-1.0.dist-info/METADATA": f"Name: p{number}\nVersion: 1.0\n",
                f"site/p{number}-1.0.dist-info/direct_url.json": json.dumps(said),
            }
        )
    env = world.environment(PYTHONPATH=str(world.folder / "site"))
    world.capture("origins", "--static", "--python", sys.executable, env=env)
    assert "origins.p1" in world.documents[-1]["facts"]
    return planted


def git_checkouts(world: World) -> list[Secret]:
    """In addresses, in the names of branches and folders, and where a commit should stand."""
    planted = [one for one in secrets(12) if "\n" not in one.text and ":" not in one.text]
    folders = []
    for number, one in enumerate(planted):
        folder = f"code/{number}/{one.text.replace('/', '_') if number % 2 else 'mine'}"
        branch = "refs/heads/" + re.sub(r"[^\w./-]", "-", one.needle)
        head = one.text if number % 4 == 2 else f"ref: {branch}" if number % 4 == 0 else f"{number:040x}"
        config = f'[remote "origin"]\n\turl = https://u:{quote(one.needle, safe="")}@example.com/mine.git\n'
        world.tree(
            {
                f"{folder}/.git/HEAD": head,
                f"{folder}/.git/config": config,
                f"{folder}/.git/packed-refs": f"{number:040x} {branch}\n",
            }
        )
        folders.append(str(world.folder / folder))
    env = world.environment(PYTHONPATH=os.pathsep.join(folders))
    world.capture("checkouts", "--static", "--python", sys.executable, env=env)
    assert "000000000000" in world.documents[-1]["facts"]["python.commits"]
    return planted


def package_indexes(world: World) -> list[Secret]:
    planted = secrets(7)
    urls = [f"https://u{n}:{quote(one.needle, safe='')}@pkgs.example.com/simple" for n, one in enumerate(planted)]
    listed = "\n    ".join(urls)
    world.tree({"home/.config/pip/pip.conf": f"[global]\nindex-url = {urls[0]}\nextra-index-url =\n    {listed}\n"})
    world.tree({"home/.netrc": "\n".join(f"machine m login u password {one.needle}" for one in planted)})
    env = world.environment(PIP_INDEX_URL=urls[0], PIP_EXTRA_INDEX_URL=" ".join(urls), UV_INDEX_URL=urls[1])
    world.capture("indexes", "--static", "--python", sys.executable, env=env)
    return planted


class NoPython:
    """An engine with one image that can be read by its files alone."""

    def __init__(self, image: dict[str, Any]) -> None:
        self.said = image

    def image(self, reference: str) -> dict[str, Any] | None:
        return self.said if reference != "envdiff-probe" else None

    @contextmanager
    def temporary(self, image: str, command: list[str], **host: Any) -> Iterator[Any]:
        from envdiff.errors import WorldFailed

        raise WorldFailed("it does not start")
        yield

    def create_only(self, image: str) -> str:
        return "made"

    def archive(self, container: str, path: str, limit: int) -> bytes:
        return b"ID=debian\nVERSION_ID=12\n"

    def remove(self, container: str) -> None:
        """Nothing was made."""


def of_engine(world: World, name: str, config: dict[str, Any], reference: str = "acme/serving:1") -> None:
    """A container and an image with this configuration."""
    from envdiff.capture.container import Container
    from envdiff.capture.container_ways import add_container
    from envdiff.capture.filter import empty_document
    from envdiff.capture.image import ImageRequest, capture_image

    image = {"Id": "sha256:" + "ab" * 32, "RepoDigests": [], "Architecture": "amd64", "Config": config}
    request = ImageRequest(reference, extra_env=("ASKED",), ask_version=False)
    captured = capture_image(request, NoPython(image))  # type: ignore[arg-type]
    world.reports(f"{name}-image", dict(captured.fingerprint.document))
    document = empty_document("serving", "container", "docker-exec")
    document["facts"]["env.NCCL_VERSION"] = "2.1"
    add_container(document, Container("cd" * 32, "serving", "running", 1, {"Config": config}), image)
    world.reports(f"{name}-container", document)


def container_environment(world: World) -> list[Secret]:
    planted = secrets(8)
    names = ("APP_CFG_{}", "OMP_X{}", "NVIDIA_X{}", "SOME_TOKEN_{}")
    env = [f"{names[n % 4].format(n)}={one.text}" for n, one in enumerate(planted)]
    special = [secret(kind, 22) for kind in ("github-classic", "postgres-url", "random-mixed")]
    env += [f"NCCL_VERSION={special[0].text}", f"CUDNN_VERSION={special[1].text}", f"ASKED={special[2].text}"]
    words = ["serve", *(f"--x{n}={one.text}" for n, one in enumerate(secrets(9)))]
    of_engine(world, "environment", {"Env": env, "Cmd": words, "Entrypoint": ["/entry", "--token", "kor0va-77"]})
    return [*planted, *special, *secrets(9), Secret("password", "kor0va-77", "kor0va-77")]


def container_labels(world: World) -> list[Secret]:
    planted = secrets(10)
    from envdiff.capture.container_ways import LABELS

    listed = [secret(kind, 23) for kind in ("gitlab-personal", "https-url", "jwt")]
    labels = {f"com.example.label-{n}": one.text for n, one in enumerate(planted)}
    labels |= {name: one.text for name, one in zip(LABELS, listed, strict=True)}
    reference = secret("index-url", 24)
    of_engine(
        world, "labels", {"Env": [], "Labels": labels, "Image": reference.text, "User": listed[0].text}, reference.text
    )
    return [*planted, *listed, reference]


def model_assets(world: World) -> list[Secret]:
    model = world.folder / "model"
    shutil.copytree(MODEL, model)
    (model / "assets").mkdir()
    (model / "assets.extra").mkdir()
    planted = [one for one in secrets(11) if "/" not in one.text and "\n" not in one.text and len(one.text) < 200]
    for number, one in enumerate(planted):
        folder = "assets" if number % 2 else "assets.extra"
        name = one.text if number % 3 else f"vocab_{one.text}.txt"
        (model / folder / name).write_text(f"words {number}")
    world.capture("model", "--static", "--python", sys.executable, "--model", model)
    assert world.documents[-1]["facts"]["model.format"] == "savedmodel"
    return planted


def python_paths(world: World) -> list[Secret]:
    """Folders on the module path, names and versions of packages, .pth files, what TensorFlow's build says."""
    planted = [one for one in secrets(12) if "\n" not in one.text and ":" not in one.text]
    folders = []
    for number, one in enumerate(planted):
        folder = world.folder / "site" / (one.text.replace("/", "_") if "/" in one.text and number % 2 else one.text)
        folder.mkdir(parents=True, exist_ok=True)
        folders.append(str(folder))
        version = one.text.replace("/", "_")
        world.tree({f"site/all/q{number}.dist-info/METADATA": f"Name: q{number}\nVersion: {version}\n"})
        world.tree({f"site/all/{version[:150]}-1.{number}.dist-info/METADATA": f"Name: {version}\nVersion: 1.0\n"})
    build = "".join(f"build_info_{n} = {one.text!r}\n" for n, one in enumerate(planted))
    cuda = f"build_info = {{'cuda_version': {planted[0].text!r}, 'cpu_compiler': {planted[1].text!r}}}\n"
    world.tree(
        {"site/all/tensorflow/__init__.py": "", "site/all/tensorflow/python/platform/build_info.py": build + cuda}
    )
    env = world.environment(PYTHONPATH=":".join([str(world.folder / "site" / "all"), *folders]))
    world.capture("paths", "--static", "--python", sys.executable, env=env)
    return planted


@contextmanager
def served(routes: dict[str, tuple[int, str, dict[str, str]]]) -> Iterator[str]:
    """A model server that answers with these."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text, headers = routes.get(self.path, (404, '{"error": "not found"}', {}))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *words: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def endpoint_answers(world: World) -> list[Secret]:
    planted = secrets(13)
    third = len(planted) // 3
    states = [
        {
            "version": str(n),
            "state": "END",
            "status": {"error_code": "INTERNAL", "error_message": f"cannot read {one.text}"},
        }
        for n, one in enumerate(planted[:third])
    ]
    states.append({"version": "900", "state": "AVAILABLE", "status": {}})
    tensor = {"x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [], "unknown_rank": True}}}
    signatures = {one.text: {"inputs": tensor, "outputs": tensor} for one in planted[third : 2 * third]}
    metrics = "# TYPE x counter\n" + "".join(
        f':tensorflow:cc:saved_model:load_attempt_count{{model_path={json.dumps(one.text)},status="success"}} 1\n'
        for one in planted[2 * third :]
    )
    routes = {
        "/v1/models/m": (200, json.dumps({"model_version_status": states}), {}),
        "/v1/models/m/metadata": (200, json.dumps({"metadata": {"signature_def": {"signature_def": signatures}}}), {}),
        "/monitoring/prometheus/metrics": (200, metrics, {}),
    }
    with served(routes) as url:
        world.capture("endpoints", "--server", url, "--model-name", "m")
    assert world.documents[-1]["facts"]["serving.model.m.version_answering"] == 900
    return planted


def error_messages(world: World) -> list[Secret]:
    """What an interpreter, an engine, a server and a wrong command line say when they fail, and what a bug would say."""
    planted = secrets(14)
    plain = [one for one in planted if "\n" not in one.text]
    for number, one in enumerate(plain):
        quoted = one.text.replace("'", "")
        if number % 4 == 0:
            script = world.folder / f"python{number}"
            script.write_text(f"#!/bin/sh\ncat >&2 <<'END'\nfailed: {quoted}\nEND\nexit 3\n")
            script.chmod(0o755)
            world.say(f"death-{number}", "capture", "--python", script)
        elif number % 4 == 1:
            headers = (
                {"Location": quote(one.text, safe=":/?=&%@")} if number % 8 == 1 else {"Content-Type": "text/html"}
            )
            status = 302 if number % 8 == 1 else 500
            text = json.dumps({"error": f"upstream said {one.text}"}) if status == 500 else "moved"
            with served({"/v1/models/m": (status, text, headers)}) as url:
                world.say(f"server-{number}", "capture", "--server", url, "--model-name", "m")
        elif number % 4 == 2:
            env = world.environment(DOCKER_HOST=f"tcp://{quote(one.needle, safe='')}@127.0.0.1:1")
            words = ("--container", "x") if number % 8 == 2 else ("--image", one.text)
            world.say(f"engine-{number}", "capture", *words, env=env)
        else:
            places = (("report", one.text, one.text), ("capture", "--python", one.text), ("capture", "--rows", one.text, "--model", one.text),
                      ("capture", one.text), ("capture", "--server", one.text, "--model-name", "m"))  # fmt: skip
            (world.run if number % 8 == 3 else world.say)(f"misuse-{number}", *places[number % len(places)])
    world.texts["boundary"] = boundary(planted)
    broken = f"raise ImportError({' '.join(one.text for one in planted[:20])!r})\n"
    world.tree({"broken/tensorflow/__init__.py": broken})
    env = world.environment(PYTHONPATH=str(world.folder / "broken"))
    world.capture("import", "--python", sys.executable, env=env)
    return planted


def boundary(planted: list[Secret]) -> str:
    """What errors of all sorts become on standard error, and in the file that a bug leaves."""
    source = """
import json, os, sys
from envdiff.boundary import guarded
from envdiff.errors import WorldFailed
def fail(how, text):
    if how == 0:
        raise WorldFailed("the engine refuses: " + text, subject=text, hint=text)
    raise RuntimeError("no such thing: " + text)
for at, text in enumerate(json.load(sys.stdin)):
    guarded(lambda: fail(at % 2, text), {"ENVDIFF_TRACEBACK": "1"})
"""
    said = json.dumps([one.text for one in planted])
    done = subprocess.run(
        [sys.executable, "-c", source], input=said, capture_output=True, text=True, timeout=120, check=True
    )
    for line in done.stderr.splitlines():
        if "the traceback is in " in line:
            file = Path(line.rpartition("the traceback is in ")[2])
            done.stderr += file.read_text(encoding="utf-8")
            file.unlink()
    return done.stderr


PLACES: dict[str, Place] = {
    "environment, innocent names": variables_with_innocent_names,
    "environment, names on the list": variables_on_the_list,
    "command lines": command_lines,
    "the server's configuration": server_configuration,
    "paths with user names": paths_with_user_names,
    "direct_url.json": package_origins,
    "Git checkouts": git_checkouts,
    "pip.conf and index URLs": package_indexes,
    "container environment": container_environment,
    "container labels": container_labels,
    "model asset names": model_assets,
    "Python paths and packages": python_paths,
    "endpoint answers": endpoint_answers,
    "error messages": error_messages,
}
