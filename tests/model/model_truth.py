"""TensorFlow's own account of a model, written by make_models.py, against envdiff's."""

from __future__ import annotations

from typing import Any

import google_crc32c

from envdiff.model.model import Model


def check_truth(model: Model, truth: dict[str, Any]) -> None:
    """Names, types, shapes and bytes of the tensors; inputs, outputs and operations of each signature."""
    found = {one.key: one for one in model.tensors}
    assert set(found) == set(truth["tensors"])
    for key, wanted in truth["tensors"].items():
        assert not found[key].wrong
        if wanted["bytes"]:
            assert (found[key].dtype, list(found[key].shape)) == (wanted["dtype"], wanted["shape"])
            assert found[key].crc32c == google_crc32c.value(bytes.fromhex(wanted["bytes"]))
    assert model.meta is not None
    for name, wanted in truth["signatures"].items():
        assert set(model.reach(name).counts) - {"_Arg"} == set(wanted["ops"]) - {"_Arg"}
        for side in ("inputs", "outputs"):
            values = getattr(model.meta.signatures[name], side)
            ends = {one.name: [one.dtype, [-1 if size is None else size for size in one.shape or ()]] for one in values}
            assert ends == wanted[side]
