"""Facts that can differ as they like: no setting reads them, no rule asks for them, and the rulebook clears them."""

from __future__ import annotations

from collections.abc import Iterator

from envdiff.explain.model import needs_read
from envdiff.report import Verdict
from envdiff.rulebook import Rule, Rulebook
from envdiff.rulebook.conditions import check

# Sections that no setting is concluded from; a test holds this against the settings.
NOT_FOR_SETTINGS = frozenset(
    ("packages", "origins", "conda", "builds", "libraries", "process", "container", "model", "answers")
)


class Harmless:
    """Answers ``path in harmless``, each path looked up in the rulebook once."""

    def __init__(self, book: Rulebook) -> None:
        self._book = book
        self._asked_for = frozenset((*_by_rules(book), *_by_tables(book)))
        self._known: dict[str, bool] = {}

    def __contains__(self, path: str) -> bool:
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._look_up(path)
        return known

    def _look_up(self, path: str) -> bool:
        if path in self._asked_for or path.partition(".")[0] not in NOT_FOR_SETTINGS:
            return False
        rules = self._book.about(path)
        return bool(rules) and always_harmless(rules[0])


def _by_rules(book: Rulebook) -> Iterator[str]:
    for rule in book.rules:
        yield from rule_reads(rule)
        if rule.standing:
            yield from rule.about


def _by_tables(book: Rulebook) -> Iterator[str]:
    for table in book.tables.values():
        for row in table.changes:
            yield from check(row.when, table.id)


def rule_reads(rule: Rule) -> tuple[str, ...]:
    """Every fact and setting that decides whether the rule speaks."""
    return (*check(rule.when, rule.id), *needs_read(rule.needs))


def always_harmless(rule: Rule) -> bool:
    """Whether the rule clears what it is about whatever else there is."""
    needs = rule.needs
    return rule.verdict is Verdict.HARMLESS and not (rule.when or needs.ops or needs.device or needs.entry)
