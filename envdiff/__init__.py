"""Why do two environments give two TensorFlow predictions? Capture both, and read the cause first.

``capture``, ``load`` and ``report`` are the interface; what they return is in :mod:`envdiff.fingerprint` and
:mod:`envdiff.report`.
"""

# Two functions have the names of submodules. Those are bound first, so that the functions keep the names.
import envdiff.capture
import envdiff.report  # noqa: F401
from envdiff.api import capture, load, record, report

__all__ = ["__version__", "capture", "load", "record", "report"]

__version__ = "0.1.0"
