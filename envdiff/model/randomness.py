"""Random operations that an answer goes through: what feeds them, and what that means from call to call."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

from envdiff.model.graph import Node, Reach

# Both seeds 0: fresh entropy each time the kernel is made. Otherwise a fixed sequence that advances with each call.
SEEDED = frozenset(
    {
        "RandomUniform", "RandomUniformInt", "RandomStandardNormal", "TruncatedNormal", "ParameterizedTruncatedNormal",
        "RandomGamma", "RandomPoisson", "RandomPoissonV2", "Multinomial", "RandomShuffle", "RandomCrop",
        "SampleDistortedBoundingBox", "SampleDistortedBoundingBoxV2", "AllCandidateSampler", "UniformCandidateSampler",
        "LogUniformCandidateSampler", "LearnedUnigramCandidateSampler", "FixedUnigramCandidateSampler",
        "ThreadUnsafeUnigramCandidateSampler", "RandomShuffleQueue", "RandomShuffleQueueV2", "FractionalAvgPool",
        "FractionalMaxPool", "RiscRandomUniform",
    }
)  # fmt: skip
# The state is a variable: saved with the model, advanced by each call.
HELD = frozenset(
    {
        "RngReadAndSkip", "RngSkip", "StatefulStandardNormal", "StatefulStandardNormalV2", "StatefulUniform",
        "StatefulUniformInt", "StatefulUniformFullInt", "StatefulTruncatedNormal", "StatefulRandomBinomial",
    }
)  # fmt: skip
ALWAYS_FRESH = frozenset({"NonDeterministicInts"})
STATELESS = frozenset(
    {
        "StatelessRandomUniform", "StatelessRandomUniformV2", "StatelessRandomUniformInt", "StatelessRandomUniformIntV2",
        "StatelessRandomUniformFullInt", "StatelessRandomUniformFullIntV2", "StatelessRandomNormal",
        "StatelessRandomNormalV2", "StatelessTruncatedNormal", "StatelessTruncatedNormalV2",
        "StatelessParameterizedTruncatedNormal", "StatelessRandomGammaV2", "StatelessRandomGammaV3",
        "StatelessRandomPoisson", "StatelessRandomBinomial", "StatelessMultinomial",
        "StatelessSampleDistortedBoundingBox", "StatelessShuffle", "XlaRngBitGenerator",
    }
)  # fmt: skip
CUDNN_RNN = frozenset({"CudnnRNN", "CudnnRNNV2", "CudnnRNNV3"})
RANDOM = SEEDED | HELD | ALWAYS_FRESH | STATELESS

_READS_STATE = frozenset({"ReadVariableOp", "VariableV2", "Variable", *HELD})
_STEPS, _INPUTS = 500, 1_000


class Randomness(StrEnum):
    """Worst first: what the answers of a model do because of its random operations."""

    UNSEEDED = "unseeded"  # other numbers at each load and each call
    STATEFUL_RESOURCE = "stateful-resource"  # the same sequence in each fresh process, another number at each call
    SEEDED = "seeded"  # the same sequence after each load, another number at each call
    STATELESS = "stateless"  # a function of the inputs and constants
    NONE = "none"


def random_operations(reach: Reach) -> list[tuple[str, Randomness, int]]:
    """(description, kind, how many nodes), sorted."""
    found: Counter[tuple[str, Randomness]] = Counter()
    for node in reach.having(RANDOM):
        found[_described(node)] += 1
    for node in reach.having(CUDNN_RNN):
        if rnn_dropout(node):
            found[_seeded(node)] += 1
    return sorted((shown, kind, count) for (shown, kind), count in found.items())


def rnn_dropout(node: Node) -> bool:
    training = node.attrs.get("is_training")
    dropout = node.attrs.get("dropout")
    return (training is None or training.b) and dropout is not None and dropout.f > 0


def worst(operations: list[tuple[str, Randomness, int]]) -> Randomness:
    kinds = {kind for _, kind, _ in operations}
    return next(kind for kind in Randomness if kind in kinds or kind is Randomness.NONE)


def _described(node: Node) -> tuple[str, Randomness]:
    if node.op in SEEDED:
        return _seeded(node)
    if node.op in ALWAYS_FRESH:
        return f"{node.op} always fresh", Randomness.UNSEEDED
    if node.op in HELD:
        return f"{node.op} state in a variable", Randomness.STATEFUL_RESOURCE
    return _stateless(node)


def _seeded(node: Node) -> tuple[str, Randomness]:
    seeds = [node.attrs[key].i if key in node.attrs else 0 for key in ("seed", "seed2")]
    kind = Randomness.SEEDED if any(seeds) else Randomness.UNSEEDED
    return f"{node.op} seed={seeds[0]} seed2={seeds[1]}", kind


def _stateless(node: Node) -> tuple[str, Randomness]:
    """Told by what its seed comes from: a constant, a variable, another generator, or an input."""
    sources = _sources(node)
    if sources & ALWAYS_FRESH or sources & SEEDED:
        return f"{node.op} seed from {sorted(sources & (ALWAYS_FRESH | SEEDED))[0]}", Randomness.UNSEEDED
    if sources & _READS_STATE:
        return f"{node.op} seed from a variable", Randomness.STATEFUL_RESOURCE
    return f"{node.op} seed from constants or inputs", Randomness.STATELESS


def _sources(node: Node) -> set[str]:
    """Operations behind the seed; shapes (the first input) are not followed."""
    table = node.graph.table
    stack = table.inputs_of(node.number, _STEPS, after=1)
    seen: set[int] = set()
    ops: set[str] = set()
    while stack and len(seen) < _STEPS:
        at = stack.pop()
        if at in seen:
            continue
        seen.add(at)
        op = node.graph.op(at)
        ops.add(op)
        if op not in _READS_STATE:
            stack.extend(table.inputs_of(at, _INPUTS))
    if node.in_function and "VarHandleOp" in ops:
        ops.add("ReadVariableOp")
    return ops
