"""A rule as an encyclopedia entry, in Markdown: what happens, how much, how to confirm, how to fix, how we know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from envdiff.report import Verdict
from envdiff.rulebook.measured_table import measured_table
from envdiff.rulebook.measurements import Run
from envdiff.rulebook.model import LAYERS, ChangeTable, Rule
from envdiff.words import BASES, LAYER_WORDS, SIZES, STEADINESS

VERDICTS = {
    Verdict.MOVES: "moves predictions",
    Verdict.CAN_MOVE: "can move predictions",
    Verdict.HARMLESS: "cannot move predictions",
}


def page(rule: Rule, tables: Mapping[str, ChangeTable], runs: Sequence[Run] = ()) -> str:
    """The entry of one rule, ending with a newline; ``runs`` are measurements to show with it."""
    return "\n".join(_lines(rule, tables, runs)) + "\n"


def reference(rules: Iterable[Rule]) -> str:
    """All rules on one page, grouped by what kind of thing they are about: what happens, how much, how to fix it."""
    return "\n".join(_reference(tuple(rules))) + "\n"


def _reference(rules: tuple[Rule, ...]) -> Iterator[str]:
    yield from ("# What moves a TensorFlow prediction, and what does not", "")
    yield f"{len(rules)} rules. `envdiff rules show ID` has measurements, conditions and sources of each."
    for layer in LAYERS:
        chosen = [rule for rule in rules if rule.layer == layer]
        yield from ("", f"## {LAYER_WORDS[layer]}")
        for rule in sorted(chosen, key=lambda rule: (list(VERDICTS).index(rule.verdict), rule.id)):
            yield from (
                "",
                f"### `{rule.id}`",
                "",
                f"**{title(rule)}**: {VERDICTS[rule.verdict]}{_how_much(rule)}.",
                "",
            )
            yield " ".join(rule.mechanism.split())
            if rule.verdict is not Verdict.HARMLESS:
                yield from ("", f"*Fix:* {' '.join(rule.fix.split())}")


def title(rule: Rule) -> str:
    """The title without a case: A stands for what one side has, B for the other, NAME for what it is about."""
    return rule.title.replace("{name}", "NAME").replace("{left}", "A").replace("{right}", "B")


def _how_much(rule: Rule) -> str:
    if rule.verdict is Verdict.HARMLESS:
        return f" ({rule.basis})"
    return f" ({rule.size}{f', at worst {rule.at_worst}' if rule.at_worst else ''}; {rule.basis})"


def _lines(rule: Rule, tables: Mapping[str, ChangeTable], runs: Sequence[Run]) -> Iterator[str]:
    yield f"## {title(rule)}"
    yield ""
    yield f"`{rule.id}` {VERDICTS[rule.verdict]}."
    yield ""
    yield from _facts(rule)
    yield from _section("What happens", rule.mechanism)
    if rule.measured:
        yield from ("", "### How much it moved", "", "| change | moved |", "| --- | --- |")
        yield from (f"| {_cell(what)} | {_cell(moved)} |" for what, moved in rule.measured)
    yield from measured_table(rule.id, runs)
    yield from _confirm(rule)
    if rule.verdict is not Verdict.HARMLESS:
        yield from _section("How to fix it", rule.fix)
    if rule.changes is not None:
        yield from _changes(tables[rule.changes])
    yield from ("", "### Sources", "")
    yield from (f"- {source.what}: {source.where} (read {source.read})" for source in rule.sources)


def _facts(rule: Rule) -> Iterator[str]:
    yield f"- about: {', '.join(f'`{path}`' for path in rule.about)}"
    if rule.when:
        yield f"- only when: {words(rule.when)}"
    if rule.needs.ops:
        yield f"- only for models that run one of: {', '.join(rule.needs.ops)}"
    if rule.needs.device:
        yield f"- only where a {rule.needs.device.upper()} computes"
    if rule.needs.entry:
        entry = {"keras": "Keras code builds or loads layers", "python": "Python runs", "server": "a model server runs"}
        yield (
            f"- only where {entry[rule.needs.entry]} the model"
            if rule.needs.entry != "keras"
            else (f"- only where {entry['keras']}")
        )
    if rule.verdict is not Verdict.HARMLESS:
        worst = f"; at worst {SIZES[rule.at_worst]}" if rule.at_worst else ""
        yield f"- how large: {SIZES[rule.size]}{worst}"
        yield f"- how steady: {STEADINESS[rule.steadiness]}"
    if rule.unsolved:
        yield f"- where answers differ and nothing else explains it, `{rule.unsolved}` speaks instead"
    yield f"- how we know: {BASES[rule.basis]}"


def _section(title: str, text: str) -> Iterator[str]:
    yield from ("", f"### {title}", "", text)


def _confirm(rule: Rule) -> Iterator[str]:
    if not rule.confirm_env and not rule.confirm_do and not rule.confirm_run:
        return
    yield from ("", "### How to confirm it", "")
    held = "".join(f", always with `{name}={value}`" for name, value in rule.held_env.items())
    for name, values in rule.varied_env.items():
        told = " and with ".join("the variable unset" if value is None else f"`{name}={value}`" for value in values)
        yield f"- Ask for the same rows with {told}{held}, each in a process of its own."
    yield from (f"- {line}" for line in rule.confirm_do)
    if rule.confirm_env or rule.confirm_run:
        yield f"- `envdiff rules verify {rule.id}` tries it on small models, on this machine."


def _changes(table: ChangeTable) -> Iterator[str]:
    yield from ("", f"### Known changes of {table.subject}", "", "| from | what | how large |", "| --- | --- | --- |")
    yield from (f"| {row.version} | {_cell(row.what)} | {row.size} |" for row in table.changes)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def words(condition: Mapping[str, Any]) -> str:
    """A condition as a sentence fragment."""
    return " and ".join(_word(word, argument) for word, argument in condition.items())


def _word(word: str, argument: Any) -> str:
    if word in ("any", "all"):
        joint = " or " if word == "any" else " and "
        return "(" + joint.join(words(part) for part in argument) + ")"
    if word == "not":
        return f"not ({words(argument)})"
    if word in ("differs", "same"):
        paths = argument if isinstance(argument, list) else [argument]
        return " and ".join(f"`{path}` {'differs' if word == 'differs' else 'is the same'}" for path in paths)
    side = {
        "either": "on either side",
        "both": "on both sides",
        "one": "on one side only",
        "neither": "on neither side",
    }
    where = side.get(word, f"on the {word}")
    if word == "crosses":
        return " and ".join(f"`{path}` is below {version} on one side only" for path, version in argument.items())
    return " and ".join(f"`{path}` is {_wanted(value)} {where}" for path, value in argument.items())


def _wanted(value: Any) -> str:
    if isinstance(value, list):
        return " or ".join(_wanted(one) for one in value)
    return str(value).strip("<>") if str(value) in ("<absent>", "<present>", "<unread>") else f"`{value}`"
