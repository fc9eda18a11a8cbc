"""Every line of the page on privacy is run, in the order in which it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parent.parent.parent / "envdiff" / "capture" / "privacy.md"


def lines() -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the page makes its key with openssl")
def test_every_line_runs(tmp_path: Path) -> None:
    script = tmp_path / "envdiff"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m envdiff "$@"\n')
    script.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    env = {"HOME": str(tmp_path), "PATH": path, "VIRTUAL_ENV": sys.prefix, "APP_PASSWORD": "kor0va-77-x"}
    for line in lines():
        done = subprocess.run(
            line, shell=True, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode in ((0, 1) if line.startswith("envdiff report") else (0,)), (line, done.stderr)
        assert "kor0va" not in done.stdout + done.stderr
    for name in ("left", "right", "serving"):
        document = json.loads((tmp_path / f"{name}.json").read_text())
        assert "env.APP_PASSWORD" in document["compare_key"]["digests"]
