"""Small files that ask for large amounts: each reader stops in time, within memory, and says why."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import builders
import pytest

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE / "model"))
MEGA = 1 << 20
MOST_MB = 700
LONGEST_S = 25


@dataclass(frozen=True)
class Case:
    """``make`` writes what is hostile; ``code`` reads it (imports before the line of dashes); ``says`` is in the error,
    empty where it can be read after all."""

    make: Callable[[Path], object]
    code: str
    says: str = ""
    most_mb: int = MOST_MB


def wrote(name: str, content: Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content())


# --- fingerprints and pages -----------------------------------------------------------------------------------

LOAD = "from envdiff.fingerprint import load\n---\nload(folder / 'x.json')"
PAGE = (
    "from envdiff.embedded import fingerprints_from_html\n---\n"
    "fingerprints_from_html((folder / 'x.html').read_text('utf-8', 'replace'))"
)
REPORT = (
    "import json, builders\nfrom envdiff.fingerprint import load\nfrom envdiff.compare import compare\n"
    "from envdiff.explain import explain\nfrom envdiff.render import render\nimport envdiff.render.html, rich.console\n---\n"
    "found = explain(compare(load(folder / 'x.json'), builders.fingerprint()), builders.BOOK)\n"
    "for face in ('terminal', 'markdown', 'html'): assert len(render(found, face, full=True)) < 12_000_000"
)


def megabytes_of_text() -> bytes:
    values = {f"packages.p{at}": "<" * MEGA for at in range(12)}
    return json.dumps(
        builders.document({**values, "tensorflow.version": "9" * MEGA, "env.TF_XLA_FLAGS": "-" * MEGA})
    ).encode()


def nested(depth: int) -> bytes:
    return (
        json.dumps({**builders.document(), "outputs": "X"}).replace('"X"', '{"a":' * depth + "1" + "}" * depth).encode()
    )


FINGERPRINTS = {
    "a million lists": Case(wrote("x.json", lambda: b'{"a": [' + b"[]," * 20 * MEGA + b"0]}"), LOAD, "too many values"),
    "a million names": Case(wrote("x.json", lambda: b'{"a":0,' * (6 * MEGA) + b"}"), LOAD, "too many values"),
    "deeper than Python goes": Case(wrote("x.json", lambda: b"[" * 900_000), LOAD, "nested too deeply"),
    "deep, but not for Python": Case(wrote("x.json", lambda: nested(400)), LOAD, "nested too deeply"),
    "a number of megabytes": Case(wrote("x.json", lambda: b'{"a": ' + b"1" * 30 * MEGA + b"}"), LOAD, "not usable JSON"),
    "a number without end": Case(wrote("x.json", lambda: b'{"a": 1e999}'), LOAD, "without end"),
    "one key, many times": Case(wrote("x.json", lambda: b"{" + b'"a":1,' * 900_000 + b'"a":1}'), LOAD, "occurs twice"),
    "texts of megabytes": Case(wrote("x.json", megabytes_of_text), REPORT),
    "a page of openings": Case(wrote("x.html", lambda: b"<!" * 20 * MEGA), PAGE, "holds no fingerprints"),
    "a page of tags": Case(
        wrote("x.html", lambda: b'<script type="application/json" id="envdiff-left">' * 600_000), PAGE, "holds no fingerprints"
    ),
    "a page of attributes": Case(wrote("x.html", lambda: b"<a " + b"b='c' " * 5 * MEGA), PAGE, "holds no fingerprints"),
}  # fmt: skip

# --- rules ----------------------------------------------------------------------------------------------------

RULE = (
    "from envdiff.rulebook import load_rule\nimport envdiff.rulebook.door, yaml\n---\nload_rule(folder / 'a-rule.yaml')"
)


def laughs() -> bytes:
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [b"a%d: &a%d [%s]" % (at, at, b", ".join([b"*a%d" % (at - 1)] * 9)) for at in range(1, 12)]
    return b"\n".join([*lines, b"when: *a11"])


RULES = {
    "a billion laughs": Case(wrote("a-rule.yaml", laughs), RULE, "aliases"),
    "a rule in itself": Case(wrote("a-rule.yaml", lambda: b"when: &a\n  not: *a\n"), RULE, "aliases"),
    "deep lists": Case(wrote("a-rule.yaml", lambda: b"when: " + b"[" * 500_000), RULE, "nested too deeply"),
    "deep conditions": Case(wrote("a-rule.yaml", lambda: b"when: " + b"{not: " * 300 + b"{}" + b"}" * 300), RULE, "too deeply"),
    "deep by blanks": Case(
        wrote("a-rule.yaml", lambda: b"".join(b" " * at + b"not:\n" for at in range(1_400))), RULE, "nested too deeply|not YAML"
    ),
    "megabytes": Case(wrote("a-rule.yaml", lambda: b"id: " + b"x" * 8 * MEGA), RULE, "larger than"),
    "a date that is none": Case(wrote("a-rule.yaml", lambda: b"read: 2026-13-45"), RULE, "not YAML"),
    "a number of thousands of digits": Case(wrote("a-rule.yaml", lambda: b"id: " + b"1" * 6_000), RULE, "not YAML"),
}  # fmt: skip

# --- models ---------------------------------------------------------------------------------------------------

MODEL = (
    "from envdiff.model.facts import model_facts\nimport h5py, google_crc32c, envdiff.model.requires as r; r.messages()\n---\n"
    "reading = model_facts(folder / {name!r}, verify_weights=True)\n"
    "why = ' '.join(reading.unread.values())\n"
    "from envdiff.errors import UnusableInput\n"
    "if why: raise UnusableInput(why)\n"
)


def many_signatures(folder: Path) -> None:
    from model_writing import PLAIN, node, saved_model

    message = saved_model([*PLAIN, *(node(f"n{at}", "Relu", "x") for at in range(20_000))])
    meta = message.meta_graphs[0]
    for at in range(5_000):
        meta.signature_def[f"s{at}"].CopyFrom(meta.signature_def["serving_default"])
    (folder / "saved_model.pb").write_bytes(message.SerializeToString())


def noise_into_one(folder: Path) -> None:
    """Thousands of random numbers that meet in one node, which thousands of others use."""
    from model_writing import node, saved_model

    noise = [node(f"r{at}", "RandomUniform", "x") for at in range(12_000)]
    hub = node("hub", "Identity", *[f"r{at}" for at in range(12_000)])
    users = [node(f"u{at}", "Mul", "hub", "x") for at in range(40_000)]
    last = node("y", "AddN", *[f"u{at}" for at in range(40_000)])
    message = saved_model([node("x", "Placeholder"), *noise, hub, *users, last])
    (folder / "saved_model.pb").write_bytes(message.SerializeToString())


def long_names(folder: Path) -> None:
    """An index whose names share all but their last bytes with the one before."""
    import google_crc32c
    from model_writing import MAGIC, handle, masked, pb, write_saved_model

    from envdiff.model.wire import write_varint

    def block(body: bytes) -> bytes:
        body += (0).to_bytes(4, "little") + (1).to_bytes(4, "little") + b"\0"
        return body + masked(google_crc32c.value(body)).to_bytes(4, "little")

    def row(shared: int, key: bytes, value: bytes) -> bytes:
        return write_varint(shared) + write_varint(len(key)) + write_varint(len(value)) + key + value

    rows = [row(0, b"", pb.BundleHeader(num_shards=1).SerializeToString()), row(0, b"k" * 60_000, b"")]
    rows += [row(60_000, at.to_bytes(3, "big"), b"") for at in range(1, 400_000)]
    data = block(b"".join(rows))
    index = block(row(0, b"\xff", handle(0, data)))
    meta = block(b"")
    footer = handle(len(data), meta) + handle(len(data) + len(meta), index)
    write_saved_model(folder)
    (folder / "variables").mkdir()
    (folder / "variables/variables.index").write_bytes(data + meta + index + footer.ljust(40, b"\0") + MAGIC)


class Lite:
    """Writes a FlatBuffer from its root on: an offset in it can only lead forward."""

    def __init__(self) -> None:
        self.out = bytearray(struct.pack("<I4s", 0, b"TFL3"))
        self.tables: dict[int, int] = {}

    def room(self, size: int) -> int:
        self.out.extend(bytes(-len(self.out) % 4 + size))
        return len(self.out) - size

    def point(self, at: int, to: int) -> None:
        struct.pack_into("<I", self.out, at, to - at)

    def table(self, fields: int) -> int:
        """With so many fields of four bytes, the first four bytes behind its beginning."""
        if fields not in self.tables:
            self.tables[fields] = self.room(4 + 2 * fields)
            sizes = [4 + 2 * fields, 4 + 4 * fields, *(4 + 4 * at for at in range(fields))]
            struct.pack_into(f"<{len(sizes)}H", self.out, self.tables[fields], *sizes)
        at = self.room(4 + 4 * fields)
        struct.pack_into("<i", self.out, at, at - self.tables[fields])
        return at

    def vector(self, owner: int, field: int, count: int, width: int = 4) -> int:
        """Where the elements begin."""
        at = self.room(4 + width * count)
        struct.pack_into("<I", self.out, at, count)
        self.point(owner + 4 + 4 * field, at)
        return at + 4

    def tables_of(self, owner: int, field: int, count: int, fields: int) -> list[int]:
        start = self.vector(owner, field, count)
        made = [self.table(fields) for _ in range(count)]
        for at, one in enumerate(made):
            self.point(start + 4 * at, one)
        return made


def lite(folder: Path, *, names: bool) -> None:
    """One name that a hundred thousand tensors claim, or constants of megabytes that lie over one another."""
    file = Lite()
    count, size = (100_000, 60_000) if names else (3_000, 8 * MEGA)
    root = file.table(5)
    file.point(0, root)
    for field in (1, 3):
        file.vector(root, field, 0)
    graph = file.tables_of(root, 2, 1, 4)[0]
    for field in (1, 2, 3):
        file.vector(graph, field, 0)
    tensors = file.tables_of(graph, 0, count, 4)
    buffers = file.tables_of(root, 4, 2 if names else count + 1, 1)
    text = file.room(4 + size)
    struct.pack_into("<I", file.out, text, size)
    for at, one in enumerate(buffers):
        file.point(one + 4, text if names else text + 4 * at)
        struct.pack_into("<I", file.out, text + 4 * (0 if names else at), size - 4 * len(buffers))
    name = file.room(8)
    struct.pack_into("<I", file.out, name, 1)
    if names:
        struct.pack_into("<I", file.out, text, size)
    for at, one in enumerate(tensors):
        file.vector(one, 0, 0)
        struct.pack_into("<II", file.out, one + 4 + 4, 0, 1 if names else at + 1)
        file.point(one + 4 + 12, text if names else name)
    (folder / "m.tflite").write_bytes(file.out)


def packed(name: str, **members: bytes) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for member, content in members.items():
                archive.writestr(member.replace("__", "."), content)

    return make


def hdf5(folder: Path) -> None:
    import h5py
    import numpy as np

    with h5py.File(folder / "m.h5", "w") as file:
        file.create_dataset("zeros", (60 * MEGA // 4 * 4,), "f4", chunks=(MEGA,), compression="gzip")
        file.create_dataset("claims", (1 << 50,), "f4", chunks=(1 << 20,), compression="gzip")
        file.create_dataset("one chunk", (1 << 34, 4), "f4", chunks=(1 << 26, 4), compression="gzip")
        file.create_dataset("wide", (1, 1 << 40), "f4", chunks=(1, 1 << 20), compression="gzip")
        group = file
        for at in range(300):
            group = group.create_group(f"g{at}")
        file.attrs["model_config"] = np.bytes_("[" * 60_000)


MODELS = {
    "signatures times nodes": Case(many_signatures, MODEL.format(name="."), "more than can be followed"),
    "noise into one": Case(noise_into_one, MODEL.format(name="."), ""),
    "names of an index": Case(long_names, MODEL.format(name="."), "longer than any checkpoint"),
    "one name for all tensors": Case(lambda folder: lite(folder, names=True), MODEL.format(name="m.tflite"), "longer than the file"),
    "constants over one another": Case(lambda folder: lite(folder, names=False), MODEL.format(name="m.tflite"), "into others"),
    "a zip bomb": Case(
        packed("m.keras", config__json=b"{}", model__weights__h5=bytes(300 * MEGA)), MODEL.format(name="m.keras"), "packed into"
    ),
    "a configuration of lists": Case(
        packed("m.keras", config__json=b'{"a": "' + bytes(range(65, 91)) * 4 + b'", "b": [' + b"[1],[2],[3],[4]," * 800_000 + b"0]}"),
        MODEL.format(name="m.keras"), "packed into",
    ),
    "a configuration without end": Case(packed("m.keras", config__json=b"[" * 3_000), MODEL.format(name="m.keras"), "nested too deeply"),
    "claims of HDF5": Case(hdf5, MODEL.format(name="m.h5"), "claims .* not read"),
}  # fmt: skip

# --- arrays ---------------------------------------------------------------------------------------------------

ROWS = (
    "from envdiff.predictions.row_files import rows_from_file\nimport pyarrow.parquet, google_crc32c\n"
    "from envdiff.predictions.protos import example_pb2\n---\nrows_from_file(folder / {name!r})"
)
DUMP = "from envdiff.predictions.arrays import read_arrays\n---\nread_arrays(folder / {name!r})"


def npy(shape: str, dtype: str = "<f4") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def parquet(folder: Path) -> None:
    """One text of 100 kB, named two hundred thousand times: 20 GB from a few kilobytes."""
    import pyarrow
    import pyarrow.parquet

    words = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 200_000, pyarrow.int32()), ["x" * 100_000])
    pyarrow.parquet.write_table(pyarrow.table({"words": words}), folder / "x.parquet", store_schema=False)


ARRAYS = {
    "an archive of zeros": Case(
        packed("x.npz", a__npy=npy("(200000000,)") + bytes(800_000_000)), DUMP.format(name="x.npz"), "not unpacked"
    ),
    "a header that claims": Case(wrote("x.npy", lambda: npy("(1000000000000,)")), DUMP.format(name="x.npy"), "more than the file holds"),
    "a header of brackets": Case(
        wrote("x.npy", lambda: b"\x93NUMPY\x02\x00" + struct.pack("<I", 50 * MEGA) + b"(" * 50 * MEGA), DUMP.format(name="x.npy"), "damaged"
    ),
    "JSON of lists": Case(wrote("x.json", lambda: b"[" + b"[]," * 30 * MEGA + b"0]"), ROWS.format(name="x.json"), "too many values"),
    "JSON lines of brackets": Case(wrote("x.jsonl", lambda: b"[" * 20 * MEGA + b"\n"), ROWS.format(name="x.jsonl"), "values"),
    "a table of commas": Case(wrote("x.csv", lambda: b"a,b\n" + b"," * 40 * MEGA), ROWS.format(name="x.csv"), "values"),
    "one cell of megabytes": Case(wrote("x.csv", lambda: b"a,b\n1," + b"1" * 20 * MEGA), ROWS.format(name="x.csv"), "not CSV"),
    "one text, many times": Case(parquet, ROWS.format(name="x.parquet"), "of values", 1_600),
    "rows of a huge shape": Case(
        lambda folder: None,
        "from envdiff.predictions.rows import rows_from_signature\n---\n"
        "rows_from_signature([('x', 'float32', [None, 70_000, 70_000])])", "more than 512 MiB",
    ),
}  # fmt: skip

# --- servers --------------------------------------------------------------------------------------------------

CONFIG = "from envdiff.serving import configs\nfrom envdiff.serving.protos import model_server_pb2\n---\nconfigs.{kind}((folder / 'x').read_bytes(), 'x')"
METRICS = (
    "from envdiff.capture import endpoints\n---\n"
    "text = (folder / 'x').read_text()\nfor labels, _ in endpoints.LOADED.findall(text): endpoints.QUOTED.findall(labels)\n"
    "endpoints.QUOTED.findall(text)"
)
TENSOR = (
    "from envdiff.predictions.tensor_messages import to_array\n"
    "from envdiff.predictions.protos.prediction_service_pb2 import Tensor\n---\n"
    "message = Tensor(dtype=1, float_val=[1.0])\nmessage.tensor_shape.dim.add(size=900_000_000)\nto_array(message, 'y')"
)
WORDS = (
    "from envdiff.serving.commandline import parse\n---\n"
    "assert 'more words' in str(parse([f'--enable_batchin{at}' for at in range(300_000)] + ['--' + 'x' * 2_000_000], None).dropped[-1])"
)
LOADS = b':tensorflow:cc:saved_model:load_attempt_count{model_path="'
SERVERS = {
    "a config of braces": Case(wrote("x", lambda: b"model_config_list { config " + b"{" * 400_000), CONFIG.format(kind="model_servers"), "no valid config|nested too"),
    "a deep config": Case(wrote("x", lambda: b"a { " * 100_000), CONFIG.format(kind="session"), "no valid config|nested too"),
    "megabytes of config": Case(wrote("x", lambda: b"max_batch_size { value: 1 }\n" * 300_000), CONFIG.format(kind="batching"), "larger than"),
    "as much config as is read": Case(wrote("x", lambda: b"allowed_batch_sizes: 1\n" * 40_000), CONFIG.format(kind="batching")),
    "metrics that never close": Case(wrote("x", lambda: (LOADS + b"\n") * 270_000), METRICS),
    "metrics of one word": Case(wrote("x", lambda: b"a" * 16 * MEGA), METRICS),
    "metrics of openings": Case(wrote("x", lambda: b'a="\\' * 4 * MEGA), METRICS),
    "a tensor of one value": Case(lambda folder: None, TENSOR, "which no tensor has"),
    "a command line of words": Case(lambda folder: None, WORDS),
}  # fmt: skip

# --- processes ------------------------------------------------------------------------------------------------

PROCESS = (
    "import sys\nsys.path.append({probes!r})\nimport envprobe\n---\n"
    "found = envprobe.fingerprint_of_process(7, str(folder / 'proc'))\nassert found['unread'] or found['facts']"
).format(probes=str(HERE.parent / "probes"))
SITE = "venv/lib/python3.11/site-packages"
BASE = {
    "proc/7/maps": b"7f-80 r-xp 0 0:1 3 /lib/libc.so.6\n7f-80 r-xp 0 0:1 3 /venv/bin/python3.11\n",
    "proc/7/cmdline": b"/venv/bin/python3.11\0", "proc/7/environ": b"A=b\0", "proc/7/status": b"Threads: 1\n",
    "proc/7/root/venv/bin/python3.11": b"\0", "proc/7/root/venv/pyvenv.cfg": b"version = 3.11.7\n",
    f"proc/7/root/{SITE}/tensorflow/__init__.py": b"", f"proc/7/root/{SITE}/tensorflow-2.15.1.dist-info/METADATA": b"",
}  # fmt: skip


def machine(**files: bytes) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        for name, content in {**BASE, **{NAMES[key]: content for key, content in files.items()}}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        (folder / "proc/7/exe").symlink_to("/venv/bin/python3.11")

    return make


NAMES = {
    "maps": "proc/7/maps", "cgroup": "proc/7/cgroup", "libc": "proc/7/root/lib/libc.so.6",
    "numpy": f"proc/7/root/{SITE}/numpy/__config__.py", "record": f"proc/7/root/{SITE}/tensorflow-2.15.1.dist-info/RECORD",
    "build": f"proc/7/root/{SITE}/tensorflow/python/platform/build_info.py",
    "url": f"proc/7/root/{SITE}/a-1.dist-info/direct_url.json",
}  # fmt: skip
MAPPED = b"7f-80 r-xp 0 0:1 3 /venv/bin/python3.11\n" + b"".join(
    b"7f-80 r-xp 0 0:1 3 /opt/%d/libm.so.6\n" % at for at in range(65_000)
)
PROCESSES = {
    "one library, mapped from everywhere": Case(machine(maps=MAPPED), PROCESS),
    "a C library that says its name": Case(machine(libc=b"GNU C Library " * 4 * MEGA), PROCESS),
    "NumPy's configuration": Case(machine(numpy=b'"blas": {"name": "x", ' * 46_000), PROCESS),
    "NumPy's old configuration": Case(machine(numpy=b"blas" * 250_000 + b"\n" + b"mkl_info = {" * 80_000), PROCESS),
    "a record without commas": Case(machine(record=b"tensorflow/x.so" * 4 * MEGA), PROCESS),
    "a record of lines": Case(machine(record=b"tensorflow/x.so,sha256=a,1\n" * 1_000_000), PROCESS),
    "groups of processors": Case(machine(cgroup=b"1:" + b"cpu," * 250_000 + b":/kubepods" + b"/x" * 1_000), PROCESS),
    "a build of brackets": Case(machine(build=b"build_info = " + b"(" * MEGA), PROCESS),
    "a build of signs": Case(machine(build=b"build_info = " + b"-" * MEGA + b"1"), PROCESS),
    "a deep address": Case(machine(url=b"[" * MEGA), PROCESS),
}  # fmt: skip

EVERY = {**FINGERPRINTS, **RULES, **MODELS, **ARRAYS, **SERVERS, **PROCESSES}


@pytest.mark.parametrize("name", EVERY)
def test_what_is_hostile_costs_little(name: str, tmp_path: Path) -> None:
    import re

    case = EVERY[name]
    folder = tmp_path / "input"
    folder.mkdir()
    case.make(folder)
    command = [sys.executable, str(HERE / "bounded.py"), str(folder), case.code]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, (done.returncode, done.stderr[-2_000:])
    said = json.loads(done.stdout)

    assert bool(case.says) == bool(said["error"]), said
    assert re.search(case.says, said["error"])
    assert said["status"] in ((3, 4) if case.says else (0,))
    assert said["seconds"] < LONGEST_S, said
    assert said["megabytes"] < case.most_mb, said
