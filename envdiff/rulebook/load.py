"""YAML to rulebook: strict, with file and key in every complaint, and quick the second time."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from envdiff.errors import UnusableInput
from envdiff.rulebook import conditions
from envdiff.rulebook.book import Entry, Rulebook
from envdiff.rulebook.model import Rule, rule_from

LARGEST = 1 << 20  # bytes of a file
DEEPEST = 30
OWN = str(Path(__file__).parent) + os.sep
# Part of the cache: raise it when the plain form of a rule changes.
FORMAT = 7


def load_rulebook(folders: Sequence[Path] = (), *, cache: Path | None = None) -> Rulebook:
    """The built-in rules and those of ``folders``; raises :class:`UnusableInput` for a file that is not right.

    ``cache`` is a file for the validated form: reading and validating YAML takes longer than judging two environments.
    """
    root = Path(__file__).parent
    rule_files = [*_yaml_files(root / "rules"), *(file for folder in folders for file in _folder(folder))]
    table_files = _yaml_files(root / "changes")
    if cache is None:
        return _book(_validated(rule_files, table_files))
    signs = _signs([*rule_files, *table_files])
    content = _kept(cache, signs)
    if content is None:
        content = _validated(rule_files, table_files)
        _keep(cache, signs, content)
    return _book(content)


def _book(content: bytes) -> Rulebook:
    """``content``: a line of entries of the rules, a line of ids of the tables, then a line for each of both."""
    entries, tables, *texts = content.decode("ascii").split("\n")
    found = tuple(Entry(rule, tuple(about), standing, length) for rule, about, standing, length in json.loads(entries))
    rules = dict(zip((entry.id for entry in found), texts[: len(found)], strict=True))
    return Rulebook(found, rules, dict(zip(json.loads(tables), texts[len(found) :], strict=True)))


def load_rule(file: Path) -> Rule:
    """One rule file, for an author; raises :class:`UnusableInput` with everything that is wrong with it."""
    return rule_from(_checked_rule(str(file)))


def _folder(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise UnusableInput("there is no such folder of rules", subject=str(folder), hint="see [tool.envdiff] rules")
    return _yaml_files(folder)


def _yaml_files(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.path for entry in entries if entry.name.endswith(".yaml"))


def _signs(files: list[str]) -> bytes:
    """What changes when a file does, or this module's idea of the cache."""
    found = [(file, os.stat(file)) for file in files]  # noqa: PTH116
    return json.dumps([FORMAT, *((file, at.st_mtime_ns, at.st_size) for file, at in found)]).encode()


def _kept(cache: Path, signs: bytes) -> bytes | None:
    """What :func:`_keep` wrote, if no file has changed since and all of it is there."""
    try:
        head, _, content = cache.read_bytes().partition(b"\n")
    except OSError:
        return None
    return content if head == _head(signs, content) else None


def _head(signs: bytes, content: bytes) -> bytes:
    return b"%d %s" % (zlib.crc32(content), signs)


def _keep(cache: Path, signs: bytes, content: bytes) -> None:
    """Keep the validated form if the disk allows; without it the next start is merely slower."""
    partial = cache.with_name(f"{cache.name}.{os.getpid()}")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(_head(signs, content) + b"\n" + content)
        partial.replace(cache)
    except OSError:
        partial.unlink(missing_ok=True)


def _validated(rule_files: list[str], table_files: list[str]) -> bytes:
    """Every file through the door, and the rules checked against each other and against the tables; see :func:`_book`."""
    from envdiff.rulebook.door import ChangeTableDocument

    tables = [_through(ChangeTableDocument, _with_sources(_read_yaml(file)), file) for file in table_files]
    known = {table["id"] for table in tables}
    rules: list[dict[str, Any]] = []
    by_id: dict[str, str] = {}
    for file in rule_files:
        rule = _checked_rule(file)
        if rule["id"] in by_id:
            raise UnusableInput(f"id: {by_id[rule['id']]} has the same", subject=file)
        by_id[rule["id"]] = file
        if rule["changes"] is not None and rule["changes"] not in known:
            raise UnusableInput(f"changes: there is no table {rule['changes']!r}", subject=file)
        rules.append(rule)
    for rule in rules:
        for name in (*rule["covers"], *([rule["unsolved"]] if rule["unsolved"] else ())):
            if name not in by_id:
                raise UnusableInput(f"there is no rule {name!r}, which it names", subject=by_id[rule["id"]])
    rules.sort(key=lambda rule: str(rule["id"]))
    entries = [(rule["id"], rule["about"], rule["standing"], len(json.dumps(rule["when"] or {}))) for rule in rules]
    lines = [entries, [table["id"] for table in tables], *rules, *tables]
    return "\n".join(json.dumps(line) for line in lines).encode("ascii")


def _checked_rule(file: str) -> dict[str, Any]:
    from envdiff.rulebook.door import RuleDocument

    rule = _through(RuleDocument, _read_yaml(file), file)
    try:
        conditions.check(rule["when"] or {}, "when")
    except UnusableInput as error:
        raise UnusableInput(error.message, subject=file, hint=error.hint) from error
    if rule["standing"] and not rule["when"]:
        raise UnusableInput("when: a standing rule needs a condition, or it would always speak", subject=file)
    return rule


def _read_yaml(file: str) -> Any:
    try:
        text = _read_text(file)
    except OSError as error:
        raise UnusableInput(f"it cannot be read: {error.strerror}", subject=file) from error
    except UnicodeDecodeError as error:
        raise UnusableInput("it is not YAML: it is not UTF-8 text", subject=file) from error
    return _yaml(text, file)


def _read_text(file: str) -> str:
    with Path(file).open("rb") as stream:
        raw = stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise UnusableInput(f"it is larger than {LARGEST >> 20} MB: no rule is", subject=file)
    return raw.decode("utf-8")


def _yaml(text: str, file: str) -> Any:
    """The values in ``text``, which is looked through first unless it is one of ours: that takes as long as loading it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if not file.startswith(OWN):
            _look_through(yaml.parse(text, Loader=loader), file)
        return yaml.load(text, Loader=loader)  # noqa: S506  safe loaders
    except (
        yaml.YAMLError,
        ValueError,
        ArithmeticError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        # Its constructors of dates and numbers let through whatever goes wrong in them.
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnusableInput(f"it is not YAML: {first[:300]}", subject=file) from error


def _look_through(events: Iterable[Any], file: str) -> None:
    """Refuses aliases, a few lines of which can stand for more than any memory, and depth that the loader dies of."""
    import yaml

    depth = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise UnusableInput("it has aliases (*NAME), which rules may not have", subject=file)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise UnusableInput("it is nested too deeply to be a rule", subject=file)


def _through(kind: Any, document: Any, file: str) -> dict[str, Any]:
    """``document`` validated as ``kind`` (a model of :mod:`envdiff.rulebook.door`), as plain JSON data."""
    from pydantic import ValidationError

    try:
        plain: dict[str, Any] = kind.model_validate(document).model_dump(mode="json")
    except ValidationError as error:
        raise UnusableInput(
            "\n".join(_complaints(error)), subject=file, hint="envdiff/rulebook/writing.md shows a whole one"
        ) from error
    except ValueError as error:  # values that YAML has and JSON has not
        raise UnusableInput(f"it holds what no rule can: {str(error)[:300]}", subject=file) from error
    if plain["id"] != _stem(file):
        raise UnusableInput(f"id: it is {plain['id']!r}, but the file is called '{_stem(file)}.yaml'", subject=file)
    return plain


def _with_sources(document: Any) -> Any:
    """Rows of a change table name their sources by key; put the sources themselves there."""
    if not isinstance(document, dict):
        return document
    named = document.get("sources") or {}
    rows = document.get("changes") or []
    filled = [
        {**row, "sources": [named.get(key, key) for key in row.get("sources", [])]} if isinstance(row, dict) else row
        for row in rows
    ]
    return {**document, "changes": filled}


def _complaints(error: Any) -> Iterable[str]:
    for one in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in one["loc"]) or "the file"
        yield f"{where}: {one['msg']}"


def _stem(file: str) -> str:
    return os.path.basename(file).removesuffix(".yaml")  # noqa: PTH119  a hundred Path objects take a tenth of a report
