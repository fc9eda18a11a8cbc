"""``envdiff rules list|show|search|reference|check``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from envdiff import api
from envdiff.commands.report import wants_colour
from envdiff.config import read_config
from envdiff.errors import EnvdiffError, ExitStatus
from envdiff.output import write
from envdiff.render.visible import inert
from envdiff.rulebook import Rule, Rulebook, load_rule
from envdiff.rulebook.measurements import recorded
from envdiff.rulebook.page import page, reference, title


def run_list(config: Path | None) -> int:
    """One line a rule."""
    write(_table(_book(config).rules), None)
    return ExitStatus.OK


def run_show(rule_id: str, config: Path | None) -> int:
    """One rule, whole; set in type on a terminal, Markdown elsewhere."""
    book = _book(config)
    # A rule of somebody else's is text to read; its control characters are not for the terminal.
    _print_markdown("\n".join(map(inert, page(book[rule_id], book.tables, recorded()).split("\n"))))
    return ExitStatus.OK


def run_search(words: list[str], config: Path | None) -> int:
    """Rules whose text has every word; status 1 when there is none, as search tools do."""
    book = _book(config)
    wanted = [word.casefold() for word in words]
    found = [rule for rule in book.rules if _has_all(page(rule, book.tables).casefold(), wanted)]
    write(_table(found) if found else "no rule has all of these words\n", None)
    return ExitStatus.OK if found else ExitStatus.FOUND


def run_reference(output: Path | None) -> int:
    """The built-in rules on one Markdown page."""
    write(reference(api.rulebook().rules), output)
    return ExitStatus.OK


def run_check(files: list[Path]) -> int:
    """Every file's complaints; status 3 when there is one."""
    status = ExitStatus.OK
    for file in files:
        try:
            rule = load_rule(file)
        except EnvdiffError as error:
            status = ExitStatus.UNUSABLE_INPUT
            lines = "".join(f"  {inert(line)}\n" for line in error.message.split("\n"))
            write(f"{inert(str(file))}: not usable\n{lines}", None)
        else:
            write(f"{inert(str(file))}: {rule.id} is a valid rule\n", None)
    return status


def _book(config: Path | None) -> Rulebook:
    return api.rulebook(read_config(config, Path.cwd()).rules)


def _has_all(text: str, wanted: list[str]) -> bool:
    return all(word in text for word in wanted)


def _table(rules: Iterable[Rule]) -> str:
    rows = [(rule.id, rule.verdict.value, rule.size.value, rule.basis.value, title(rule)) for rule in rules]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + f"  {inert(row[4])}\n"
        for row in rows
    )


def _print_markdown(text: str) -> None:
    if not (sys.stdout.isatty() and wants_colour(os.environ)):
        write(text, None)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console(width=min(Console().width, 100)).print(Markdown(text))
