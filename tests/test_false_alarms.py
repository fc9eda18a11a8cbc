"""Pairs that were measured to give the same bits: nothing in them may be called moving.

``python tests/ranking/score.py --false-alarms`` prints the pairs that are.
"""

from __future__ import annotations

import pytest
from ranking.score import alarms

ALARMS = alarms()


@pytest.mark.parametrize("pair", ALARMS)
def test_a_pair_that_was_measured_equal_has_no_finding(pair: str) -> None:
    assert not ALARMS[pair]


def test_there_are_many_such_pairs() -> None:
    assert len(ALARMS) >= 50
