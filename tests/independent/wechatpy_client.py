"""Run inside .venv-wechatpy: a job as JSON on standard input, its answers on standard output.

The job: ``{"client": {...}, "url": ..., "ca": ..., "steps": [{"call": "order.query", ...}]}``. Each
answer: ``{"result": {...}, "signed": bool}`` or ``{"error": code, "status": HTTP status}``.
"""

import importlib
import json
import sys
from operator import attrgetter
from typing import Any


def run(client: Any, step: dict[str, Any]) -> dict[str, Any]:
    """Do one step."""
    failed = importlib.import_module("wechatpy.exceptions").WeChatPayException
    try:
        result = attrgetter(step["call"])(client)(*step.get("args", ()), **step.get("kwargs", {}))
    except failed as error:
        status = getattr(error.response, "status_code", None)
        return {"error": error.errcode, "return_code": error.return_code, "status": status}
    return {"result": result, "signed": client.check_signature(dict(result))}


def main() -> None:
    """Do all steps with one client."""
    job = json.load(sys.stdin)
    client = importlib.import_module("wechatpy.pay").WeChatPay(**job["client"], timeout=5)
    client.API_BASE_URL = job["url"] + "/"
    client._http.verify = job["ca"]
    client._http.trust_env = False  # else REQUESTS_CA_BUNDLE wins over verify
    json.dump([run(client, step) for step in job["steps"]], sys.stdout)


if __name__ == "__main__":
    main()
