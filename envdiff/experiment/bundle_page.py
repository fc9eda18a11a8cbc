"""The page that lies in a bundle: what was found, how to see it, and exactly what is run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from envdiff.experiment.bundle_scripts import Case, packages_of
from envdiff.experiment.knobs import BATCHED
from envdiff.experiment.switches import Plan
from envdiff.render.blocks import Line, Table
from envdiff.render.markdown import as_table, markdown
from envdiff.render.markdown_text import line, literal
from envdiff.render.outline_isolation import isolation_outline
from envdiff.render.wording import muted, plain, prose, value
from envdiff.report import Isolation

ROOM = 200_000  # characters: no ticket has to take it
FACTS = (
    ("TensorFlow", "tensorflow.version"),
    ("Keras", "keras.version"),
    ("Python", "python.version"),
    ("NumPy", "packages.numpy"),
    ("processor", "cpu.model"),
)

PAGE = """# Two answers of one model, and what makes them differ

{sentence}

## See it

```console
$ ./show.sh     # left, and left with the culprits thrown: they answer differently
$ ./cure.sh     # left, and right with the culprits taken out: they answer alike
```

Both need {needs}.

Each exits with 0 when it is so, with 1 when it is not, and with 2 when a run gives no answer; what a run had to say is
in `answers/`. Other versions, and other processors, can answer otherwise: a run says what is not as it was here.

{versions}
{more}
## What is run

{runs}

Nothing else of your environment reaches a run, but places: `PATH`, `HOME`, `TMPDIR` and those of libraries. Rows are
in `rows.npz`, specifications in `cases/`; what reads them is `probes/trial.py`.

## What was found

{found}
"""


def page(
    cases: Sequence[Case],
    isolation: Isolation,
    plan: Plan,
    versions: tuple[Mapping[str, Any], Mapping[str, Any]],
    withheld: Sequence[str],
    generator: str,
) -> str:
    """README.md. ``withheld`` are variables that look like secrets and are therefore not written."""
    return PAGE.format(
        sentence=line(prose(isolation.sentence)),
        needs=_needs(cases),
        versions=as_table(_versions(versions)),
        more="".join(f"\n{each}\n" for each in _more(cases, plan, isolation, withheld)),
        runs=as_table(_runs(cases)),
        found=_found(isolation, generator),
    )


def _found(isolation: Isolation, generator: str) -> str:
    """The isolation's own page, one level down and without its title."""
    text = markdown(isolation_outline(isolation), limit=ROOM, generator=generator)
    return "\n".join(text.splitlines()[1:]).strip()


def _needs(cases: Sequence[Case]) -> str:
    left = cases[0].knobs["python"]
    needs = ["`LEFT_PYTHON`, an interpreter with TensorFlow (by default `python3`)"]
    if any(case.knobs["python"] != left for case in cases):
        needs.append("`RIGHT_PYTHON`, one like the right's")
    if any(case.knobs.get("image") for case in cases):
        needs.append("Docker and an image with a Python")
    return "; ".join(needs)


def _versions(versions: tuple[Mapping[str, Any], Mapping[str, Any]]) -> Table:
    rows = tuple(
        (plain(title), *(_cell(facts.get(path)) for facts in versions))
        for title, path in FACTS
        if any(facts.get(path) for facts in versions)
    )
    return Table(("where this was measured", "left", "right"), rows)


def _more(cases: Sequence[Case], plan: Plan, isolation: Isolation, withheld: Sequence[str]) -> Iterable[str]:
    if not isolation.backward:
        yield "That right without the culprits answers as left was not shown: `./cure.sh` tries it, and need not succeed."
    folders = sorted({folder for case in cases for folder in packages_of(case.knobs)})
    if folders:
        commands = "\n".join(f"python -m pip install --no-deps --target {one} {_pinned(one, plan)}" for one in folders)
        yield f"Single packages of another version, made with the interpreter that runs them:\n\n```console\n{commands}\n```"
    if cases[0].specification["allow_code"]:
        yield "The model's file brings code along, and the runs execute it: read it before."
    if withheld:
        yield f"Not written here, because they look like secrets: {', '.join(f'`{literal(name)}`' for name in withheld)}."
    if any("~" in text for case in cases for text in case.variables.values()):
        yield "A path that begins with ~ was in a home directory: put your own there, in `runs.sh`."


def _pinned(folder: str, plan: Plan) -> str:
    name = folder.removeprefix("packages/")
    shows = [one.right for switch in plan.switches if switch.name == f"package {name}" for one in switch.shows]
    return f"{name}=={shows[0]}" if shows and isinstance(shows[0], str) else name


def _runs(cases: Sequence[Case]) -> Table:
    """A row a knob, those that differ first."""
    told = [_told(case) for case in cases]
    names = dict.fromkeys(name for one in told for name in one)
    rows = [(name, tuple(one.get(name) for one in told)) for name in names]
    rows.sort(key=lambda row: len(set(map(str, row[1]))) == 1)
    headers = ("", "left", "right: left with the culprits", "cured: right without them")
    return Table(headers, tuple((value(name), *map(_cell, values)) for name, values in rows))


def _told(case: Case) -> dict[str, Any]:
    specification = case.specification
    told: dict[str, Any] = {"model": case.model, "entry point": specification["way"]}
    told["rows go"] = ", ".join(specification["calls"] or BATCHED)
    told.update({name: specification[name] for name in ("jit_compile", "cast", "digits") if specification[name]})
    told.update({name: text for name in ("image", "cpus") if (text := case.knobs.get(name))})
    told.update(dict(sorted(specification["set"].items())))
    return {**told, **dict(sorted(case.variables.items()))}


def _cell(text: Any) -> Line:
    return muted("–") if text is None else value(str(text))
