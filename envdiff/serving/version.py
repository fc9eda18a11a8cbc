"""Which TensorFlow Serving this is: the source that cannot be wrong first, claims last, disagreement told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from envdiff.serving.flags import release_of

# The environment of the official images only repeats what the build was told.
ENV_CLAIMS = ("TF_SERVING_VERSION_GIT_BRANCH",)
LABEL = "tensorflow_serving_github_branchtag"
PACKAGES = ("tensorflow-model-server", "tensorflow-model-server-universal")
LIBRARY_LINE = re.compile(r"^TensorFlow Library:\s*(\S+)", re.M)
SERVER_LINE = re.compile(r"^TensorFlow ModelServer:\s*(\S+)", re.M)


@dataclass(frozen=True)
class Claim:
    """What one source says. ``source`` is for people."""

    source: str
    text: str

    @property
    def version(self) -> Version | None:
        return release_of(self.text)


@dataclass(frozen=True)
class ServedBy:
    """``version`` is None when no source names a release. ``disagreements`` are claims that contradict it."""

    version: Version | None
    source: str
    claims: tuple[Claim, ...]
    disagreements: tuple[str, ...]


def claims_of(
    *,
    version_output: str = "",
    library_version: str | None = None,
    packages: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[Claim, ...]:
    """Every claim, the most trustworthy first. ``packages`` is the Debian package database: name to version.

    ``version_output`` is what ``--version`` printed. Its first line is stale in many releases; the second names the
    TensorFlow that is linked in.
    """
    found = []
    line = LIBRARY_LINE.search(version_output)
    if line:
        found.append(Claim("the second line of --version", line.group(1)))
    if library_version:
        found.append(Claim("the TensorFlow library that is mapped", library_version))
    found += [Claim(f"the package {name}", (packages or {})[name]) for name in PACKAGES if name in (packages or {})]
    label = (labels or {}).get(LABEL)
    if label:
        found.append(Claim(f"the image label {LABEL}", label))
    found += [
        Claim(f"the variable {name}", (environment or {})[name]) for name in ENV_CLAIMS if name in (environment or {})
    ]
    return tuple(found)


def served_by(claims: Sequence[Claim]) -> ServedBy:
    """The first claim that is a version wins; others that are one and differ in major, minor or patch are told."""
    told = [(claim, claim.version) for claim in claims]
    best = next(((claim, version) for claim, version in told if version is not None), None)
    if best is None:
        return ServedBy(None, "", tuple(claims), ())
    claim, version = best
    against = tuple(
        f"{other.source} says {other.text}, {claim.source} says {claim.text}"
        for other, said in told
        if said is not None and version is not None and said.release[:3] != version.release[:3]
    )
    return ServedBy(version, claim.source, tuple(claims), against)
