"""Two sets of weights: which tensor is which, and what happened between them in one word."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import prod

from envdiff.errors import UnusableInput
from envdiff.model import requires
from envdiff.model.model import Model
from envdiff.model.tensor_change import Kind, Pair, TensorChange, change_of
from envdiff.model.weights import Role, Tensor, WeightSource


class Relation(StrEnum):
    EQUAL = "equal"
    RENAMED = "renamed"
    ONE = "one-differs"
    SOME = "some-differ"
    ALL = "all-differ"
    CAST = "cast"
    ROUNDED = "rounded"
    TRANSPOSED = "transposed"
    QUANTISED = "quantised"
    FOLDED = "folded"
    FRESH = "fresh"
    MOVING_STATISTICS = "moving-statistics"
    OTHER_TENSORS = "other-tensors"
    NOT_COMPARED = "not-compared"


@dataclass(frozen=True)
class WeightsDiff:
    """``sentence`` says the relation in plain words; ``changes`` are the pairs that are not equal, largest first."""

    relation: Relation
    sentence: str
    changes: tuple[TensorChange, ...]
    equal: int
    renamed: tuple[tuple[str, str], ...]
    only_left: tuple[str, ...]
    only_right: tuple[str, ...]


def compare_weights(left: Model, right: Model) -> WeightsDiff:
    """Digests first; bytes are read only of tensors whose digests differ."""
    ours, theirs = ([one for one in model.tensors if one.role is Role.WEIGHT] for model in (left, right))
    unread = [why for model in (left, right) for path, why in model.unread.items() if path == "weights"]
    if unread:
        return WeightsDiff(Relation.NOT_COMPARED, f"the weights were not compared: {unread[0]}", (), 0, (), (), ())
    if not ours and not theirs:
        return WeightsDiff(Relation.EQUAL, "neither side stores weights outside its graph", (), 0, (), (), ())
    pairs, only_left, only_right = matched(ours, theirs)
    changes = [change_of(Pair(one, two, left.source, right.source)) for one, two in pairs]
    folded = None
    if (left.lite is None) != (right.lite is None):
        only_left, only_right = (
            [one for one in some if not _holds(one, model.source, (0.0,))]
            for some, model in ((only_left, left), (only_right, right))
        )  # a conversion leaves out what it can do without
        folded = _folded_side(changes, only_right if left.lite else only_left, left.lite is not None)
    if folded:
        found = [one for one in changes if one.kind in _CONVERTED]
        only_left += [one.left for one in changes if one.kind not in _CONVERTED]
        only_right += [one.right for one in changes if one.kind not in _CONVERTED]
        changes = found
    unequal = sorted(
        (one for one in changes if one.kind is not Kind.EQUAL), key=lambda one: (-one.max_abs, one.left.name)
    )
    renamed = tuple((one.left.name, one.right.name) for one in changes if one.left.name != one.right.name)
    relation = _relation(changes, only_left, only_right, bool(renamed))
    side = folded or (_fresh_side(changes, left, right) if relation in {Relation.ALL, Relation.SOME} else None)
    if side:
        relation = Relation.FOLDED if folded else Relation.FRESH
    return WeightsDiff(
        relation, _sentence(relation, changes, side, {"left": len(ours), "right": len(theirs)}.get(folded or "", len(changes))),
        tuple(unequal), len(changes) - len(unequal), renamed,
        tuple(str(one) for one in only_left), tuple(str(one) for one in only_right),
    )  # fmt: skip


def matched(left: list[Tensor], right: list[Tensor]) -> tuple[list[tuple[Tensor, Tensor]], list[Tensor], list[Tensor]]:
    """Pairs by name, then by content, then by the end of the name and the shape, then by shape in order."""
    pairs: list[tuple[Tensor, Tensor]] = []
    keys: tuple[Callable[[Tensor], object], ...] = (
        lambda one: (one.name, one.shape),
        lambda one: (one.dtype, one.shape, one.crc32c, one.name.rsplit("/", 1)[-1]),
        lambda one: (one.dtype, one.shape, one.crc32c),
        lambda one: (tuple(one.name.split("/")[-2:]), sorted(one.shape).__repr__()),
        lambda one: (one.name.rsplit("/", 1)[-1], one.shape),
        lambda one: one.shape,
        lambda one: tuple(sorted(one.shape)),
    )
    for key in keys:
        found, left, right = _by(key, left, right)
        pairs.extend(found)
        if not left or not right:
            break
    return pairs, left, right


def _by(
    key: Callable[[Tensor], object], left: list[Tensor], right: list[Tensor]
) -> tuple[list[tuple[Tensor, Tensor]], list[Tensor], list[Tensor]]:
    waiting: dict[object, list[Tensor]] = defaultdict(list)
    for one in reversed(right):
        waiting[key(one)].append(one)
    pairs, rest = [], []
    for one in left:
        if waiting[key(one)]:
            pairs.append((one, waiting[key(one)].pop()))
        else:
            rest.append(one)
    taken = {id(two) for _, two in pairs}
    return pairs, rest, [one for one in right if id(one) not in taken]


_STATISTICS = re.compile(
    r"moving_(mean|var)|running_(mean|var)|batch_?norm[^/]*/vars/[23]$|population_(mean|var)", re.IGNORECASE
)


def _relation(
    changes: list[TensorChange], only_left: Iterable[Tensor], only_right: Iterable[Tensor], renamed: bool
) -> Relation:
    unequal = [one for one in changes if one.kind is not Kind.EQUAL]
    extra = [one for one in (*only_left, *only_right) if not _shared(one, changes)]
    if extra or any(one.kind is Kind.SHAPE for one in unequal):
        return Relation.OTHER_TENSORS
    if not unequal:
        return Relation.RENAMED if renamed else Relation.EQUAL
    kinds = {one.kind for one in unequal}
    for relation, allowed in _ALL_OF:
        if kinds <= allowed:
            return relation
    if all(_STATISTICS.search(one.left.name) or _STATISTICS.search(one.right.name) for one in unequal):
        return Relation.MOVING_STATISTICS
    if len(unequal) == 1:
        return Relation.ONE
    return Relation.ALL if len(unequal) == len(changes) else Relation.SOME


# The first that holds for all tensors that are not equal; a conversion does several of the last three at once.
_ALL_OF = (
    (Relation.ROUNDED, {Kind.ROUNDED}),
    (Relation.TRANSPOSED, {Kind.TRANSPOSED}),
    (Relation.CAST, {Kind.TRANSPOSED, Kind.CAST}),
    (Relation.QUANTISED, {Kind.TRANSPOSED, Kind.CAST, Kind.QUANTISED}),
)
_CONVERTED = {Kind.EQUAL, Kind.TRANSPOSED, Kind.CAST, Kind.QUANTISED}


def _shared(tensor: Tensor, changes: list[TensorChange]) -> bool:
    """One file stores a shared tensor twice, the other once: nothing is missing."""
    return any(
        (one.dtype, one.shape, one.crc32c) == (tensor.dtype, tensor.shape, tensor.crc32c)
        for change in changes
        for one in (change.left, change.right)
    )


_SMALL = 1 << 20  # elements; vectors are looked at whole


def _fresh_side(changes: list[TensorChange], left: Model, right: Model) -> str | None:
    """The side whose matrices all differ while its vectors still hold the values that layers start from."""
    matrices = [one for one in changes if len(one.left.shape) > 1]
    vectors = [one for one in changes if len(one.left.shape) == 1 and prod(one.left.shape) <= _SMALL]
    if not matrices or not vectors or any(one.kind is Kind.EQUAL for one in matrices):
        return None
    fresh = {
        "left": all(_initial(one.left, left.source) for one in vectors),
        "right": all(_initial(one.right, right.source) for one in vectors),
    }
    if all(fresh.values()):
        return "each side"
    return next((f"the {side}" for side, yes in fresh.items() if yes), None)


def _folded_side(changes: list[TensorChange], unpaired: list[Tensor], left_is_lite: bool) -> str | None:
    """The side whose batch normalisation the other, a TensorFlow Lite model of the same weights, holds in other tensors."""
    known = any(one.kind in _CONVERTED and len(one.left.shape) > 1 for one in changes)
    return (
        ("right" if left_is_lite else "left")
        if known and any(_STATISTICS.search(one.name) for one in unpaired)
        else None
    )


def _initial(tensor: Tensor, source: WeightSource | None) -> bool:
    """Zeros, ones, or the two in blocks (the forget gate of an LSTM starts at one)."""
    return _holds(tensor, source, (0.0, 1.0))


def _holds(tensor: Tensor, source: WeightSource | None, numbers: tuple[float, ...]) -> bool:
    """Whether it holds no other numbers than these."""
    if source is None or prod(tensor.shape) > _SMALL:
        return False
    try:
        with source.opened() as handle:
            values = source.chunks(handle, tensor, 0, prod(tensor.shape)).astype("float64")
    except (UnusableInput, OSError, TypeError, ValueError):
        return False
    return bool(requires.numpy().isin(values, numbers).all())


_SENTENCES = {
    Relation.EQUAL: "the weights are equal, tensor by tensor",
    Relation.RENAMED: "the same weights under other names",
    Relation.ONE: "one tensor differs: {first}",
    Relation.SOME: "{unequal} of {total} tensors differ; the most: {first}",
    Relation.ALL: "all {total} tensors differ: other weights of the same shapes (another training or another model)",
    Relation.CAST: "the same weights cast to another type: {types}",
    Relation.ROUNDED: "the weights of one side are the other's, {first_detail}",
    Relation.TRANSPOSED: "the same values transposed in {unequal} of {total} tensors",
    Relation.QUANTISED: "the same weights, quantised: {types}",
    Relation.FOLDED: "{converted} of {total} tensors of the {side} are the same in a converted form; the others were not found: "
    "conversion folds batch normalisation into the weights beside it",
    Relation.MOVING_STATISTICS: "only moving statistics of batch normalisation differ ({unequal} tensors): "
    "the same training, saved or calibrated at another time",
    Relation.OTHER_TENSORS: "the two hold other tensors: shapes or counts do not fit",
    Relation.FRESH: "all matrices differ and {side} looks like a fresh initialisation: "
    "its vectors still hold zeros and ones, so weights were not loaded there",
}


def _sentence(relation: Relation, changes: list[TensorChange], side: str | None, total: int) -> str:
    unequal = sorted((one for one in changes if one.kind is not Kind.EQUAL), key=lambda one: -one.max_abs)
    first = unequal[0] if unequal else None
    types = sorted({f"{one.left.dtype} -> {one.right.dtype}" for one in unequal if one.left.dtype != one.right.dtype})
    return _SENTENCES[relation].format(
        first=first, first_detail=first.detail if first else "", unequal=len(unequal), total=total,
        types=", ".join(types), side=side, converted=len(changes),
    )  # fmt: skip
