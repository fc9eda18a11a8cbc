"""What a program may call: capture, load and report. The command line calls the same functions."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from envdiff.experiment.request import IsolateRequest
    from envdiff.experiment.trials import Watcher
    from envdiff.fingerprint import Fingerprint
    from envdiff.report import Delta, Isolation, Report
    from envdiff.rulebook import Rulebook


def capture(
    python: str | Path | None = None,
    *,
    label: str | None = None,
    pid: int | None = None,
    static: bool = False,
    env: Sequence[str] = (),
    time_limit_s: float = 120.0,
    compare_key: str | Path | None = None,
) -> Fingerprint:
    """A fingerprint of an interpreter's environment, or of the running process ``pid``.

    ``python`` is an interpreter or an environment's folder; by default the active environment's. ``static`` leaves
    TensorFlow alone: milliseconds instead of seconds, without the flags that only a program can set. ``env`` names
    further variables to record by value. ``compare_key`` is a file with a secret of your own: what is withheld leaves a
    digest that only its holder can make, so that two captures can be compared. Raises
    :class:`envdiff.errors.WorldFailed` when it cannot be had.
    """
    from envdiff.capture.interpreter import Request, active_interpreter, capture_interpreter, named_interpreter
    from envdiff.secrets import read_key

    key_file = None if compare_key is None else Path(compare_key).absolute()
    key = read_key(key_file)
    if pid is not None:
        from envdiff.capture.reach import Reach, capture_reach

        return capture_reach(Reach(pid=pid, label=label, env=tuple(env), key=key)).fingerprint
    request = Request(label=label, static=static, extra_env=tuple(env), time_limit_s=time_limit_s, compare_key=key_file)
    chosen = active_interpreter(os.environ) if python is None else named_interpreter(Path(python))
    return capture_interpreter(chosen.path, request)


def load(path: str | Path) -> Fingerprint:
    """A fingerprint from a file. Raises :class:`envdiff.errors.UnusableInput` for anything else."""
    from envdiff.fingerprint import load as load_fingerprint

    return load_fingerprint(path)


def report(
    left: Fingerprint | str | Path,
    right: Fingerprint | str | Path,
    *,
    ignore: Mapping[str, str] | None = None,
    rules: Sequence[Path] = (),
    delta: Delta | None = None,
    inputs: tuple[Path, Path] | None = None,
    isolation: Isolation | str | Path | None = None,
) -> Report:
    """What differs between two environments and which of it can move predictions, the likely cause first.

    ``ignore`` maps path patterns to the reason for leaving them out; ``rules`` are folders of further rules; ``delta``
    is the difference of the predictions, by default measured from the answers in the fingerprints. ``inputs`` are two
    dumps of the arrays that enter the model, one of each side. ``isolation`` is what ``envdiff isolate`` found, or the
    JSON file that it wrote: what was shown by running it decides. Raises :class:`envdiff.errors.UnusableInput`.
    """
    from envdiff.compare import compare
    from envdiff.explain import explain

    one, other = (side if not isinstance(side, str | Path) else load(side) for side in (left, right))
    notes: tuple[str, ...] = ()
    if delta is None and one.outputs is not None and other.outputs is not None:
        from envdiff.answers import difference
        from envdiff.recorded import with_answers

        found = difference(one, other)
        delta, notes = found.delta, found.notes
        one, other = with_answers(one, other, found.relations)
    if inputs is not None:
        from envdiff.recorded import with_inputs

        (one, other), said = with_inputs(one, other, inputs)
        notes = (*notes, *said)
    shown = load_isolation(isolation) if isinstance(isolation, str | Path) else isolation
    return explain(compare(one, other), rulebook(rules), delta=delta, ignore=ignore, notes=notes, isolation=shown)


def load_isolation(path: str | Path) -> Isolation:
    """What ``envdiff isolate --format json`` wrote. Raises :class:`envdiff.errors.UnusableInput` for anything else."""
    from envdiff.isolation_file import load_isolation as load_file

    return load_file(Path(path))


def isolate(
    request: IsolateRequest,
    *,
    rules: Sequence[Path] = (),
    watcher: Watcher | None = None,
    bundle: Path | None = None,
) -> Isolation:
    """Which mismatch between two fingerprints did move a model's answers, shown by running it.

    Trials take minutes. Each is kept as it ends, in the journal that ``request`` names or in the user's cache
    directory, and is never run again. ``bundle`` is a folder or .zip to write two commands into that show the result to
    somebody else. Raises :class:`envdiff.errors.UnusableInput` for what cannot be used,
    :class:`envdiff.errors.WorldFailed` when a side gives no answer.
    """
    from platformdirs import user_cache_path

    from envdiff.experiment.request import prepare

    prepared = prepare(request, rulebook(rules), user_cache_path("envdiff"), watcher)
    try:
        found = prepared.run()
        if bundle is not None:
            prepared.bundle(found, bundle)
    except KeyboardInterrupt as stop:
        stop.add_note(f"the trials that ended are kept; the same command goes on, or --resume {prepared.journal.path}")
        raise
    finally:
        prepared.close()
    return found


def record(name: str, array: Any, path: str | os.PathLike[str] | None = None) -> None:
    """Write an array of your own program into the folder ``path``, or the one that ENVDIFF_RECORD names.

    Two such folders go into ``envdiff tensors``. ``array`` is anything NumPy can make an array of. Without a folder
    nothing happens, and nothing is imported, so that the call may stay in production code.
    """
    if path is None and "ENVDIFF_RECORD" not in os.environ:
        return
    from envdiff.predictions.record import record as write

    write(name, array, path)


def rulebook(folders: Sequence[Path] = ()) -> Rulebook:
    """The built-in rules and those of ``folders``, parsed once and kept in the user's cache directory."""
    from platformdirs import user_cache_path

    from envdiff.rulebook import load_rulebook

    # One file for each installation and set of folders: with one for all, each would write over the others'.
    book = zlib.crc32(os.pathsep.join(map(str, (Path(__file__).parent, *folders))).encode())
    return load_rulebook(folders, cache=user_cache_path("envdiff") / f"rulebook-{book:08x}")
