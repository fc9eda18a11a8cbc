"""What the words of a verdict mean to a reader: said once, for reports and for the pages of rules."""

from __future__ import annotations

from envdiff.report import Basis, Size, Steadiness

SIZES = {
    Size.NONE: "none: the outputs stay the same, bit for bit",
    Size.LAST_BITS: "last bits: up to about 1e-5 of the output's range; labels do not flip",
    Size.SMALL: "small: up to about 1e-1 of the output's range; few labels flip",
    Size.VISIBLE: "visible: scores move and labels flip",
    Size.ANY: "any: there is no upper limit to how far outputs can move",
}
STEADINESS = {
    Steadiness.STABLE: "the same on every call and after every start",
    Steadiness.CALL_TO_CALL: "changes from call to call",
    Steadiness.START_TO_START: "the same within one process, changes from start to start",
}
# What kind of thing a cause is.
LAYER_WORDS = {
    "artifact": "what is served: model and files",
    "input": "what is fed in",
    "precision": "number formats",
    "behaviour": "what the program does",
    "kernels": "which kernels compute",
    "order": "the order of operations",
    "host": "the host",
}
BASES = {
    Basis.OBSERVED: "observed: seen in what these two sides answered, number by number",
    Basis.MEASURED: "measured: experiments showed this effect",
    Basis.DOCUMENTED: "documented: documentation or source code says so (see the sources)",
    Basis.REASONED: "reasoned: follows from how TensorFlow works; not shown by an experiment",
}
