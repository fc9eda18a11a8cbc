"""How many planted secrets come out, and how many innocent values do not.

python tests/secrets/score_secrets.py
"""

from __future__ import annotations

import html
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from innocents import every
from secret_kinds import KINDS, Secret
from secret_places import PLACES, World

WINDOW = 12  # characters of a secret that nobody has by accident


@dataclass(frozen=True)
class Score:
    place: str
    planted: int
    leaks: tuple[str, ...]


def score(place: str, folder: Path) -> tuple[Score, World]:
    """Plant, capture, report, and look for every part of every secret."""
    world = World(folder)
    planted = PLACES[place](world)
    plain = {name: squeezed(text) for name, text in world.texts.items()}
    leaks = [f"{one.kind} in {name}" for one in planted for name, text in plain.items() if leaks_in(one, text)]
    return Score(place, len(planted), tuple(leaks)), world


def squeezed(text: str) -> str:
    """A text as somebody would copy it together: without escapes, mark-up and line breaks."""
    decoded = " ".join(strings(json.loads(text))) if text.startswith("{") else text
    return re.sub(r"[\s\\]|&nbsp;", "", html.unescape(decoded + text))


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value


def leaks_in(one: Secret, text: str) -> bool:
    needle = re.sub(r"[\s\\]", "", one.needle)
    windows = {needle[at : at + WINDOW] for at in range(max(1, len(needle) - WINDOW + 1))}
    return any(window in text for window in windows)


def innocents_withheld(folder: Path) -> tuple[int, list[str]]:
    """Every innocent value as a variable that is recorded, and as a word of a command line -> how many, which not."""
    world, values = World(folder), every()
    env = world.environment(**{f"OMP_I{n}": value for n, value in enumerate(values)})
    world.capture("innocents", "--static", "--python", sys.executable, env=env)
    facts = world.documents[-1]["facts"]
    lost = [value for n, value in enumerate(values) if f"env.OMP_I{n}" not in facts]
    from envdiff.secrets import probe

    words, _ = probe().safe_command(values)
    return 2 * len(values), lost + [value for value, word in zip(values, words, strict=True) if value != word]


def main() -> int:
    total, leaked = 0, 0
    for place in PLACES:
        with tempfile.TemporaryDirectory() as folder:
            found, _ = score(place, Path(folder))
        total, leaked = total + found.planted, leaked + len(found.leaks)
        print(f"{place:<34} {found.planted:>4} planted  {len(found.leaks):>3} out  {'; '.join(found.leaks[:6])}")
    with tempfile.TemporaryDirectory() as folder:
        count, lost = innocents_withheld(Path(folder))
    print(f"{total} secrets of {len(KINDS)} kinds in {len(PLACES)} places: {leaked} out")
    print(f"{count} innocent values: {len(lost)} withheld ({len(lost) / count:.1%}) {lost[:5]}")
    return 1 if leaked or len(lost) > count / 100 else 0


if __name__ == "__main__":
    sys.exit(main())
