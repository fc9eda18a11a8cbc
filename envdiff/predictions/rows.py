"""The rows that both sides are asked about: made from a signature alone, or fitted to it from a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.errors import UnusableInput
from envdiff.predictions.dtypes import dtype_name, dtype_of, is_floating, is_text

Array = NDArray[Any]
Shape = tuple[int | None, ...] | None  # None inside: any length; None itself: any number of axes

COUNT = 32
MOST_MADE = 100_000  # rows: each is made by itself
MOST_BYTES = 1 << 29

# Lengths chosen where a signature leaves them open, by axis (the first axis is the rows). An image is big enough for
# a few poolings and small enough to be cheap; everything else gets a short sequence.
_IMAGE = {1: 64, 2: 64, 3: 3}
_OPEN = 16

# Ordinary text: a word, another case, accents, digits, several words. Empty text is left out: many models refuse it.
TEXTS = (
    b"red",
    b"Blue",
    b"green tea",
    b"42",
    b"3.14",
    "caf\u00e9".encode(),
    b"the quick brown fox",
    b"unknown",
)


@dataclass(frozen=True)
class InputSpec:
    """One input of a signature. ``dtype`` is TensorFlow's or NumPy's name (DT_FLOAT, float32, string)."""

    name: str
    dtype: str
    shape: Shape

    @property
    def open_rows(self) -> bool:
        """Whether any number of rows fits: the first axis has no length of its own."""
        return self.shape is None or (len(self.shape) > 0 and self.shape[0] is None)

    def words(self) -> str:
        if self.shape is None:
            return f"{_plain(self.dtype)} of any shape"
        return f"{_plain(self.dtype)} of shape [{', '.join('?' if n is None else str(n) for n in self.shape)}]"


@dataclass(frozen=True)
class Rows:
    """``by_row`` names the inputs that hold one entry a row; the others are given whole with every call.

    ``origin`` says where they came from; ``notes`` what was done to make them fit.
    """

    arrays: Mapping[str, Array]
    by_row: tuple[str, ...]
    origin: str
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return len(self.arrays[self.by_row[0]]) if self.by_row else 1

    @property
    def digest(self) -> str:
        return rows_digest(self.arrays)

    def shapes(self) -> dict[str, str]:
        """For a fingerprint: ``{"x": "float32[32,10]"}``."""
        return {name: f"{dtype_name(a)}[{','.join(map(str, a.shape))}]" for name, a in sorted(self.arrays.items())}


def specs(
    inputs: Iterable[tuple[str, str, Sequence[int | None] | None] | InputSpec],
) -> tuple[InputSpec, ...]:
    """Signature inputs in order of name; a length of -1 means any."""
    made = []
    for one in inputs:
        if isinstance(one, InputSpec):
            made.append(one)
            continue
        name, dtype, shape = one
        plain = None if shape is None else tuple(None if n is None or n < 0 else int(n) for n in shape)
        made.append(InputSpec(name, dtype, plain))
    return tuple(sorted(made, key=lambda spec: spec.name))


def rows_from_signature(
    inputs: Iterable[tuple[str, str, Sequence[int | None] | None] | InputSpec],
    count: int = COUNT,
    seed: int = 0,
) -> Rows:
    """Rows that depend on nothing but dtypes, shapes, ``count`` and ``seed``: the same on every machine and NumPy.

    Inputs are filled in order of name, so renaming a lone input changes no value. Row i does not depend on ``count``.

    * floats: multiples of 1/1024 (of 1/128 for 8 significant bits, of 1/8 below that), even rows uniform in [-1, 1),
      odd rows in [0, 1). They are exact in float16 and above, and in decimal text, so no transport rounds them;
    * uint8: 0 to 255; other integers: 0 to 9, small enough for most vocabularies;
    * booleans; text from :data:`TEXTS`; complex numbers of two such floats;
    * open lengths: axes 1, 2, 3 of four are 64, 64, 3; all others 16. An input of any shape gets one value a row.

    Source of the numbers: SHAKE-256 of "envdiff rows 1", seed, position of the input and row.
    """
    wanted = specs(inputs)
    if not wanted:
        raise UnusableInput("the signature has no inputs")
    by_row = tuple(spec.name for spec in wanted if spec.open_rows)
    arrays = {spec.name: _made(spec, number, count, seed) for number, spec in enumerate(wanted)}
    return Rows(arrays, by_row, f"made from the signature (seed {seed})")


def _made(spec: InputSpec, number: int, count: int, seed: int) -> Array:
    dtype = _dtype(spec)
    shape = _filled(spec, count)
    rows, inner = (shape[0], shape[1:]) if shape else (1, ())
    each = 1
    for size in inner:
        each *= size
    if rows > MOST_MADE:
        raise UnusableInput(
            f"input {spec.name} wants {spec.words()}: so many rows are not made", hint="give rows in a file"
        )
    if rows * each * max(dtype.itemsize, 1) > MOST_BYTES:
        raise UnusableInput(
            f"input {spec.name} wants {spec.words()}: {rows} rows of it are more than {MOST_BYTES >> 20} MiB",
            hint="give rows in a file, or ask for fewer",
        )
    values = [_row_values(dtype, each, row, _stream(number, row, seed, each)) for row in range(rows)]
    return np.concatenate(values or [np.zeros(0, dtype)]).reshape(shape)


def _filled(spec: InputSpec, count: int) -> tuple[int, ...]:
    if spec.shape is None:
        return (count,)
    image = len(spec.shape) == 4
    rest = (
        size if size is not None else (_IMAGE[axis] if image else _OPEN)
        for axis, size in enumerate(spec.shape[1:], start=1)
    )
    first = () if not spec.shape else (count if spec.shape[0] is None else spec.shape[0],)
    return (*first, *rest)


def _stream(number: int, row: int, seed: int, each: int) -> Array:
    """Two unsigned 16-bit numbers an element."""
    key = f"envdiff rows 1\n{seed}\n{number}\n{row}\n".encode()
    return np.frombuffer(hashlib.shake_256(key).digest(4 * each), dtype="<u2").reshape(2, each)


def _row_values(dtype: np.dtype[Any], each: int, row: int, stream: Array) -> Array:
    first, second = stream.astype(np.int64)
    if dtype.kind == "b":
        return np.asarray(first & 1, dtype=bool)
    if dtype == np.uint8:
        return np.asarray(first & 255, np.uint8)
    if dtype.kind in "iu":
        return np.asarray(first % 10, dtype)
    if dtype.kind == "O":
        values = np.empty(each, object)
        values[:] = [TEXTS[n] for n in (first % len(TEXTS)).tolist()]
        return values
    if dtype.kind == "c":
        return (_fractions(first, row, 1024) + 1j * _fractions(second, row, 1024)).astype(dtype)
    return _fractions(first, row, _steps(dtype)).astype(dtype)


def _fractions(numbers: Array, row: int, steps: int) -> Array:
    """Multiples of 1/steps in [-1, 1) on even rows, in [0, 1) on odd ones."""
    if row % 2:
        return np.asarray((numbers % steps) / steps)
    return np.asarray((numbers % (2 * steps) - steps) / steps)


def _steps(dtype: np.dtype[Any]) -> int:
    if dtype.name.startswith("float8"):
        return 8
    return 128 if dtype.name == "bfloat16" else 1024


def _dtype(spec: InputSpec) -> np.dtype[Any]:
    try:
        dtype = dtype_of(spec.dtype)
    except ValueError as error:
        raise UnusableInput(
            f"input {spec.name} has dtype {spec.dtype}, which has no rows", subject=spec.name
        ) from error
    if not (is_floating(dtype) or dtype.kind in "iubcO"):
        raise UnusableInput(f"input {spec.name} has dtype {spec.dtype}, which has no rows", subject=spec.name)
    return dtype


def _plain(dtype: str) -> str:
    try:
        found = dtype_of(dtype)
    except ValueError:
        return dtype
    return "string" if found.kind == "O" else found.name


def rows_digest(arrays: Mapping[str, Array]) -> str:
    """SHA-256 over names in order, dtypes, shapes and little-endian bytes; of text, lengths and bytes."""
    digest = hashlib.sha256(b"envdiff rows 1\n")
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        head = f"{len(name.encode())}:{name} {dtype_name(array)} {','.join(map(str, array.shape))}\n"
        digest.update(head.encode())
        if is_text(array.dtype):
            for value in array.reshape(-1).tolist():
                raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value)
                digest.update(f"{len(raw)}:".encode() + raw)
        else:
            digest.update(np.ascontiguousarray(_little_endian(array)).tobytes())
    return digest.hexdigest()


def _little_endian(array: Array) -> Array:
    order = array.dtype.byteorder
    return array.astype(array.dtype.newbyteorder("<")) if order == ">" or (order == "=" and _BIG) else array


_BIG = not np.little_endian
