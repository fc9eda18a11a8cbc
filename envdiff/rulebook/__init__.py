"""What is known about mismatches: rules and tables of known changes, as data."""

from envdiff.rulebook.book import Rulebook
from envdiff.rulebook.load import load_rule, load_rulebook
from envdiff.rulebook.model import LAYERS, ChangeTable, KnownChange, Rule

__all__ = ["LAYERS", "ChangeTable", "KnownChange", "Rule", "Rulebook", "load_rule", "load_rulebook"]
