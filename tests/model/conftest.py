"""Small models, made once per session and TensorFlow version by ``tests/models/make_models.py``."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

MAKER = Path(__file__).parents[1] / "models" / "make_models.py"
RECORDED = Path(__file__).parents[1] / "data" / "models"


@pytest.fixture(scope="session")
def made_models(tf_python: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """TensorFlow version -> directory of models made by it."""
    made: dict[str, Path] = {}

    def make(version: str) -> Path:
        if version not in made:
            folder = tmp_path_factory.mktemp(f"models-{version}")
            quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
            command = [str(tf_python(version)), str(MAKER), str(folder)]
            subprocess.run(command, check=True, env=quiet, capture_output=True, timeout=600)
            failed = {
                name: text for name, text in json.loads((folder / "made.json").read_text()).items() if text != "made"
            }
            assert not failed, failed
            made[version] = folder
        return made[version]

    return make


@pytest.fixture(scope="session")
def recorded() -> Path:
    """Models of TensorFlow 1.15.0, recorded: no environment of today's tests can write them."""
    return RECORDED / "tf115"
