"""A running gateway and the foreign SDKs, each in its own virtual environment."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from simulators.gateway.identities import Identities, identities
from simulators.gateway.server import Gateway

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

Job = dict[str, Any]
Answers = list[dict[str, Any]]
Client = Callable[[str, Job], Awaitable[Answers]]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    return identities(tmp_path_factory.mktemp("keys"))


@pytest.fixture
async def gateway(keys: Identities) -> AsyncIterator[Gateway]:
    async with Gateway(keys, tls_port=0) as running:
        yield running


@pytest.fixture
def foreign_client() -> Client:
    """Return a runner of a job with a foreign SDK; it fails if the SDK is not installed."""

    async def run(sdk: str, job: Job) -> Answers:
        python = ROOT / f".venv-{sdk}" / "bin" / "python"
        if not python.exists():
            pytest.fail(f"{python} is missing: run python tests/independent/make_environments.py")
        script = HERE / {"wechatpy": "wechatpy_client.py", "alipay": "alipay_client.py"}[sdk]
        process = await asyncio.create_subprocess_exec(
            python,
            "-W",
            "ignore",
            script,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(json.dumps(job).encode())
        assert process.returncode == 0, err.decode()
        answers: Answers = json.loads(out)
        return answers

    return run
