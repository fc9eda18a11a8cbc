"""One line in a test: a fingerprint that differs from an ordinary one in what the test is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from envdiff.compare import compare
from envdiff.explain import explain
from envdiff.fingerprint import Fingerprint, from_document
from envdiff.report import Delta, OutputDelta, Report
from envdiff.rulebook import load_rulebook

FLAGS = ("avx", "avx2", "avx512_bf16", "avx512_vnni", "avx512bw", "avx512dq", "avx512f", "avx512vl", "fma", "sse4_1")

BASE: dict[str, Any] = {
    "cpu.architecture": "x86_64",
    "cpu.cache.l1d": 32768,
    "cpu.cache.l2": 1048576,
    "cpu.cache.l3": 33554432,
    "cpu.flags": list(FLAGS),
    "cpu.logical": 8,
    "cpu.model": "Intel(R) Xeon(R) Platinum 8370C",
    "cpu.schedulable": 8,
    "cpu.vendor": "GenuineIntel",
    "env.LANG": "C.UTF-8",
    "gpu.count": 0,
    "keras.generation": 2,
    "keras.version": "2.15.0",
    "os.distribution": "ubuntu 22.04",
    "os.libc.name": "glibc",
    "os.libc.version": "2.35",
    "os.locale.ctype": "C.UTF-8",
    "os.locale.decimal_point": ".",
    "os.locale.numeric": "C.UTF-8",
    "os.machine": "x86_64",
    "os.system": "Linux",
    "os.timezone": "UTC",
    "packages.keras": "2.15.0",
    "packages.numpy": "1.26.4",
    "packages.tensorflow-cpu": "2.15.1",
    "python.version": "3.11.7",
    "tensorflow.build.is_cuda_build": False,
    "tensorflow.distribution": "tensorflow-cpu",
    "tensorflow.installed": True,
    "tensorflow.variant": "cpu",
    "tensorflow.version": "2.15.1",
}

GPU: dict[str, Any] = {
    "tensorflow.variant": "cuda",
    "tensorflow.build.is_cuda_build": True,
    "gpu.count": 1,
    "gpu.0.name": "NVIDIA A100-SXM4-40GB",
    "gpu.0.compute_capability": "8.0",
    "gpu.driver": "550.54",
}

BOOK = load_rulebook()

Captured = Callable[..., Fingerprint]  # what the fixture of that name gives: (python, label, variables)


def document(
    facts: Mapping[str, Any] | None = None,
    *,
    label: str = "left",
    kind: str = "interpreter",
    unread: Mapping[str, str] | None = None,
    withheld: Mapping[str, list[str]] | None = None,
    base: Mapping[str, Any] = BASE,
) -> dict[str, Any]:
    """A fingerprint's JSON object: the ordinary one with ``facts`` laid over; None takes a fact away."""
    laid = {**base, **(facts or {})}
    return {
        "schema": "envdiff/fingerprint/1",
        "subject": {"label": label, "kind": kind, "reached_by": "run"},
        "captured_at": "2026-11-22T12:00:00Z",
        "probe": {"version": "1.0", "mode": "full"},
        "facts": {path: value for path, value in laid.items() if value is not None},
        "unread": dict(unread or {}),
        "withheld": dict(withheld or {}),
    }


def fingerprint(facts: Mapping[str, Any] | None = None, **more: Any) -> Fingerprint:
    """The same, validated."""
    return from_document(document(facts, **more), "a test")


def judged(left: Mapping[str, Any], right: Mapping[str, Any], **more: Any) -> Report:
    """The report on two ordinary environments with facts laid over."""
    sides = (fingerprint(left, label="left"), fingerprint(right, label="right"))
    return explain(compare(*sides), BOOK, **more)


def delta(max_abs: float, *, flips: int = 0, rows: int = 256, steadiness: str = "stable", range_: float = 1.0) -> Delta:
    """A measured difference of one output with values in a range of ``range_``."""
    changed = 0.0 if max_abs == 0 else 0.8
    return Delta({"scores": OutputDelta(max_abs, max_abs / range_, None, changed, flips, rows)}, steadiness)
