"""YAML to rulebook: strict, with file and key in every complaint, and quick the second time."""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from envdiff.errors import UnusableInput
from envdiff.rulebook import conditions
from envdiff.rulebook.model import ChangeTable, Rule

Document = TypeVar("Document", bound=BaseModel)

# Part of the cache's name: raise it when the meaning of a rule file changes.
FORMAT = 1


@dataclass(frozen=True)
class Rulebook:
    """All rules and change tables, checked against each other."""

    rules: tuple[Rule, ...]
    tables: dict[str, ChangeTable]

    def __getitem__(self, rule_id: str) -> Rule:
        try:
            return self._by_id[rule_id]
        except KeyError as error:
            close = ", ".join(difflib.get_close_matches(rule_id, self._by_id, n=5))
            raise UnusableInput(
                f"there is no rule {rule_id!r}",
                hint=f"did you mean one of: {close}" if close else "envdiff rules lists them",
            ) from error

    @property
    def standing(self) -> tuple[Rule, ...]:
        """Rules that look at every pair, whether or not the sides differ in what they are about."""
        return tuple(rule for rule in self.rules if rule.standing)

    def about(self, path: str) -> list[Rule]:
        """Rules that speak of ``path``, the most specific first: by name, by longer pattern, by more conditions."""
        named = [(len(path) + 1, rule) for rule in self._by_path.get(path, ())]
        named += [(len(glob), rule) for glob, rule in self._globs if fnmatch.fnmatchcase(path, glob)]
        named.sort(key=lambda pair: (-pair[0], -len(json.dumps(pair[1].when or {})), pair[1].id))
        return [rule for _, rule in named]

    @cached_property
    def _by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}

    @cached_property
    def _by_path(self) -> dict[str, list[Rule]]:
        found: dict[str, list[Rule]] = {}
        for rule in self.rules:
            for path in rule.about if not rule.standing else ():
                found.setdefault(path, []).append(rule)
        return found

    @cached_property
    def _globs(self) -> list[tuple[str, Rule]]:
        pairs = [(path, rule) for rule in self.rules if not rule.standing for path in rule.about]
        return [(path, rule) for path, rule in pairs if "*" in path or "?" in path]


def load_rulebook(folders: Sequence[Path] = (), *, cache: Path | None = None) -> Rulebook:
    """The built-in rules and those of ``folders``; raises :class:`UnusableInput` for a file that is not right.

    ``cache`` is a directory for the parsed form, since reading YAML takes longer than judging two environments.
    """
    root = Path(str(resources.files("envdiff.rulebook")))
    rule_files = [*_yaml_files(root / "rules"), *(file for folder in folders for file in _folder(folder))]
    table_files = _yaml_files(root / "changes")
    documents = _documents([*rule_files, *table_files], cache)
    rules = [_validate(TypeAdapter(Rule), documents[file], file) for file in rule_files]
    tables = [_validate(TypeAdapter(ChangeTable), documents[file], file) for file in table_files]
    book = Rulebook(tuple(sorted(rules, key=lambda rule: rule.id)), {table.id: table for table in tables})
    _cross_check(book, rule_files)
    return book


def load_rule(file: Path) -> Rule:
    """One rule file, for an author; raises :class:`UnusableInput` with everything that is wrong with it."""
    rule: Rule = _validate(TypeAdapter(Rule), _read_yaml(file), file)
    _check_rule(rule, file)
    return rule


def _folder(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UnusableInput("there is no such folder of rules", subject=str(folder), hint="see [tool.envdiff] rules")
    return _yaml_files(folder)


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yaml"))


def _documents(files: list[Path], cache: Path | None) -> dict[Path, Any]:
    """Every file parsed, from the cache when all are unchanged."""
    if cache is None:
        return {file: _read_yaml(file) for file in files}
    stats = [(str(file), stat.st_mtime_ns, stat.st_size) for file in files for stat in [file.stat()]]
    stored = cache / f"rulebook-{hashlib.sha256(json.dumps([FORMAT, stats]).encode()).hexdigest()[:32]}.json"
    try:
        texts = json.loads(stored.read_bytes())
        return {file: texts[str(file)] for file in files}
    except (OSError, ValueError, KeyError, TypeError):
        documents = {file: _read_yaml(file) for file in files}
        _store(stored, documents)
        return documents


def _store(stored: Path, documents: dict[Path, Any]) -> None:
    """Keep the parsed form if the disk allows; without it the next start is merely slower."""
    try:
        stored.parent.mkdir(parents=True, exist_ok=True)
        for old in stored.parent.glob("rulebook-*.json"):
            old.unlink(missing_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=stored.parent, delete=False, encoding="utf-8") as file:
            json.dump({str(path): document for path, document in documents.items()}, file, default=str)
        os.replace(file.name, stored)  # noqa: PTH105  Path.replace is the same call
    except OSError:
        return


def _read_yaml(file: Path) -> Any:
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  safe loaders
    except OSError as error:
        raise UnusableInput(f"it cannot be read: {error.strerror}", subject=str(file)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise UnusableInput(f"it is not YAML: {first}", subject=str(file)) from error


def _validate(adapter: TypeAdapter[Document], document: Any, file: Path) -> Document:
    try:
        if isinstance(document, dict) and "changes" in document and "path" in document:
            document = _with_sources(document)
        valid = adapter.validate_python(document)
    except ValidationError as error:
        raise UnusableInput(
            "\n".join(_complaints(error)), subject=str(file), hint="see the README: add a rule"
        ) from error
    name = getattr(valid, "id", file.stem)
    if name != file.stem:
        raise UnusableInput(f"id: it is {name!r}, but the file is called {file.name!r}", subject=str(file))
    return valid


def _with_sources(document: dict[str, Any]) -> dict[str, Any]:
    """Rows of a change table name their sources by key; put the sources themselves there."""
    named = document.get("sources") or {}
    rows = document.get("changes") or []
    filled = [
        {**row, "sources": [named.get(key, key) for key in row.get("sources", [])]} if isinstance(row, dict) else row
        for row in rows
    ]
    return {**document, "changes": filled}


def _complaints(error: ValidationError) -> Iterable[str]:
    for one in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in one["loc"]) or "the file"
        yield f"{where}: {one['msg']}"


def _cross_check(book: Rulebook, files: list[Path]) -> None:
    by_id: dict[str, Path] = {}
    for file in files:
        if file.stem in by_id:
            raise UnusableInput(f"id: {by_id[file.stem]} has the same", subject=str(file))
        by_id[file.stem] = file
    for rule in book.rules:
        _check_rule(rule, by_id[rule.id])
        if rule.changes is not None and rule.changes not in book.tables:
            raise UnusableInput(f"changes: there is no table {rule.changes!r}", subject=str(by_id[rule.id]))


def _check_rule(rule: Rule, file: Path) -> None:
    try:
        conditions.check(rule.when or {}, "when")
    except UnusableInput as error:
        raise UnusableInput(error.message, subject=str(file), hint=error.hint) from error
    if rule.standing and not rule.when:
        raise UnusableInput("when: a standing rule needs a condition, or it would always speak", subject=str(file))
