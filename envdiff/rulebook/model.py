"""What a rule and a table of known changes are, once they are through the door."""

# No postponed annotations here: a named tuple compiles each one that is a text.
from collections.abc import Mapping
from typing import Any, NamedTuple

from envdiff.report import Basis, Size, Source, Steadiness, Verdict

# The order in which causes are suspected when sizes do not decide: what is served, what is fed, how precisely it is
# computed, what the versions changed, which kernels run, in which order they add up, what the host lends.
LAYERS = ("artifact", "input", "precision", "behaviour", "kernels", "order", "host")


class Needs(NamedTuple):
    """What must be in use for the rule to matter; see :class:`envdiff.rulebook.door.NeedsDocument`."""

    ops: tuple[str, ...]
    device: str | None
    entry: str | None


class Rule(NamedTuple):
    """What is known about one kind of mismatch.

    ``about`` are paths or patterns; ``confirm_env`` maps a variable to the values to try (None: unset; one alone is held
    while others vary), ``confirm_run`` other things that an experiment varies, ``confirm_do`` are commands or actions in
    words; ``measured`` are (what was changed, what moved). ``covers`` are rules whose findings
    say less than this one when both speak, so that they fold under it; ``unsolved`` is the rule that speaks instead of
    this one when answers differ and nothing else explains it.
    """

    id: str
    title: str
    about: tuple[str, ...]
    when: Mapping[str, Any]
    standing: bool | str
    needs: Needs
    layer: str
    verdict: Verdict
    size: Size
    steadiness: Steadiness
    at_worst: Size | None
    basis: Basis
    mechanism: str
    measured: tuple[tuple[str, str], ...]
    confirm_env: Mapping[str, tuple[str | None, ...]]
    confirm_run: Mapping[str, tuple[str | int | bool | None, ...]]
    confirm_do: tuple[str, ...]
    fix: str
    changes: str | None
    covers: tuple[str, ...]
    unsolved: str | None
    sources: tuple[Source, ...]

    @property
    def varied_env(self) -> Mapping[str, tuple[str | None, ...]]:
        """The variables that the experiment gives several values."""
        return {name: values for name, values in self.confirm_env.items() if len(values) > 1}

    @property
    def held_env(self) -> Mapping[str, str]:
        """The variables that are set alike in every run of the experiment."""
        alone = {name: values[0] for name, values in self.confirm_env.items() if len(values) == 1}
        return {name: value for name, value in alone.items() if value is not None}


class KnownChange(NamedTuple):
    """One known change: ``version`` is the first release that has it, ``acts`` where: graph, keras, python or xla."""

    version: str
    what: str
    size: Size
    basis: Basis
    acts: str
    ops: tuple[str, ...]
    when: Mapping[str, Any]
    sources: tuple[Source, ...]


class ChangeTable(NamedTuple):
    """All known changes of one thing between its versions."""

    id: str
    subject: str
    path: str
    changes: tuple[KnownChange, ...]


def rule_from(plain: Mapping[str, Any]) -> Rule:
    """A rule from what the door lets through."""
    needs, confirm = plain["needs"], plain["confirm"]
    return Rule(
        id=plain["id"],
        title=plain["title"],
        about=tuple(plain["about"]),
        when=plain["when"] or {},
        standing=plain["standing"],
        needs=Needs(tuple(needs["ops"]), needs["device"], needs["entry"]),
        layer=plain["layer"],
        verdict=Verdict(plain["verdict"]),
        size=Size(plain["size"]),
        steadiness=Steadiness(plain["steadiness"]),
        at_worst=Size(plain["at_worst"]) if plain["at_worst"] else None,
        basis=Basis(plain["basis"]),
        mechanism=plain["mechanism"],
        measured=tuple((row["what"], row["moved"]) for row in plain["measured"]),
        confirm_env={name: tuple(values) for name, values in confirm["env"].items()},
        confirm_run={name: tuple(values) for name, values in confirm["run"].items()},
        confirm_do=tuple(confirm["do"]),
        fix=plain["fix"],
        changes=plain["changes"],
        covers=tuple(plain["covers"]),
        unsolved=plain["unsolved"],
        sources=_sources(plain),
    )


def table_from(plain: Mapping[str, Any]) -> ChangeTable:
    """A table of changes from what the door lets through."""
    return ChangeTable(plain["id"], plain["subject"], plain["path"], tuple(_change(row) for row in plain["changes"]))


def _change(row: Mapping[str, Any]) -> KnownChange:
    return KnownChange(
        version=row["version"],
        what=row["what"],
        size=Size(row["size"]),
        basis=Basis(row["basis"]),
        acts=row["acts"],
        ops=tuple(row["ops"]),
        when=row["when"] or {},
        sources=_sources(row),
    )


def _sources(plain: Mapping[str, Any]) -> tuple[Source, ...]:
    return tuple(Source(source["what"], source["where"], source["read"]) for source in plain["sources"])
