"""What a capture reads, as a fuzzer sees it: /proc and the files of a process, a server's files, its answers, and the
answers of a reader that runs where nobody is to be trusted."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socketserver
import threading
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import envprobe
import numpy as np
import reader as reader_script
from fuzz_bytes import joined, parts
from probe_capture import well_formed

from envdiff.capture.endpoints import ServerRequest, add_endpoints, capture_server
from envdiff.capture.server_process import Hints, document_of, find
from envdiff.capture.talk import Reader, Refused
from envdiff.errors import WorldFailed
from envdiff.fingerprint import from_document
from envdiff.predictions.ask_rest import RestServer, RestTarget
from envdiff.predictions.rows import rows_from_signature
from envdiff.serving import configs
from envdiff.serving.commandline import parse
from envdiff.serving.facts import serving_facts
from envdiff.serving.inside import Listing, ServerProcess, Unreadable
from envdiff.serving.version import claims_of

# --- a process ------------------------------------------------------------------------------------------------

SITE = "venv/lib/python3.11/site-packages"
FILES = (
    "proc/7/cmdline", "proc/7/environ", "proc/7/maps", "proc/7/status", "proc/7/stat", "proc/7/cgroup",
    "proc/7/limits", "proc/stat", "proc/cpuinfo", "proc/uptime", "proc/7/root/etc/os-release",
    "proc/7/root/var/lib/dpkg/status", f"proc/7/root/{SITE}/tensorflow-2.15.1.dist-info/METADATA",
    f"proc/7/root/{SITE}/tensorflow-2.15.1.dist-info/RECORD", f"proc/7/root/{SITE}/a-1.dist-info/direct_url.json",
    f"proc/7/root/{SITE}/tensorflow/python/platform/build_info.py", "proc/7/root/lib/libm.so.6",
    "proc/7/root/venv/pyvenv.cfg", "proc/7/root/home/u/.keras/keras.json", f"proc/7/root/{SITE}/x.pth",
    f"proc/7/root/{SITE}/numpy/__config__.py", "sys/fs/cgroup/cpu.max", f"proc/7/root/{SITE}/b.egg-link",
    "proc/7/root/venv/bin/python", "proc/7/mountinfo", "proc/7/root/etc/timezone",
)  # fmt: skip
QUESTIONS: tuple[dict[str, Any], ...] = (
    {"op": "find", "names": ["python"]},
    {"op": "process", "pid": 7, "names": ["HOME", "LANG"]},
    {"op": "read", "pid": 7, "path": "/etc/os-release", "limit": 100},
    {"op": "tree", "pid": 7, "path": "/venv", "depth": 3},
    {"op": "packages", "pid": 7, "names": ["libc6"]},
)
# A section that fails is said to be unread; a reason that is a slip of ours is a finding all the same.
SLIP = re.compile(
    r"^(Index|Key|Attribute|Type|UnboundLocal|Recursion|Assertion|Name|ZeroDivision|Unicode\w*|Memory)Error"
)


def process(data: bytes, folder: Path) -> None:
    """Recorded files of a machine and of one process, read from outside and as that machine."""
    for name, content in parts(data, FILES).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "proc/7/exe").symlink_to("/venv/bin/python")
    root = str(folder / "proc")
    _well(envprobe.fingerprint_of_process(7, root))
    host = envprobe.Files(str(folder))
    env = envprobe.parse_environment(host.text("/proc/7/environ"))
    inside = envprobe.Files(root + "/7/root")
    world = envprobe.World("proc", envprobe.ProcessMachine(), inside, host, "/proc/7", env, ["/" + SITE])
    _well(envprobe.document(envprobe.gather(world), envprobe.subject_of(None, "x", "process", "proc"), "proc"))
    for request in QUESTIONS:
        said = reader_script.answer(request, root)
        assert isinstance(said, dict)
        json.dumps(said).encode("ascii")


def _well(document: dict[str, Any]) -> None:
    well_formed(document)
    json.dumps(document, ensure_ascii=False).encode("utf-8")
    from_document(json.loads(json.dumps(document, allow_nan=False)), "a process")
    slips = [f"{path}: {why}" for path, why in document["unread"].items() if SLIP.match(why)]
    assert not slips, slips


def process_seeds() -> list[bytes]:
    elf = b"\x7fELF\x02\x01\x01" + bytes(25) + (64).to_bytes(8, "little") + bytes(14) + b"\x38\0\x01\0" + bytes(6)
    note = b"\x04\0\0\0" + bytes(4) + (120).to_bytes(8, "little") + bytes(16) + (32).to_bytes(8, "little") + bytes(16)
    build_id = b"\x04\0\0\0\x04\0\0\0\x03\0\0\0GNU\0\xab\xcd\xef\x01"
    status = b"Name:\tpython\nState:\tS (sleeping)\nThreads:\t9\nCpus_allowed_list:\t0-3,8\n"
    stat = b"7 (py) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0\n"
    limits = b"Limit                     Soft Limit           Hard Limit\nMax open files            1024                 4096\n"
    full = joined(
        b"/venv/bin/python\0-m\0serve\0--password\0x\0", b"TF_ENABLE_ONEDNN_OPTS=0\0HOME=/home/u\0LANG=C\0A\xff=\xff\0",
        b"7f00-7f01 r-xp 0 08:01 1 /lib/libm.so.6\n7f02-7f03 r-xp 0 08:01 2 /venv/bin/python\n"
        b"7f-80 r-xp 0 0:1 3 /venv/lib/python3.11/site-packages/tensorflow/libtensorflow_framework.so.2\n",
        status, stat, b"0::/a/b\n4:cpu,cpuacct,cpuset:/docker/x\n", limits, b"cpu 1\nbtime 1700000000\n",
        b"processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 106\nmodel name\t: X\nflags\t\t: avx fma\n\n",
        b"100.5 7.0\n", b'ID=debian\nVERSION_ID="12"\n', b"Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\n\n",
        b"Name: tensorflow\nVersion: 2.15.1\n\n", b"tensorflow/libtensorflow_cc.so.2,sha256=AbC-_x,123\ntensorflow/__init__.py,,\n",
        b'{"url": "file:///x", "dir_info": {"editable": true}}',
        b"import collections\nbuild_info = collections.OrderedDict([('is_cuda_build', False)])\n",
        elf + note + build_id, b"home = /usr\nversion = 3.11.7\n", b'{"floatx": "float32", "epsilon": 1e-07}', b"/src\n",
        b'CONFIG = {"blas": {"name": "openblas", "version": "0.3.27"}}', b"150000 100000\n", b"/src\n.\n",
        b"\0" + b"3.11.7\0", b"", b"Europe/Berlin\n",
    )  # fmt: skip
    return [full, full[:400]]


# --- a server's command line and files ------------------------------------------------------------------------

READERS = (
    configs.model_servers, configs.batching, configs.session, configs.monitoring, configs.thread_pools,
    configs.platform, configs.saved_model,
)  # fmt: skip
PLACES = ("models.config", "batching.config", "session.config", "monitoring.config", "pools.config", "platform.config")
FLAGS = (
    "model_config_file", "batching_parameters_file", "tensorflow_session_config_file", "monitoring_config_file",
    "thread_pool_factory_config_file", "platform_config_file",
)  # fmt: skip


def server_files(data: bytes, folder: Path) -> None:
    """A command line in the first line; after marks the files that it may name."""
    files = parts(data, ("words", "file", "index", "override", "batching"))
    words = files["words"].decode("utf-8", "surrogateescape").split("\n")
    parse(words, None)
    which = files["words"][-1] % len(READERS) if files["words"] else 0
    listing = {"/1/saved_model.pb": b"x", "/1/variables/variables.index": files["index"]}
    listing |= {
        "/1/assets.extra/saved_model_config.pb": files["override"],
        "/1/batching_params.pbtxt": files["batching"],
    }
    named = [f"--{flag}={place}" for flag, place in zip(FLAGS, PLACES, strict=True)][which : which + 1]
    process_ = ServerProcess(("server", *named, *words), "/usr/bin/server", 1.0, "/", 8)
    inside = _Files({f"/{place}": files["file"] for place in PLACES}, listing)
    found = serving_facts(process_, inside, claims_of(labels={"tensorflow_serving_github_branchtag": "2.15.1"}))
    json.dumps([found.facts, found.unread])
    READERS[which](files["file"], "a config")


class _Files:
    """Files of a server that exist in memory only."""

    def __init__(self, files: dict[str, bytes], below: dict[str, bytes]) -> None:
        self.files, self.below = files, below

    def read(self, path: str, limit: int) -> bytes:
        found = self.files.get(path) or next((data for end, data in self.below.items() if path.endswith(end)), None)
        if found is None:
            raise Unreadable(f"{path}: No such file or directory")
        return found[:limit]

    def tree(self, path: str, depth: int) -> Listing:
        return Listing(
            tuple(SimpleNamespace(path=p[1:], kind="file", size=len(d), changed=2.0) for p, d in self.below.items())
        )


ADAPTER = b"[type.googleapis.com/tensorflow.serving.SavedModelBundleSourceAdapterConfig] { legacy_config { } }"


def server_file_seeds() -> list[bytes]:
    texts = (
        b'model_config_list { config { name: "m" base_path: "/m" version_labels { key: "stable" value: 3 } } }',
        b'model_config_list { config { base_path: "/m" model_version_policy { specific { versions: 3 } } } }',
        b"max_batch_size { value: 8 }\nbatch_timeout_micros { value: 100 }\nallowed_batch_sizes: [1, 2]\n",
        b"intra_op_parallelism_threads: 2 graph_options { optimizer_options { global_jit_level: ON_1 } }",
        b'prometheus_config { enable: true, path: "/x" }',
        b"thread_pool_factory_config { }",
        b'platform_configs { key: "tensorflow" value { source_adapter_config { ' + ADAPTER + b" } } }",
        b"\n\x02\x10\x03",
    )
    return [
        joined(b"--port=8500\n--rest_api_port\n8501\n--enable_batching=true\n--model_base_path=/models/m\n" + bytes([at + 7]),
               text, b"\0" * 48, b"\x0a\x02\x10\x03", b"max_batch_size { value: 8 }")
        for at, text in enumerate(texts)
    ]  # fmt: skip


# --- a reader inside a container, which answers what it likes -------------------------------------------------


class _Channel:
    def __init__(self, data: bytes) -> None:
        self.lines = data.split(b"\n")

    def send(self, data: bytes) -> None:
        pass

    def line(self, limit_s: float) -> bytes:
        if not self.lines:
            raise WorldFailed("the reader ended")
        return self.lines.pop(0)


def reader_answers(data: bytes, _folder: Path) -> None:
    """One answer a line, whatever was asked."""
    reader = Reader(_Channel(data), "a container")
    with contextlib.suppress(Refused):
        found = find(reader, ["tensorflow_model_server"])
        document = document_of(
            reader, found, label="x", kind="container", reached_by="exec", extra_env=(), hints=Hints()
        )
        from_document(json.loads(json.dumps(document)), "x")


def reader_seeds() -> list[bytes]:
    listed = {"pid": 7, "kind": "server", "binary": "/s", "name": "s", "readable": True, "python": False}
    import builders

    words = ["s", "--model_base_path=/m", "--model_config_file=/c"]
    process_ = {"words": words, "binary": "/s", "started": 1.5, "folder": "/", "cpus": 4, "environment": {"A": "b"}}
    config = base64.b64encode(b'model_config_list { config { name: "m" base_path: "/m" } }').decode()
    tree = {"entries": [["1", "folder", 0, 1.0], ["1/saved_model.pb", "file", 5, 1.0]], "cut": False}
    answers: list[dict[str, Any]] = [
        {"processes": [listed]}, builders.document(), process_, {"packages": {"tensorflow-model-server": "2.15.1"}},
        {"data": config, "size": 3}, tree, {"data": config}, {"data": ""},
    ]  # fmt: skip
    plain = [{"processes": [{**listed, "kind": "python"}]}, builders.document()]
    small = builders.document(base={"a.b": "c"})
    answers[1] = small
    return [
        b"\n".join(json.dumps(one).encode() for one in each)
        for each in (answers, plain, [answers[0], {"error": "no", "denied": True}])
    ]


# --- a model server's REST answers ----------------------------------------------------------------------------

ROWS = rows_from_signature([("x", "float32", [None, 2])], count=2)


class _Verbatim(socketserver.ThreadingTCPServer):
    """Answers every request with what ``parts`` has for its path."""

    daemon_threads = True
    allow_reuse_address = True
    answers: dict[str, bytes] = {}  # noqa: RUF012  set for each input


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        asked = self.request.recv(1 << 16)
        path = asked.split(b" ")[1] if asked.count(b" ") > 1 else b""
        key = next((key for key in ("metadata", "predict", "metrics") if key.encode() in path), "status")
        with contextlib.suppress(OSError):
            self.request.sendall(self.server.answers[key])  # type: ignore[attr-defined]


@cache
def _server() -> _Verbatim:
    server = _Verbatim(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def rest(data: bytes, _folder: Path) -> None:
    """The first byte says which answers are whole HTTP messages as they are; the others are bodies of good ones."""
    files = parts(data[1:], ("status", "metadata", "predict", "metrics"))
    raw = data[0] if data else 0
    server = _server()
    server.answers = {
        name: body if raw >> at & 1 else b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        for at, (name, body) in enumerate(files.items())
    }
    url = f"http://127.0.0.1:{server.server_address[1]}"
    for work in (_captured, _asked):
        with contextlib.suppress(WorldFailed):
            work(url)
    _asked(url)


def _captured(url: str) -> None:
    capture_server(ServerRequest(url, "m", limit_s=5.0))
    document: dict[str, Any] = {"facts": {"serving.model.m.version_served": 3}, "unread": {}, "withheld": {}}
    add_endpoints(document, ServerRequest(url, "m", limit_s=5.0))


def _asked(url: str) -> None:
    target = RestTarget(url, "m", seconds=5.0)
    inputs, outputs = RestServer(target).signature()
    server = RestServer(target, outputs)
    for array in server.predict(ROWS.arrays, 2).values():
        assert isinstance(array, np.ndarray)
    server.status()
    if all(spec.shape is None or len(spec.shape) < 4 for spec in inputs):
        rows_from_signature(inputs, count=1)


def rest_seeds() -> list[bytes]:
    status = {"model_version_status": [{"version": "3", "state": "AVAILABLE", "status": {"error_message": ""}}]}
    shape = {"dim": [{"size": "-1", "name": ""}, {"size": "2"}], "unknown_rank": False}
    side = {"x": {"dtype": "DT_FLOAT", "tensor_shape": shape, "name": "x:0"}}
    signatures = {"serving_default": {"inputs": side, "outputs": side, "method_name": "p"}}
    metadata = {"metadata": {"signature_def": {"signature_def": signatures}}}
    metrics = (
        b"# TYPE x counter\n:tensorflow:cc:saved_model:load_attempt_count"
        b'{model_path="/models/m/3",status="success"} 1\n:tensorflow:serving:batching_session:x 1\n'
    )
    predict = {"outputs": [[0.5, 1.0], [float("nan"), -2]]}
    bodies = [json.dumps(one).encode() for one in (status, metadata, predict)] + [metrics]
    named = json.dumps({"predictions": [{"a": [1], "b": {"b64": "eA=="}}, {"a": [2], "b": {"b64": "eQ=="}}]}).encode()
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    return [
        b"\0" + joined(*bodies),
        b"\0" + joined(bodies[0], bodies[1], named, b""),
        b"\x0f" + joined(*[head] * 4),
        b"\x01" + joined(b"HTTP/1.0 302 Found\r\nLocation: x\r\n\r\n", *bodies[1:]),
    ]
