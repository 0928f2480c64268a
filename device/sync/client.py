"""The edge to the network: sealed bytes go to the centre, sealed bytes come back.

Only this file and channels/http.py know httpx. What httpx, its engine, ssl or sockets raise ends as
`SyncError` with the class of the fault and nothing of its text. Sending a batch twice does no harm,
so nothing is asked about what may have left.
"""

import asyncio
import ssl

import httpx

from device.errors import SyncError
from device.sync.wire import BOX_HEADER, CONTENT_TYPE, KEY_HEADER, MAX_SEALED_BYTES, PATH

CONNECT_S = 5.0
READ_S = 30.0  # a centre that takes 500 rows of a hundred boxes at once may be slow
WHOLE_S = 45.0  # an answer that drips must not hold the next batch for ever


class CenterClient:
    """One centre, one box, one connection."""

    def __init__(  # noqa: PLR0913  each is a part of the address or a port
        self,
        url: str,
        box: str,
        key_id: str,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        proxy: str = "",
    ) -> None:
        self._url = url + PATH
        self._headers = {BOX_HEADER: box, KEY_HEADER: key_id, "Content-Type": CONTENT_TYPE}
        self._client = httpx.AsyncClient(
            verify=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # without files it trusts nobody
            trust_env=False,
            proxy=proxy or None,
            transport=transport,
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=90.0),
            headers={"User-Agent": "paybox", "Accept-Encoding": "identity"},
        )

    async def __call__(self, sealed: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer; SyncError if none came, or one that is too long."""
        try:
            async with asyncio.timeout(WHOLE_S):
                return await self._exchange(sealed)
        except SyncError:
            raise
        except Exception as error:  # whatever broke: nothing was heard
            raise SyncError(f"统计中心不通（{_cause(error)}）") from error

    async def _exchange(self, sealed: bytes) -> tuple[int, bytes]:
        body = bytearray()
        async with self._client.stream(
            "POST", self._url, content=sealed, headers=self._headers
        ) as response:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_SEALED_BYTES:
                    raise SyncError("统计中心的答复过长")
            return response.status_code, bytes(body)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()


def _cause(error: BaseException) -> str:
    """Name the fault by classes only."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"证书不可信：{seen.verify_message}"
        seen = seen.__cause__ or seen.__context__
    return type(error).__name__
