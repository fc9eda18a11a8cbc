"""The models that a server is told to serve, and what their directories say."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from envdiff.errors import UnusableInput
from envdiff.serving import configs, directory
from envdiff.serving.directory import Policy, VersionDirectory
from envdiff.serving.inside import Inside, Listing, Unreadable
from envdiff.serving.overwrites import Effective, set_fields

LARGEST_INDEX = 16 << 20
DEPTH = 4  # VERSION/variables/variables.index, VERSION/assets.extra/*, and a folder below assets


@dataclass(frozen=True)
class Model:
    """One model of the configuration."""

    name: str
    base_path: str
    policy: Policy = field(default_factory=Policy)
    labels: Mapping[str, int] = field(default_factory=dict)
    platform: str = "tensorflow"


@dataclass(frozen=True)
class ModelDirectory:
    """What lies below a base path, as the server would choose from it. ``unread`` says why it could not be listed."""

    present: tuple[VersionDirectory, ...] = ()
    served: tuple[VersionDirectory, ...] = ()
    other_names: tuple[str, ...] = ()
    collisions: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    batching: Mapping[str, bool | int | float | str] | None = None
    unread: str = ""
    cut: bool = False


def models_of(flags: Mapping[str, Effective], config: configs.Config[Any] | None) -> tuple[Model, ...]:
    """By the parsed ``--model_config_file``, else by ``--model_name`` and ``--model_base_path``."""
    if config is not None:
        listed = config.message.model_config_list.config
        return tuple(_model(one) for one in listed)
    base_path = flags["model_base_path"].value or ""
    return (Model(flags["model_name"].value or "default", base_path),) if base_path else ()


def _model(message: Any) -> Model:
    choice = message.model_version_policy
    kind = choice.WhichOneof("policy_choice") or "latest"
    policy = Policy(kind, choice.latest.num_versions or 1, tuple(sorted(choice.specific.versions)))
    labels = dict(message.version_labels)
    return Model(message.name, message.base_path, policy, labels, message.model_platform or "tensorflow")


def look_into(model: Model, inside: Inside, started: float | None, folder: str) -> ModelDirectory:
    """List the model's directory and judge it. Nothing larger than a checkpoint's index is read."""
    if "://" in model.base_path:
        return ModelDirectory(unread=f"{model.base_path} is not on a file system")
    base = posixpath.join(folder, model.base_path)
    try:
        listing = inside.tree(base, DEPTH)
    except Unreadable as error:
        return ModelDirectory(unread=str(error))
    return _judged(model, base, listing, inside, started)


def _judged(model: Model, base: str, listing: Listing, inside: Inside, started: float | None) -> ModelDirectory:
    present = directory.version_directories(listing.entries)
    served = directory.aspired(present, model.policy)
    names = {entry.path.partition("/")[0] for entry in listing.entries} - {version.name for version in present}
    incomplete, newer, overrides = [], [], []
    for version in served:
        place = posixpath.join(base, version.name)
        incomplete += [f"{version.name}: {what}" for what in directory.missing_parts(version, _reader(inside, place))]
        if started is not None:
            newer += [f"{version.name}/{path}" for path in directory.newer_files(version, started)]
        overrides += [f"{version.name}/{what}" for what in _overrides(version, inside, place)]
    return ModelDirectory(
        present,
        served,
        tuple(sorted(names)),
        directory.collisions(present, model.policy),
        tuple(incomplete),
        tuple(newer),
        tuple(overrides),
        _own_batching(served[-1], inside, base) if served else None,
        cut=listing.cut,
    )


def _reader(inside: Inside, place: str) -> Callable[[str], bytes | None]:
    def read(path: str) -> bytes | None:
        try:
            data = inside.read(posixpath.join(place, path), LARGEST_INDEX + 1)
        except Unreadable:
            return None
        return data if len(data) <= LARGEST_INDEX else None

    return read


def _overrides(version: VersionDirectory, inside: Inside, place: str) -> list[str]:
    files = {entry.path for entry in version.entries}
    found = [path for path in (*directory.OVERRIDES, directory.WARMUP) if path in files]
    name = directory.OVERRIDES[0]
    if name not in found:
        return found
    data = _reader(inside, place)(name)
    if data is None:
        return found
    try:
        fields = set_fields(configs.saved_model(data, name).session_overrides)
    except UnusableInput as error:
        fields = {error.message: ""}
    words = ", ".join(f"{key}={value}" if isinstance(value, bool) else key for key, value in fields.items())
    return [f"{path} ({words or 'empty'})" if path == name else path for path in found]


def _own_batching(
    version: VersionDirectory, inside: Inside, base: str
) -> Mapping[str, bool | int | float | str] | None:
    """The parameters of the served version's own file; None without one (it is then not batched)."""
    if not any(entry.path == "batching_params.pbtxt" for entry in version.entries):
        return None
    data = _reader(inside, posixpath.join(base, version.name))("batching_params.pbtxt")
    try:
        return set_fields(configs.batching(data or b"", "batching_params.pbtxt").message)
    except UnusableInput:
        return None
