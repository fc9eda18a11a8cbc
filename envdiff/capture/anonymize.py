"""``--anonymize``: the names of hosts, users and directories in a fingerprint, replaced by ``anon-path-1`` and the like.

The same name becomes the same replacement within a fingerprint; with a compare key also in every other one made with that
key. What is left of a path is what rules read: the layout below an environment, file names of libraries, model versions.
"""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from envdiff.secrets import probe

# Directories that every system has; their names tell of nobody.
SYSTEM = re.compile(
    r"/(?:usr|lib(?:32|64|x32)?|bin|sbin|etc|proc|sys|dev|run|boot|System|Library|nix/store|var/lib/dpkg|v1|monitoring)(?=/|$)"
)
# TensorFlow's own names for devices begin like paths.
DEVICE = re.compile(r"/(?:job|device|task|replica|physical_device|cpu|gpu|tpu)$", re.I)
# Where what an environment is made of begins.
LAYOUT = re.compile(r"[/\\](?:(?:lib(?:64|32)?|Lib)[/\\]|(?:site|dist)-packages\b|bin[/\\]|Scripts[/\\]|include[/\\])")
LAST = re.compile(r"[/\\](?:\d+|[^/\\]*\.(?:so[\d.]*|dylib|dll|pyd))$")
WORD = r"[^\s:;,'\"=()\[\]<>|]+"
PATH = re.compile(rf"(?<![\w./~\\-])(?:~(?=[/\\])|(?=/[^/\s])){WORD}|(?<![A-Za-z])[A-Za-z]:[\\/]{WORD}")
URL = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*://)(?P<host>[^/\s:'\"?#]+)(?P<port>:\d+)?(?P<path>/[^\s'\"?#;,]*)?")
ADDRESS = r"(?:\d{1,3}\.){3}\d{1,3}|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
HOST_AND_PORT = re.compile(rf"(?<![\w./-])({ADDRESS})(?=:\d{{2,5}}(?:\D|$))")
MAIL = re.compile(r"(?<![\w@])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
LOCAL = re.compile(r"localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[?::1?\]?")
SHORTEST = 3


@dataclass(frozen=True)
class Names:
    """Names to replace wherever they stand as a word."""

    hosts: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


def local_names() -> Names:
    """This machine and whoever uses it."""
    host = socket.gethostname()
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in many containers
        user = ""
    return Names((host, host.partition(".")[0]), (user,))


@dataclass
class Replacer:
    """Chooses replacements, and remembers them: numbers without a key, digests with one."""

    key: bytes | None
    chosen: dict[tuple[str, str], str] = field(default_factory=dict)

    def name(self, kind: str, text: str) -> str:
        """The replacement of ``text``, which is a path, host or user."""
        known = (kind, text)
        if known not in self.chosen:
            number = sum(1 for other, _ in self.chosen if other == kind) + 1
            mark = str(number) if self.key is None else probe().keyed_digest(self.key, "anonymize", kind, text)[:12]
            self.chosen[known] = f"anon-{kind}-{mark}"
        return self.chosen[known]


def anonymized(document: dict[str, Any], names: Names, key: bytes | None) -> dict[str, Any]:
    """A copy of a fingerprint document without names of hosts, users and directories. Names of variables, packages,
    models and tensors stay."""
    replacer = Replacer(key)
    known = _known(document, names)

    def clean(text: str) -> str:
        return _clean(text, replacer, known)

    copy = {**document, "subject": {**document["subject"], "label": clean(document["subject"]["label"])}}
    copy["facts"] = {path: _each(value, clean) for path, value in sorted(document["facts"].items())}
    copy["unread"] = {path: clean(reason) for path, reason in document["unread"].items()}
    copy["withheld"] = {path: _each(reasons, clean) for path, reasons in document["withheld"].items()}
    if "outputs" in document:
        copy["outputs"] = _outputs(document["outputs"], clean)
    copy["anonymized"] = {"key": "" if key is None else probe().key_id(key)}
    return copy


def _each(value: Any, clean: Any) -> Any:
    if isinstance(value, list):
        return [_each(item, clean) for item in value]
    return clean(value) if isinstance(value, str) else value


def _outputs(outputs: dict[str, Any], clean: Any) -> dict[str, Any]:
    errors = {name: clean(why) for name, why in outputs.get("errors", {}).items()}
    return {**outputs, "errors": errors, "notes": _each(outputs.get("notes", []), clean)}


def _known(document: dict[str, Any], names: Names) -> list[tuple[str, str]]:
    """(kind, name), the longest first: what is given, and what the facts say are names of containers and users."""
    facts = document["facts"]
    hosts = [*names.hosts, facts.get("container.name"), facts.get("container.id"), str(facts.get("container.id"))[:12]]
    if document["subject"]["kind"] == "pod":
        hosts += document["subject"]["label"].split("/")
    users = [*names.users, str(facts.get("container.user") or "").partition(":")[0]]
    found = {("host", one) for one in _telling(hosts)} | {("user", one) for one in _telling(users)}
    return sorted(found, key=lambda one: (-len(one[1]), one))


def _telling(names: Iterable[Any]) -> list[str]:
    ordinary = {*probe().SERVICE_USERS, "localhost", "none", "default"}
    texts = [str(name) for name in names if name]
    return [text for text in texts if len(text) >= SHORTEST and text.lower() not in ordinary and not text.isdigit()]


def _clean(text: str, replacer: Replacer, known: list[tuple[str, str]]) -> str:
    text = URL.sub(lambda found: _url(found, replacer), text)
    text = MAIL.sub(lambda found: replacer.name("user", found[0]), text)
    text = HOST_AND_PORT.sub(lambda found: _host(found[1], replacer), text)
    text = PATH.sub(lambda found: _path(found[0], replacer), text)
    for kind, name in known:
        if name in text:
            text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", replacer.name(kind, name), text)
    return text


def _host(host: str, replacer: Replacer) -> str:
    return host if LOCAL.fullmatch(host) or host.startswith("anon-") else replacer.name("host", host)


def _url(found: re.Match[str], replacer: Replacer) -> str:
    path = found["path"] or ""
    shown = path if len(path) < 2 else _path(path, replacer)
    if found["scheme"].lower() == "file://" and not found["host"]:
        return found["scheme"] + shown
    return found["scheme"] + _host(found["host"], replacer) + (found["port"] or "") + shown


def _path(path: str, replacer: Replacer) -> str:
    """The directory becomes a replacement; the layout of an environment, a library's file name and a version stay."""
    if path in ("~", "/") or SYSTEM.match(path) or DEVICE.match(path) or "anon-" in path or "[withheld]" in path:
        return path
    kept = LAYOUT.search(path) or LAST.search(path)
    head = path[: kept.start()] if kept else path.rstrip("/\\")
    if head in ("", "~"):
        return path
    return "/" + replacer.name("path", head) + (path[kept.start() :] if kept else "")
