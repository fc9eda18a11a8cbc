"""Groups: what a report would call equal and nothing else, whatever the order, the copies and the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from builders import BASE, BOOK, GPU, fingerprint
from fleets import by_reports
from hypothesis import given, settings
from hypothesis import strategies as st

from envdiff.fingerprint import Fingerprint, Unread, Withheld
from envdiff.fleet.columns import UNREAD, WITHHELD, Table, reading_of, table_of
from envdiff.fleet.gather import Weave
from envdiff.fleet.group import Grouping, Judgements, grouped
from envdiff.fleet.harmless import NOT_FOR_SETTINGS, Harmless
from envdiff.fleet.positions import Positions
from envdiff.fleet.questions import Found, questions
from envdiff.rulebook.conditions import check, looks
from envdiff.settings import settings_of

RULES = Path(__file__).parent.parent / "rules"


def table_with(fleet: Sequence[Fingerprint], names: Sequence[int]) -> Table:
    weave = Weave(Harmless(BOOK))
    for name, one in zip(names, fleet, strict=True):
        weave.add(one, str(name))
    return table_of(weave.gathered(()))


def grouping(
    fleet: Sequence[Fingerprint], ignore: dict[str, str] | None = None, names: Sequence[int] | None = None
) -> Grouping:
    table = table_with(fleet, names or range(len(fleet)))
    return grouped(table.kinds, questions(table, BOOK, ignore or {}))


def numbers(found: Grouping) -> dict[frozenset[int], bool]:
    """The groups as numbers of fingerprints, and whether nothing that decides is missing in them."""
    return {
        frozenset(int(member.path) for kind in cluster.kinds for member in kind.alike.members): not cluster.lacks
        for cluster in found.clusters
    }


# --- against whole reports ----------------------------------------------------------------------------------


def _cases(name: str = "*.yaml") -> list[dict[str, Any]]:
    """Both sides of every example that a rule was written with: whatever rules look at is in one of them."""
    sides = []
    for file in sorted(RULES.glob(name)):
        for case in yaml.safe_load(file.read_text(encoding="utf-8")).values():
            sides += [dict(case.get(side) or {}) for side in ("left", "right")]
    return sides


CASES = _cases()
SECTIONS = ("cpu", "env", "gpu", "runtime", "packages", "cpu.flags", "tensorflow", "env.TF_ENABLE_ONEDNN_OPTS")
BASES = (BASE, {**BASE, **GPU})


def laid(base: dict[str, Any], patches: Sequence[dict[str, Any]], prefixes: Sequence[str]) -> Fingerprint:
    """``base`` with examples laid over, and whole sections unread."""
    facts, kind, unread = dict(base), "interpreter", dict.fromkeys(prefixes, "no permission")
    for patch in patches:
        facts.update(patch)
        kind = facts.pop("kind", kind)
        unread.update(facts.pop("unread", {}))
    left = {path: value for path, value in facts.items() if not any(f"{path}.".startswith(f"{one}.") for one in unread)}
    return fingerprint(left, base={}, unread=unread, kind=kind)


@st.composite
def fleets(draw: st.DrawFn) -> list[Fingerprint]:
    """A few causes, and fingerprints that have some of them."""
    patches = draw(st.lists(st.sampled_from(CASES), min_size=1, max_size=4))
    prefixes = draw(st.lists(st.sampled_from(SECTIONS), max_size=2, unique=True))
    one = st.builds(
        laid, st.sampled_from(BASES[: draw(st.integers(1, 2))]),
        st.lists(st.sampled_from(patches), max_size=3), st.lists(st.sampled_from(prefixes or ["gpu"]), max_size=1),
    )  # fmt: skip
    return draw(st.lists(one, min_size=1, max_size=6))


@settings(deadline=None, max_examples=80)
@given(fleets())
def test_a_group_is_what_reports_call_equal(fleet: list[Fingerprint]) -> None:
    equal = by_reports(fleet)
    found = numbers(grouping(fleet))
    for group, told in found.items():
        for number in group:
            if told:
                others = frozenset(at for each, is_told in found.items() if is_told for at in each)
                assert group == {at for at in others if equal[at] & others == equal[number] & others}
                assert group <= equal[number]


# --- what must not matter -----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(fleets(), st.data())
def test_the_order_of_files_does_not_matter(fleet: list[Fingerprint], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(fleet))))
    shuffled = numbers(grouping([fleet[at] for at in order]))

    assert {frozenset(order[at] for at in group): told for group, told in shuffled.items()} == numbers(grouping(fleet))


@settings(deadline=None, max_examples=30)
@given(fleets(), st.data())
def test_one_more_of_the_same_changes_only_counts(fleet: list[Fingerprint], data: st.DataObject) -> None:
    copied = data.draw(st.integers(0, len(fleet) - 1))
    more = numbers(grouping([*fleet, fleet[copied]]))

    assert {group - {len(fleet)}: told for group, told in more.items()} == numbers(grouping(fleet))
    assert all((copied in group) == (len(fleet) in group) for group in more)


@settings(deadline=None, max_examples=30)
@given(fleets())
def test_every_fingerprint_is_in_one_group(fleet: list[Fingerprint]) -> None:
    assert sorted(at for group in numbers(grouping(fleet)) for at in group) == list(range(len(fleet)))


@settings(deadline=None, max_examples=30)
@given(fleets(), st.data())
def test_the_names_of_files_do_not_matter(fleet: list[Fingerprint], data: st.DataObject) -> None:
    names = data.draw(st.permutations(range(len(fleet))))
    renamed = numbers(grouping(fleet, names=names))

    assert {frozenset(names.index(name) for name in group): told for group, told in renamed.items()} == numbers(
        grouping(fleet)
    )


# --- only what differs is held ------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(fleets(), st.data())
def test_a_table_has_what_each_fingerprint_gives(fleet: list[Fingerprint], data: st.DataObject) -> None:
    table = table_with(fleet, data.draw(st.permutations(range(len(fleet)))))
    for (at, path), kind in product(enumerate(table.columns), table.kinds):
        number, reading = table.number(at, kind), reading_of(path, kind.fingerprint, kind.settings)
        held = {UNREAD: Unread, WITHHELD: Withheld}.get(number)
        assert isinstance(reading, held) if held else table.values[at][number] == reading


@settings(deadline=None, max_examples=60)
@given(fleets(), st.data(), st.booleans())
def test_what_is_not_asked_again_has_the_answer_that_it_was_given(
    fleet: list[Fingerprint], data: st.DataObject, ignored: bool
) -> None:
    table = table_with(fleet, data.draw(st.permutations(range(len(fleet)))))
    assert not answered_otherwise(table, {"env.TF_*": "known"} if ignored else {})


def test_nor_is_it_otherwise_where_conditions_hold_the_two_sides_against_each_other() -> None:
    for rule in BOOK.rules:
        if any(look.compares for look in looks(rule.when)) and (RULES / f"{rule.id}.yaml").exists():
            fleet = [laid(BASE, [side], ()) for side in _cases(f"{rule.id}.yaml")]
            assert not answered_otherwise(table_with(fleet, range(len(fleet))), {})


def answered_otherwise(table: Table, ignore: dict[str, str]) -> list[tuple[str, int, int]]:
    """Questions, with two kinds each, that are answered otherwise than when they are asked for just these."""
    every = questions(table, BOOK, ignore)
    judgements = Judgements({question: Positions(question, table.kinds) for question in every})
    found = []
    for question, one, other in product(every, table.kinds, table.kinds):
        own = question.own(one), question.own(other)
        answer = Found.NOTHING if None in own or own[0] == own[1] else question.found(one, other)
        if judgements.found(question, one, other) is not answer:
            found.append((question.path, one.at, other.at))
    return found


# --- by example ---------------------------------------------------------------------------------------------

OFF = {"env.TF_ENABLE_ONEDNN_OPTS": "0"}
STATIC = {"runtime": "not read: --static does not import TensorFlow"}


def groups(*fleet: Fingerprint, ignore: dict[str, str] | None = None) -> list[list[int]]:
    return sorted(sorted(group) for group in numbers(grouping(fleet, ignore)))


def test_what_is_typed_otherwise_and_in_force_alike_is_one_group() -> None:
    alike = [{}, {"env.TF_ENABLE_ONEDNN_OPTS": "1"}, {"env.TF_ENABLE_ONEDNN_OPTS": "true"}]
    assert groups(*map(fingerprint, [*alike, OFF])) == [[0, 1, 2], [3]]


def test_what_cannot_matter_is_one_group() -> None:
    harmless = [{"container.id": "a"}, {"container.id": "b", "os.timezone": "Asia/Tokyo"}, {"packages.pip": "26.0"}]
    assert groups(*map(fingerprint, harmless)) == [[0, 1, 2]]


def test_what_no_rule_knows_splits() -> None:
    assert groups(fingerprint(), fingerprint({"env.TF_NEVER_HEARD_OF": "1"})) == [[0], [1]]


def test_what_is_ignored_does_not_split() -> None:
    assert groups(fingerprint(), fingerprint(OFF), ignore={"setting.onednn": "known"}) == [[0, 1]]


def test_a_reading_that_decides_and_is_missing_is_never_equal() -> None:
    blind = fingerprint({"env.LANG": None}, unread={"env": "no permission"})
    found = grouping([fingerprint(), fingerprint(), fingerprint(OFF), blind])
    assert numbers(found) == {frozenset((0, 1)): True, frozenset((2,)): True, frozenset((3,)): False}


def test_what_one_alone_did_not_read_sets_it_apart_though_nothing_differs() -> None:
    read = {"runtime.tf32": True}
    assert groups(fingerprint(read), fingerprint(read), fingerprint(unread=STATIC)) == [[0, 1], [2]]


def test_what_nobody_read_splits_nothing() -> None:
    assert groups(fingerprint(unread=STATIC), fingerprint(unread=STATIC)) == [[0, 1]]


def test_features_of_processors_split_only_where_xla_compiles() -> None:
    other = {"cpu.flags": [*BASE["cpu.flags"], "sha_ni"]}
    xla = {"env.TF_FUNCTION_JIT_COMPILE_DEFAULT": "1"}
    found = groups(fingerprint(), fingerprint(other), fingerprint(xla), fingerprint({**xla, **other}))
    assert found == [[0, 1], [2], [3]]


def test_settings_are_concluded_from_no_other_section() -> None:
    """Kinds that agree in all sections but these share their settings."""

    class Noted(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            asked.add(path)
            return super().get(path, default)

        def __contains__(self, path: object) -> bool:
            asked.add(str(path))
            return super().__contains__(path)

    asked: set[str] = set()
    for facts in (*BASES, *({**BASE, **case} for case in CASES)):
        one = fingerprint({path: value for path, value in facts.items() if path not in ("kind", "unread")}, base={})
        settings_of(replace(one, facts=Noted(one.facts)))
    assert "tensorflow.version" in asked
    assert not {path.partition(".")[0] for path in asked} & NOT_FOR_SETTINGS


def test_a_condition_looks_at_what_it_reads() -> None:
    for rule in BOOK.rules:
        assert {look.path for look in looks(rule.when)} == set(check(rule.when, rule.id))
