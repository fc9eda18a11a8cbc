"""Known changes between two versions that can touch this model, the strongest first."""

from __future__ import annotations

from envdiff.compare import Comparison, Mismatch
from envdiff.explain.model import operations
from envdiff.fingerprint import Value
from envdiff.report import Change, Size
from envdiff.rulebook import ChangeTable, KnownChange
from envdiff.rulebook.conditions import holds, reading_version, release
from envdiff.settings.model import as_version

SIZES = tuple(Size)
WHERE = {
    "graph": "",
    "keras": "layers built by Keras code",
    "python": "Python code around the model",
    "xla": "functions compiled by XLA",
}


def changes_between(mismatch: Mismatch, table: ChangeTable, comparison: Comparison) -> tuple[Change, ...]:
    """The rows of ``table`` that lie between the two versions and can touch this model."""
    one, other = reading_version(mismatch.left), reading_version(mismatch.right)
    if one is None or other is None:
        return ()
    low, high = sorted((release(one), release(other)))
    rows = [row for row in table.changes if low < _first(row) <= high and _can_touch(row, comparison)]
    rows.sort(key=lambda row: (row.acts != "graph", -SIZES.index(row.size), _first(row)))
    return tuple(_change(row) for row in rows)


def largest(changes: tuple[Change, ...], usual: Size, *, built_by_code: bool = False) -> Size:
    """The largest size among changes that act on a graph whoever runs it; last bits if none is known.

    ``built_by_code``: the model is built by Keras code each time it runs, so what changed there acts too.
    """
    acting = ("", WHERE["keras"], WHERE["python"]) if built_by_code else ("",)
    in_graph = [change.size for change in changes if change.acts in acting]
    if in_graph:
        return max(in_graph, key=SIZES.index)
    return min(usual, Size.LAST_BITS, key=SIZES.index)


def _first(row: KnownChange) -> tuple[int, ...]:
    version = as_version(row.version)
    assert version is not None
    return release(version)


def _can_touch(row: KnownChange, comparison: Comparison) -> bool:
    known = operations(comparison)
    if row.ops and known is not None and not known & frozenset(row.ops):
        return False
    if row.acts == "xla" and not _compiles(comparison):
        return False
    return holds(row.when, comparison) is not False


def _compiles(comparison: Comparison) -> bool:
    """Whether XLA is known to compile something on either side."""
    asked = [*comparison.readings("setting.xla_auto_jit"), *comparison.readings("setting.xla_every_function")]
    must = comparison.readings("model.xla_must_compile")
    return any(isinstance(reading, Value) and reading.value in ("on", True) for reading in [*asked, *must])


def _change(row: KnownChange) -> Change:
    return Change(
        version=row.version,
        what=row.what,
        size=row.size,
        basis=row.basis,
        sources=row.sources,
        touches=row.ops,
        acts=WHERE[row.acts],
    )
