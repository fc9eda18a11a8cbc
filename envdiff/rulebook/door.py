"""The door for rules and tables of changes: what a YAML file may say. An unknown key or word does not load.

What passes becomes plain data, from which :mod:`envdiff.rulebook.model` makes rules, now or from a cache.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator, model_validator

from envdiff.report import Basis, Size, Steadiness, Verdict

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Layer = Literal["artifact", "input", "precision", "behaviour", "kernels", "order", "host"]


class Strict(BaseModel):
    """A typo must not silently switch a rule off."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _iso(value: Any) -> Any:
    # YAML makes a date of 2026-11-22.
    return value.isoformat() if isinstance(value, date) else value


class SourceDocument(Strict):
    """Where a claim can be checked, and when somebody did."""

    what: Line
    where: Line
    read: Annotated[str, BeforeValidator(_iso), StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$")]


class NeedsDocument(Strict):
    """What must be in use for the rule to matter. Known not to be: ruled out. Not known: the report says so.

    ``ops`` are operations of which the model must run one; ``entry`` says how the model must be run: ``keras`` (its
    layers, from code or a Keras file), ``python`` (anything but a server); ``code`` marks host code around the model.
    """

    ops: tuple[Line, ...] = ()
    device: Literal["cpu", "gpu"] | None = None
    entry: Literal["keras", "python", "server"] | None = None


# What an experiment can vary besides variables, and flags that TensorFlow's functions set (``runtime.*``).
RUN_KNOBS = ("calls", "cast", "cpus", "digits", "jit_compile", "repeat", "way")


class ConfirmDocument(Strict):
    """The switch to throw: environment variables with the values to try, or a command or action in words.

    ``run`` varies what a trial is told (``way: [signature, session]``, ``runtime.threads.intra: [1, 8]``; see
    probes/trial.py; ``repeat`` counts starts). In ``env`` and ``run``, null leaves the thing as it is, and a thing with
    one value is held at it while the others vary. ``envdiff rules verify`` runs both.
    """

    env: dict[str, tuple[str | None, ...]] = Field(default_factory=dict)
    run: dict[str, tuple[str | int | bool | None, ...]] = Field(default_factory=dict)
    do: tuple[Line, ...] = ()

    @field_validator("run")
    @classmethod
    def _known(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if name not in RUN_KNOBS and not name.startswith("runtime."):
                raise ValueError(f"there is no {name!r}; it varies {', '.join(RUN_KNOBS)} or runtime.*")
        return value

    @model_validator(mode="after")
    def _something_varies(self) -> ConfirmDocument:
        counts = [len(values) for values in (*self.env.values(), *self.run.values())]
        if counts and (min(counts) < 1 or max(counts) < 2):
            raise ValueError("nothing varies: give two values of something")
        return self


class MeasuredDocument(Strict):
    """One measured line of the rule's entry in the rulebook."""

    what: Line
    moved: Line


class RuleDocument(Strict):
    """What is known about one kind of mismatch. The file name is the id."""

    id: Slug
    title: Line
    about: tuple[Line, ...]
    when: dict[str, Any] | None = None
    # A standing rule looks at the pair whether or not the two sides differ in what it is about; an ``unsolved`` one only
    # where answers differ and nothing else explains it.
    standing: bool | Literal["unsolved"] = False
    needs: NeedsDocument = NeedsDocument()
    layer: Layer
    verdict: Verdict
    size: Size
    steadiness: Steadiness = Steadiness.STABLE
    # The largest size that has been seen although ``size`` is usual: depth amplifies, a kernel has a bug.
    at_worst: Size | None = None
    basis: Basis
    mechanism: Line
    measured: tuple[MeasuredDocument, ...] = ()
    confirm: ConfirmDocument = ConfirmDocument()
    fix: Line
    changes: Slug | None = None
    # Rules that say less than this one when both speak.
    covers: tuple[Slug, ...] = ()
    # Of a harmless rule that holds as long as no program in front of the model is known: the rule that speaks instead
    # when answers differ and nothing that is known explains it.
    unsolved: Slug | None = None
    sources: Annotated[tuple[SourceDocument, ...], Field(min_length=1)]

    @field_validator("about", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class ChangeDocument(Strict):
    """One known change: ``version`` is the first release that has it."""

    version: Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)*$")]
    what: Line
    size: Size
    basis: Basis
    # Where it acts: in a graph whoever runs it, only in layers built by Keras code, only in Python code around the
    # model, or only when XLA compiles.
    acts: Literal["graph", "keras", "python", "xla"] = "graph"
    ops: tuple[Line, ...] = ()
    when: dict[str, Any] | None = None
    sources: Annotated[tuple[SourceDocument, ...], Field(min_length=1)]


class ChangeTableDocument(Strict):
    """All known changes of one thing between its versions. The file name is the id."""

    id: Slug
    subject: Line
    path: Line
    # Named once and referred to by the rows: a table has many rows and few sources.
    sources: dict[Slug, SourceDocument]
    changes: tuple[ChangeDocument, ...]
