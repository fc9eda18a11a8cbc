"""The search against oracles that are known: lone culprits, sets, alternatives, masks, cancellation, voids, thousands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envdiff.experiment.search import ALL_SETTINGS, Found, Like, Role, Search, Spent, Thrown, minimal, subsets

Model = Callable[[Thrown], object]  # what a model answers with these switches thrown


class Oracle:
    """Answers as trials would, counts them, and can be made void, unclear or short of budget."""

    def __init__(self, switches: Sequence[str], model: Model, budget: int = 10_000) -> None:
        self.switches, self.model, self.budget = tuple(switches), model, budget
        self.left, self.right = model(frozenset()), model(frozenset(switches))
        self.asked: list[Thrown] = []
        self.said: Mapping[Thrown, Like] = {}

    def like(self, thrown: Thrown) -> Like:
        if thrown in self.said:
            return self.said[thrown]
        answer = self.model(thrown)
        if isinstance(answer, Like):
            return answer
        return Like.LEFT if answer == self.left else Like.RIGHT if answer == self.right else Like.OTHER

    def ask(self, wanted: Sequence[Thrown]) -> dict[Thrown, Like]:
        if len(self.asked) + len(wanted) > self.budget:
            raise Spent
        self.asked += wanted
        return {one: self.like(one) for one in wanted}

    def search(self, **options: bool) -> Found:
        return Search(self.switches, self.ask).run(**options)


def names(count: int) -> tuple[str, ...]:
    return tuple(f"s{number}" for number in range(count))


def acting(*switches: str) -> Model:
    """Each named switch changes the answer in its own way; the others do nothing."""
    return lambda thrown: tuple(sorted(thrown & set(switches)))


@pytest.mark.parametrize("rank", range(8))
def test_one_culprit_among_eight(rank: int) -> None:
    oracle = Oracle(names(8), acting(f"s{rank}"))
    found = oracle.search()
    assert (found.sets, found.forward, found.backward, found.complete) == (((f"s{rank}",),), True, True, True)
    assert {name for name, role in found.roles.items() if role is not Role.CLEARED} == {f"s{rank}"}
    if rank < 4:
        assert len(oracle.asked) <= 6


def test_the_likeliest_culprit_costs_two_trials() -> None:
    oracle = Oracle(names(40), acting("s0"))
    assert oracle.search().culprits == ("s0",)
    assert len(oracle.asked) == 2


@pytest.mark.parametrize("pair", list(combinations(range(12), 2)))
def test_two_needed_together_among_twelve(pair: tuple[int, int]) -> None:
    one, other = (f"s{number}" for number in pair)
    oracle = Oracle(names(12), lambda thrown: {one, other} <= thrown)
    found = oracle.search()
    assert [set(each) for each in found.sets] == [{one, other}]
    assert found.forward
    assert found.backward
    assert len(oracle.asked) <= 24


def test_clearing_every_switch_of_a_lone_culprit() -> None:
    """Each switch taken out once: n trials, beside the ends; alone is what is told on top."""
    oracle = Oracle(names(8), acting("s2"))
    oracle.search(every_switch=True)
    assert len([one for one in set(oracle.asked) if len(one) == 7]) == 8


def test_two_that_each_suffice() -> None:
    found = Oracle(names(6), lambda thrown: bool({"s1", "s4"} & thrown)).search()
    assert sorted(found.sets) == [("s1",), ("s4",)]
    assert set(found.culprits) == {"s1", "s4"}
    assert found.forward
    assert found.backward


def test_a_change_that_right_hides_is_not_blamed() -> None:
    """The version moves nothing without the library switched off, and that hides the mode, which moves most alone."""

    def model(thrown: Thrown) -> object:
        if "off" in thrown:
            return ("off", "version" in thrown)
        return ("mode",) if "mode" in thrown else ()

    found = Oracle(("mode", "version", "off", "threads", "zone"), model).search(every_switch=True)
    assert set(found.culprits) == {"version", "off"}
    assert found.hidden == ("mode",)
    assert found.forward
    assert found.backward is False
    assert found.roles["threads"] is Role.CLEARED


def test_two_that_cancel_are_told_apart() -> None:
    def model(thrown: Thrown) -> object:
        return ("a" in thrown) != ("b" in thrown), "c" in thrown

    found = Oracle((*names(2), "a", "b", "c"), model).search(every_switch=True)
    assert found.culprits == ("c",)
    assert [set(group) for group in found.cancelling] == [{"a", "b"}]
    assert found.roles["a"] is found.roles["b"] is Role.CANCELS


@pytest.mark.parametrize("like", [Like.VOID, Like.UNCLEAR])
def test_void_and_unclear_are_never_blamed(like: Like) -> None:
    def model(thrown: Thrown) -> object:
        if 0 < len(thrown) < 6:
            return like
        return len(thrown) == 6

    found = Oracle(names(6), model).search(every_switch=True)
    assert not found.culprits
    assert set(found.roles.values()) == {Role.UNDECIDED}
    assert found.forward is None


def test_a_switch_whose_removal_breaks_the_model_is_undecided_not_guilty() -> None:
    def model(thrown: Thrown) -> object:
        return Like.VOID if "s1" not in thrown and thrown else "s3" in thrown

    found = Oracle(names(5), model).search()
    assert "s1" not in found.culprits


@pytest.mark.parametrize("budget", range(12))
def test_a_spent_budget_leaves_only_what_was_shown(budget: int) -> None:
    oracle = Oracle(names(9), lambda thrown: {"s3", "s7"} <= thrown, budget)
    found = oracle.search()
    assert found.complete or len(oracle.asked) <= budget
    for one in found.sets:
        assert oracle.model(frozenset(one)) == oracle.right


def test_few_switches_are_all_tried() -> None:
    oracle = Oracle(names(ALL_SETTINGS), acting("s1"))
    assert oracle.search().culprits == ("s1",)
    assert len(set(oracle.asked)) == 2**ALL_SETTINGS - 2


def test_nothing_is_asked_twice() -> None:
    oracle = Oracle(names(10), lambda thrown: len(thrown & {"s1", "s5", "s8"}))
    oracle.search(every_switch=True)
    assert len(oracle.asked) == len(set(oracle.asked))


# ---------------------------------------------------------------- thousands of planted models


@st.composite
def machines(draw: st.DrawFn) -> tuple[tuple[str, ...], Model]:
    """A model with several stages. A stage shows some switches, is hidden while others are thrown, and acts only with
    others: what settings of numerical libraries do to each other."""
    switches = names(draw(st.integers(1, 10)))
    some = st.frozensets(st.sampled_from(switches), max_size=3)
    stages = draw(st.lists(st.tuples(some, some, some), min_size=1, max_size=4))

    def model(thrown: Thrown) -> object:
        return tuple(
            tuple(sorted(shown & thrown)) if needed <= thrown and not hiding & thrown else ()
            for shown, hiding, needed in stages
        )

    return switches, model


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[str, ...], Model]:
    """Any model at all: every combination answers one of four things, with no reason whatever."""
    switches = names(draw(st.integers(1, 6)))
    answers = {one: draw(st.integers(0, 3)) for one in subsets(switches)}
    return switches, answers.__getitem__


def check(switches: tuple[str, ...], model: Model, *, every_switch: bool) -> None:
    oracle = Oracle(switches, model)
    if oracle.left == oracle.right:
        return
    found = oracle.search(every_switch=every_switch)
    assert found.complete
    assert found.sets, "the ends differ, so some set suffices"
    for one in found.sets:
        assert model(frozenset(one)) == oracle.right
        assert all(model(frozenset(one) - {name}) != oracle.right for name in one)
    culprits, everything = frozenset(found.culprits), frozenset(switches)
    assert found.forward == (model(culprits) == oracle.right)
    assert found.backward == (model(everything - culprits) == oracle.left)
    if found.backward is False and everything - culprits and model(everything - culprits) != oracle.right:
        assert found.hidden
        assert model(everything - culprits - frozenset(found.hidden)) == oracle.left
    for group in found.cancelling:
        assert model(everything - frozenset(group)) == oracle.right
    assert set(found.roles) == set(switches)
    assert {name for name, role in found.roles.items() if role is Role.CULPRIT} == culprits
    assert len(oracle.asked) == len(set(oracle.asked))


@settings(max_examples=3000, deadline=None)
@given(machines(), st.booleans())
def test_machines_of_masks_and_needs(machine: tuple[tuple[str, ...], Model], every_switch: bool) -> None:
    check(*machine, every_switch=every_switch)


@settings(max_examples=1500, deadline=None)
@given(tables(), st.booleans())
def test_models_without_any_order(table: tuple[tuple[str, ...], Model], every_switch: bool) -> None:
    check(*table, every_switch=every_switch)


@settings(max_examples=1000, deadline=None)
@given(machines(), st.data())
def test_trials_that_say_nothing_never_convict(machine: tuple[tuple[str, ...], Model], data: st.DataObject) -> None:
    switches, model = machine
    oracle = Oracle(switches, model)
    everything = frozenset(switches)
    if oracle.left == oracle.right:
        return
    dumb = data.draw(st.frozensets(st.sampled_from(subsets(switches)), max_size=6)) - {frozenset(), everything}
    oracle.said = {one: data.draw(st.sampled_from([Like.VOID, Like.UNCLEAR])) for one in sorted(dumb, key=sorted)}
    found = oracle.search(every_switch=True)
    for one in found.sets:
        assert model(frozenset(one)) == oracle.right
        assert frozenset(one) not in dumb
        for name in one:
            assert frozenset(one) - {name} not in dumb
    if found.forward:
        assert model(frozenset(found.culprits)) == oracle.right


@settings(max_examples=500, deadline=None)
@given(st.integers(4, 60), st.data())
def test_a_lone_culprit_costs_little_wherever_it_stands(count: int, data: st.DataObject) -> None:
    rank = data.draw(st.integers(0, count - 1))
    oracle = Oracle(names(count), acting(f"s{rank}"))
    assert oracle.search().culprits == (f"s{rank}",)
    assert len(oracle.asked) <= 3 + 3 * max(rank, 1).bit_length()


def test_minimal_of_a_plain_conjunction() -> None:
    def holds(some: Iterable[str]) -> bool:
        return {"b", "d"} <= set(some)

    assert minimal("abcde", holds).kept == ("b", "d")
