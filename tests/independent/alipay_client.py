"""Run inside .venv-alipay: a job as JSON on standard input, its answers on standard output.

The job: ``{"class": "AliPay", "client": {...}, "url": ..., "steps": [...]}``. The SDK verifies
every answer itself. Each answer: ``{"result": {...}}`` or ``{"error": name, "text": ...}``.
"""

import importlib
import json
import sys
from typing import Any


def run(client: Any, step: dict[str, Any]) -> dict[str, Any]:
    """Do one step."""
    try:
        result = getattr(client, step["call"])(*step.get("args", ()), **step.get("kwargs", {}))
    except Exception as error:  # noqa: BLE001 - whatever a foreign SDK raises is the answer
        return {"error": type(error).__name__, "text": str(error)}
    return {"result": result}


def main() -> None:
    """Do all steps with one client."""
    job = json.load(sys.stdin)
    client = getattr(importlib.import_module("alipay"), job["class"])(**job["client"])
    client._gateway = job["url"]
    json.dump([run(client, step) for step in job["steps"]], sys.stdout)


if __name__ == "__main__":
    main()
