"""The words of ``when``: condition x left x right -> yes, no or cannot tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from envdiff.errors import UnusableInput
from envdiff.fingerprint import Absent, Reading, Unread, Value
from envdiff.rulebook.conditions import check, holds

GONE = Absent()
LOST = Unread("no permission")


@dataclass
class Pair:
    """Both sides' readings of one path; any other path is absent on both."""

    left: Reading
    right: Reading

    def readings(self, path: str) -> tuple[Reading, Reading]:
        return (self.left, self.right) if path == "a" else (GONE, GONE)


def reading(value: Any) -> Reading:
    return value if isinstance(value, Absent | Unread) else Value(value)


@pytest.mark.parametrize(
    ("condition", "left", "right", "answer"),
    [
        (None, "1", "2", True),
        ({"differs": "a"}, "1", "2", True),
        ({"differs": "a"}, "1", "1", False),
        ({"differs": "a"}, "1", GONE, True),
        ({"differs": "a"}, "1", LOST, None),
        ({"differs": "a"}, LOST, LOST, None),
        ({"differs": ["b", "a"]}, "1", "2", True),
        ({"same": "a"}, "1", "1", True),
        ({"same": "a"}, LOST, LOST, None),
        ({"same": ["a", "b"]}, "1", "2", False),
        ({"left": {"a": "on"}}, "on", "off", True),
        ({"right": {"a": "on"}}, "on", "off", False),
        ({"either": {"a": "on"}}, "on", LOST, True),
        ({"either": {"a": "on"}}, "off", LOST, None),
        ({"both": {"a": "on"}}, "off", LOST, False),
        ({"both": {"a": "on"}}, "on", LOST, None),
        ({"one": {"a": "on"}}, "on", "off", True),
        ({"one": {"a": "on"}}, "on", "on", False),
        ({"one": {"a": "on"}}, "on", LOST, None),
        ({"neither": {"a": "on"}}, "off", GONE, True),
        ({"neither": {"a": "on"}}, "off", LOST, None),
        ({"either": {"a": ["x", "y"]}}, "y", "z", True),
        ({"either": {"a": "*A100*"}}, "NVIDIA A100-SXM4", "T4", True),
        ({"either": {"a": True}}, True, False, True),
        ({"both": {"a": "<absent>"}}, GONE, GONE, True),
        ({"either": {"a": "<present>"}}, GONE, "x", True),
        ({"either": {"a": "<unread>"}}, LOST, "x", True),
        ({"both": {"a": ">=2.9"}}, "2.10.0", "2.9.0rc1", True),
        ({"both": {"a": ">=2.9"}}, "2.8.4", "2.9.0", False),
        ({"either": {"a": "<2.9"}}, "2.8.4", "2.10", True),
        ({"either": {"a": ">=2.9"}}, "unknown", "2.1", None),
        ({"either": {"a": "avx2"}}, ("avx", "avx2"), ("avx",), True),
        ({"both": {"a": "avx2"}}, ("avx", "avx2"), ("avx",), False),
        ({"crosses": {"a": "2.16"}}, "2.15.1", "2.16.0", True),
        ({"crosses": {"a": "2.16"}}, "2.16.1", "2.21.0", False),
        ({"crosses": {"a": "2.16"}}, "2.15.1", GONE, False),
        ({"crosses": {"a": "2.16"}}, "2.15.1", LOST, None),
        ({"any": [{"left": {"a": "x"}}, {"right": {"a": "x"}}]}, "y", "x", True),
        ({"all": [{"left": {"a": "x"}}, {"right": {"a": "x"}}]}, "y", "x", False),
        ({"not": {"differs": "a"}}, "1", LOST, None),
        ({"not": {"differs": "a"}}, "1", "1", True),
        ({"differs": "a", "left": {"a": "1"}}, "1", "2", True),
        ({"differs": "a", "left": {"a": "2"}}, "1", LOST, False),
    ],
)
def test_words(condition: Any, left: Any, right: Any, answer: bool | None) -> None:
    assert holds(condition, Pair(reading(left), reading(right))) is answer


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (["differs"], "is a mapping"),
        ({"different": "a"}, "no condition 'different'"),
        ({"both": "a"}, "both wants a mapping"),
        ({"any": [{"odd": 1}]}, "no condition 'odd'"),
    ],
)
def test_a_typo_does_not_load(condition: Any, says: str) -> None:
    with pytest.raises(UnusableInput, match=says):
        check(condition, "when")


def test_the_paths_of_a_condition_are_known() -> None:
    condition = {"differs": ["a", "b"], "not": {"both": {"c": 1}}, "any": [{"same": "d"}, {"crosses": {"e": "1"}}]}
    assert check(condition, "when") == ["a", "b", "c", "d", "e"]
