"""What reading a model costs: against sha256sum of a 1 GB SavedModel, and against protobuf for a large graph.

    python tests/bench/bench_model.py [--rounds N] [--gigabytes N]

Every measurement is the best of N, each in a process of its own that times the call and reports its own peak of memory;
both sides of a ratio are measured in turn. Protobuf's time is that of parsing the same file with complete definitions.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "model"))

import numpy as np
from model_writing import attr, function, node, saved_model, write_bundle, write_saved_model

_CALL = """
import json, time
from envdiff.model import requires
from envdiff.model.facts import model_facts
from envdiff.model.savedmodel import read_saved_model
from envdiff.model.traits import traits_of
from pathlib import Path
began = time.perf_counter()
requires.messages(); requires.crc32c(); requires.numpy()
imported = time.perf_counter()
{body}
seconds = time.perf_counter() - imported
peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps({{"seconds": seconds, "imports": imported - began, "peak": peak}}))
"""
FACTS = "model_facts({path!r}, verify_weights={verify})"
GRAPH = """
meta = read_saved_model(Path({path!r}))
reach = meta.graph.reach(meta.served.fetches, meta.served.feeds)
reach.counts
traits_of(reach)
"""
# The same messages with nothing left as bytes: what any reader of a graph has to pay.
PROTOBUF = """
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
file = descriptor_pb2.FileDescriptorProto()
requires.messages().DESCRIPTOR.CopyToProto(file)
file.name, file.package = "complete.proto", "complete"
def complete(messages):
    for message in messages:
        for field in message.field:
            if field.type_name:
                field.type_name = field.type_name.replace(".envdiff.model.", ".complete.")
            kind = {{"attr": "AttrEntry", "node": "Node", "node_def": "Node"}}.get(field.name)
            if kind and field.type == field.TYPE_BYTES:
                field.type, field.type_name = field.TYPE_MESSAGE, ".complete." + kind
        complete(message.nested_type)
complete(file.message_type)
pool = descriptor_pool.DescriptorPool()
pool.Add(file)
kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("complete.SavedModel"))
kind.FromString(b"")
imported = time.perf_counter()
with open({path!r} + "/saved_model.pb", "rb") as stream:
    kept = kind.FromString(stream.read())
"""


def measured(body: str, **values: object) -> dict[str, float]:
    program = _CALL.format(body=body.format(**values))
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def sha256sum(folder: Path) -> float:
    began = time.perf_counter()
    files = [str(path) for path in folder.rglob("*") if path.is_file()]
    subprocess.run(["sha256sum", *files], check=True, capture_output=True)
    return time.perf_counter() - began


def large(folder: Path, gigabytes: float) -> Path:
    array = np.random.default_rng(0).normal(size=(4096, 4096)).astype("float32")
    names = [f"layer_{number}/kernel" for number in range(max(1, round(gigabytes * 1e9 / array.nbytes)))]
    write_saved_model(folder)
    write_bundle(folder, dict.fromkeys(names, array))
    return folder


def layers(count: int, prefix: str, first: str) -> list[bytes]:
    """A deep network of convolutions with the attributes that TensorFlow writes; six nodes a layer."""
    kind, shapes = attr("T", type=1), attr("_output_shapes", list={"i": [1, 56, 56, 64]})
    same = [attr("padding", s=b"SAME"), attr("data_format", s=b"NHWC"), attr("strides", list={"i": [1, 1, 1, 1]})]
    more = [
        attr("dilations", list={"i": [1] * 4}),
        attr("explicit_paddings", list={}),
        attr("use_cudnn_on_gpu", b=True),
    ]
    read = [attr("dtype", type=1), shapes]
    nodes, before = [], first
    for number in range(count):
        name = f"{prefix}model/stage_{number // 50}/block_{number}/convolution"
        nodes += [
            node(f"{name}/ReadVariableOp", "ReadVariableOp", f"{name}/kernel", attrs=read),
            node(name, "Conv2D", before, f"{name}/ReadVariableOp", attrs=[kind, shapes, *same, *more]),
            node(f"{name}/BiasAdd/ReadVariableOp", "ReadVariableOp", f"{name}/bias", attrs=read),
            node(f"{name}/BiasAdd", "BiasAdd", name, f"{name}/BiasAdd/ReadVariableOp", attrs=[kind, shapes, same[1]]),
            node(f"{name}/Relu", "Relu", f"{name}/BiasAdd", attrs=[kind, shapes]),
            node(f"{name}/Identity", "Identity", f"{name}/Relu", attrs=[kind, shapes]),
        ]
        before = f"{name}/Identity"
    return nodes


def deep(folder: Path, nodes: int, functions: int = 1) -> Path:
    """As many nodes in the graph as in each of the functions that it calls, one after another."""
    count = nodes // (functions + 1) // 6
    own, inner = layers(count, "", "x"), layers(count, "inner/", "argument")
    last = [
        f"{prefix}model/stage_{(count - 1) // 50}/block_{count - 1}/convolution/Identity" for prefix in ("", "inner/")
    ]
    calls, bodies = [], []
    for number in range(functions):
        before = f"call_{number - 1}" if number else last[0]
        calls.append(
            node(f"call_{number}", "PartitionedCall", before, attrs=[attr("f", func={"name": f"body_{number}"})])
        )
        bodies.append(function(f"body_{number}", inner, f"{last[1]}:output:0", "argument"))
    graph = [node("x", "Placeholder"), *own, *calls]
    return write_saved_model(folder, saved_model(graph, f"call_{functions - 1}", functions=bodies))


def line(name: str, value: float, reach: float, unit: str = "") -> str:
    return f"{name:58} {value:8.3f}{unit}  {'ok' if value <= reach else 'over'} (reach {reach:g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        big, graph = large(Path(temporary) / "big", options.gigabytes), deep(Path(temporary) / "deep", 100_000)
        spread = deep(Path(temporary) / "spread", 100_000, 2000)
        rounds = [
            (
                {"seconds": sha256sum(big)},
                measured(FACTS, path=str(big), verify=False),
                measured(FACTS, path=str(big), verify=True),
                measured(PROTOBUF, path=str(graph)),
                measured(GRAPH, path=str(graph)),
                measured(PROTOBUF, path=str(spread)),
                measured(GRAPH, path=str(spread)),
            )
            for _ in range(options.rounds)
        ]
    sums, facts, verified, protobuf, ours, *others = (min(one[at]["seconds"] for one in rounds) for at in range(7))
    peak = max(one[at]["peak"] for one in rounds for at in (1, 2))
    imports = min(one[1]["imports"] for one in rounds)
    print(f"sha256sum {sums:.3f} s, facts {facts:.4f} s after {imports:.3f} s of imports, verified {verified:.3f} s")
    print(f"protobuf {protobuf:.3f} s, graph facts {ours:.3f} s, peak there {rounds[0][4]['peak']:.0f} MB")
    print(line("facts of a large SavedModel / sha256sum", facts / sums, 0.05))
    print(line("the same with imports", (facts + imports) / sums, 0.05))
    print(line("--verify-weights / sha256sum", verified / sums, 0.5))
    print(line("peak of memory", peak, 150, " MB"))
    print(line("graph facts of 100,000 nodes / protobuf parsing them", ours / protobuf, 2))
    print(line("the same, spread over 2,000 functions", others[1] / others[0], 3))


if __name__ == "__main__":
    main()
