"""``envdiff schema``."""

from __future__ import annotations

import json
from pathlib import Path

from envdiff.errors import ExitStatus
from envdiff.output import write


def run_schema(document: str, output: Path | None) -> int:
    """Print the schema of ``fingerprint``, ``report``, ``isolation`` or ``fleet``."""
    if document == "fingerprint":
        from envdiff.fingerprint_schema import fingerprint_schema as schema
    elif document == "isolation":
        from envdiff.isolation_schema import isolation_schema as schema
    elif document == "fleet":
        from envdiff.render import fleet_schema as schema
    else:
        from envdiff.render import report_schema as schema
    write(json.dumps(schema(), indent=2) + "\n", output)
    return ExitStatus.OK
