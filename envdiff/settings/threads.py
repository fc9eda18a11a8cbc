"""How many threads TensorFlow really uses: sums are split by that number."""

from __future__ import annotations

import re

from envdiff.settings import serving
from envdiff.settings.model import Facts, Setting


def intra_op(facts: Facts) -> Setting:
    """Threads inside one operation. A CFS quota does not count; an affinity mask or a cpuset does."""
    return _threads(facts, "intra_op_threads", "TF_NUM_INTRAOP_THREADS", "runtime.threads.intra")


def inter_op(facts: Facts) -> Setting:
    """Operations that may run at once; changes the order of stateful operations only."""
    return _threads(facts, "inter_op_threads", "TF_NUM_INTEROP_THREADS", "runtime.threads.inter")


def _threads(facts: Facts, name: str, variable: str, api: str) -> Setting:
    explains = (f"env.{variable}", api, "runtime.threads.resolved", "cpu.schedulable")
    asked_of_server = serving.threads(facts, name.partition("_")[0])
    if asked_of_server:
        served = (f"serving.threads.{name.partition('_')[0]}",)
        return Setting(name, str(asked_of_server), "the server's configuration", (*explains, *served))
    set_by_program = facts.number(api)
    if set_by_program:
        return Setting(name, str(set_by_program), "the program set it", explains)
    text = facts.env(variable)
    asked = int(text) if text is not None and re.fullmatch(r"\s*\d{1,6}\s*", text) else 0
    if asked > 0:
        return Setting(name, str(asked), f"{variable}={text}", explains)
    processors = facts.number("runtime.threads.resolved") or facts.number("cpu.schedulable")
    if processors is None:
        unread = facts.why_unread("cpu.schedulable", "env") or "the number of usable processors was not read"
        return Setting(name, None, "", explains, unread)
    ignored = f"{variable}={text} is no positive number; " if text is not None else ""
    return Setting(name, str(processors), f"{ignored}as many as processors this process may use", explains)
