"""What running it showed, laid over what the rules say: an experiment on this model outranks every rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from envdiff.compare import Comparison
from envdiff.explain.answer import answer
from envdiff.report import (
    Answer,
    Basis,
    Finding,
    Isolation,
    Report,
    RuledOut,
    SameInEffect,
    Tried,
    Unexplained,
    Verdict,
)

HERE = "and nothing changed, on this model and these rows"
TAKEN_OUT = f"isolate took it out of right {HERE}"
ADDED = f"isolate added it to left {HERE}"
TOGETHER = f"isolate threw it together with others {HERE}"
# What a switch that is neither a culprit nor cleared says of its finding.
OPEN: Mapping[str, str] = {
    "hidden": "isolate: it moves the answers once what was shown to be the cause is taken out of right",
    "cancels": "isolate: it moves the answers, and another switch undoes that in right",
    "cleared": "isolate: right does without it, but thrown by itself it moves the answers",
    "undecided": "isolate could not decide it: trials with it were void or unclear, or were not run",
    "void": "isolate could not throw it",
}
ALIKE = "isolate threw it together with all others, and the sides answered alike, on this model and these rows"
# Switches that bring a whole place along: what they are about is a part of what was changed.
WHOLE: Mapping[str, str] = {
    "interpreter": "the whole interpreter with all its packages was changed, not this alone",
    "image": "the whole image was changed, not this alone",
    "node": "the whole machine was changed, not this alone",
}
# Facts that come with an interpreter, and what its switch says of a finding about one of them.
IN_AN_INTERPRETER = (
    "python.",
    "packages.",
    "builds.",
    "keras.version",
    "keras.generation",
    "keras.package",
    "origins.",
)
ALONG: Mapping[str, str] = {
    "culprit": "isolate: it can be a part of what moved the answers, since the whole interpreter was changed",
    "cleared": f"isolate changed the whole interpreter {HERE}",
}
NAMED = 3  # switches in one sentence
STEPS = 3


def is_of(isolation: Isolation, comparison: Comparison) -> bool:
    """Whether it was made of these two sides, by their labels."""
    return (isolation.left, isolation.right) == (comparison.left.label, comparison.right.label)


def with_isolation(report: Report, isolation: Isolation, comparison: Comparison) -> Report:
    """``report`` with the isolation in it, and decided by it. One of another pair is a note and decides nothing."""
    if not is_of(isolation, comparison):
        return report._replace(notes=(*report.notes, _other_pair(isolation, comparison)))
    proven = Proven.of(isolation, report, comparison)
    findings, too_small, cleared = proven.sorted(report)
    held: tuple[RuledOut | SameInEffect, ...] = (*report.ruled_out, *report.same_in_effect)
    refuted = [one for one in held if one.about in proven.guilty]
    unexplained = (
        *(Unexplained(one.about, one.left, one.right) for one in refuted),
        *(one for one in report.unexplained if proven.cleared(one.path, ()) is None),
    )
    by_rules = answer(findings, too_small, unexplained, report.unread, report.delta)
    return report._replace(
        answer=_answer(by_rules, isolation),
        findings=findings,
        too_small=too_small,
        same_in_effect=tuple(one for one in report.same_in_effect if one not in refuted),
        ruled_out=(*cleared, *(one for one in report.ruled_out if one not in refuted)),
        unexplained=unexplained,
        notes=(*report.notes, *_unknown(report, proven, refuted)),
        isolation=isolation,
    )


@dataclass(frozen=True)
class Proven:
    """An isolation by what its switches are about; ``guilty`` are the names that the report has for the culprits'."""

    isolation: Isolation
    by_about: Mapping[str, tuple[Tried, ...]]
    guilty: Mapping[str, tuple[Tried, ...]]

    @classmethod
    def of(cls, isolation: Isolation, report: Report, comparison: Comparison) -> Proven:
        names = _names(report, comparison)
        by_about: dict[str, tuple[Tried, ...]] = {}
        guilty: dict[str, tuple[Tried, ...]] = {}
        for tried in isolation.switches:
            by_about[tried.about] = (*by_about.get(tried.about, ()), tried)
        for tried in _culprits(isolation):
            about = names.get(tried.about, tried.about)
            guilty[about] = (*guilty.get(about, ()), tried)
        return cls(isolation, by_about, guilty)

    def cleared(self, about: str, folded: Sequence[tuple[str, str, str]]) -> str | None:
        """Why a mismatch is ruled out; None when it is not, or when not all of it was thrown."""
        switches = self.by_about.get(about, ())
        if about in self.guilty or not switches or any(_open(one) for one in switches):
            return None
        if _missed(folded, {one.name for one in switches}):
            return None
        if all(one.all_but == "same" for one in switches):
            return TAKEN_OUT
        return ADDED if all(one.alone == "same" for one in switches) else TOGETHER

    def sorted(self, report: Report) -> tuple[tuple[Finding, ...], tuple[Finding, ...], tuple[RuledOut, ...]]:
        """(findings, what was shown to be the cause first; those that are too small; what was cleared)."""
        every = (*report.findings, *report.too_small)
        first = tuple(self._shown(one) for about in self.guilty for one in every if one.about == about)
        cleared = [
            *((one.about, one.left.text, one.right.text, one.rule, one.folded) for one in every),
            *((one.path, one.left, one.right, "", ()) for one in report.unexplained),
        ]
        return (
            (*first, *self._staying(report.findings)),
            self._staying(report.too_small),
            tuple(
                RuledOut(about, left, right, rule, why)
                for about, left, right, rule, folded in cleared
                if (why := self.cleared(about, folded))
            ),
        )

    def _staying(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        return tuple(
            self._told(one)
            for one in findings
            if one.about not in self.guilty and self.cleared(one.about, one.folded) is None
        )

    def _told(self, finding: Finding) -> Finding:
        """A finding that stays, with what was tried of it."""
        tried = self.by_about.get(finding.about, ())
        said = [self._left_open(one) for one in tried if _open(one) and one.verdict in OPEN]
        said += [
            f"isolate did not run it: {why}" for what, why in self.isolation.not_recreated if what == finding.about
        ]
        if not tried and finding.about.startswith(IN_AN_INTERPRETER):
            said += [ALONG[one.verdict] for one in self.isolation.switches if _is_interpreter(one)]
        return finding._replace(because="; ".join(dict.fromkeys(part for part in (finding.because, *said) if part)))

    def _left_open(self, tried: Tried) -> str:
        if tried.verdict == "undecided" and _alike(self.isolation):
            return ALIKE
        return f"{OPEN[tried.verdict]}: {tried.why}" if tried.why else OPEN[tried.verdict]

    def _shown(self, finding: Finding) -> Finding:
        """A finding that was shown to be the cause. What the rules doubted of it is settled."""
        tried = self.guilty[finding.about]
        whole = dict.fromkeys(WHOLE[one.name] for one in tried if one.name in WHOLE)
        return finding._replace(
            verdict=finding.verdict if whole else Verdict.MOVES,
            basis=finding.basis if whole else Basis.MEASURED,
            fits_delta=None if finding.fits_delta is None else True,
            because="; ".join((f"shown by running it: {_thrown(tried, self.isolation)}", *whole)),
        )


def _names(report: Report, comparison: Comparison) -> Mapping[str, str]:
    """Raw paths by what the report calls the thing that they are folded under."""
    names: dict[str, str] = {}
    for finding in (*report.findings, *report.too_small):
        names.update({path: finding.about for path, _, _ in finding.folded})
    for mismatch in comparison.mismatches:
        names.update({path: names.get(path, mismatch.path) for path, _, _ in mismatch.folded})
    for mismatch in (*comparison.same_in_effect, *comparison.idle):
        names.update({path: names.get(path, mismatch.folded[0][0]) for path, _, _ in mismatch.folded})
    return names


def _culprits(isolation: Isolation) -> list[Tried]:
    """In the order of the sets."""
    order = {name: at for at, name in enumerate(isolation.culprits)}
    return sorted((one for one in isolation.switches if one.name in order), key=lambda one: order[one.name])


def _open(tried: Tried) -> bool:
    """Whether the experiment leaves the switch under suspicion, or proves it."""
    return tried.verdict != "cleared" or "moved" in (tried.alone, tried.all_but)


def _missed(folded: Sequence[tuple[str, str, str]], names: set[str]) -> bool:
    """Whether variables or packages belong to the same mismatch that no switch throws."""
    whole = bool(names & WHOLE.keys())
    return any(
        (path.startswith("env.") and path.removeprefix("env.") not in names)
        or (path.startswith("packages.") and not whole and f"package {path.removeprefix('packages.')}" not in names)
        for path, _, _ in folded
    )


def _is_interpreter(tried: Tried) -> bool:
    return tried.name == "interpreter" and tried.verdict in ALONG


def _thrown(tried: Sequence[Tried], isolation: Isolation) -> str:
    """Which sets of switches, with these among them, did what."""
    names = {one.name for one in tried}
    sets = [_listed(one) for one in isolation.sets if names & set(one)]
    forward = "; ".join(f"left with {one} thrown answers as right" for one in sets)
    enough = ", as it does with others by themselves" if len(isolation.sets) > len(sets) else ""
    without = "without it" if len(isolation.culprits) == 1 else "without all culprits"
    return f"{forward}{enough}" + (f", and right {without} answers as left" if isolation.backward else "")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _answer(by_rules: Answer, isolation: Isolation) -> Answer:
    lost = tuple(f"{about}: {why}" for about, why in isolation.not_recreated[:STEPS])
    if isolation.culprits:
        whole = isolation.forward and isolation.backward and isolation.reproduced in (None, 1.0)
        return Answer(Verdict.MOVES, isolation.sentence, () if whole else lost)
    # A switch that was cleared was searched for, and nothing is searched for where the sides answer alike.
    differ = any(one.verdict == "cleared" for one in isolation.switches)
    verdict = Verdict.MOVES if differ else by_rules.verdict
    sentence = f"{by_rules.sentence} By running it: {isolation.sentence}"
    return Answer(verdict, sentence, lost if _alike(isolation) else by_rules.next_steps)


def _alike(isolation: Isolation) -> bool:
    return isolation.exact and isolation.gap == 0


def _other_pair(isolation: Isolation, comparison: Comparison) -> str:
    labels = (comparison.left.label, comparison.right.label)
    if (isolation.right, isolation.left) == labels:
        return (
            f"The isolation has the sides the other way round (left {isolation.left}, right {isolation.right}): it is not "
            "used here. Give the fingerprints in its order."
        )
    return (
        f"The isolation is of {isolation.left} and {isolation.right}, not of {labels[0]} and {labels[1]}: it is not used "
        "here."
    )


def _unknown(report: Report, proven: Proven, refuted: Sequence[RuledOut | SameInEffect]) -> Iterable[str]:
    """Culprits that are no finding of this report: each is told, with what the report took it for."""
    findings = {one.about for one in (*report.findings, *report.too_small)}
    taken_for = {one.path: "no rule knows it" for one in report.unexplained}
    taken_for.update({one.path: "it is ignored here, because somebody asked for it" for one in report.ignored})
    taken_for.update({one.about: "a rule held it to be without effect, and running it refutes that" for one in refuted})
    for about, tried in proven.guilty.items():
        if about in findings:
            continue
        found = taken_for.get(
            about, f"no mismatch here is about {about}" if about else "it is no fact of a fingerprint"
        )
        yield f"Shown to be a cause, and not among the findings: {_listed([one.name for one in tried])} ({found})."
