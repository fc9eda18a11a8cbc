"""What to do where a machine lacks something that a test needs."""

from __future__ import annotations

import os

import pytest

# In CI nothing may be missing: a test that is skipped everywhere tests nothing.
IN_CI = bool(os.environ.get("CI"))


def missing(what: str) -> None:
    """Skip on a stranger's machine, fail in CI."""
    if IN_CI:
        pytest.fail(what)
    pytest.skip(what)
