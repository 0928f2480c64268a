"""Serving: cheroot in this process, with TLS if the configuration has it, until SIGTERM."""

import ctypes
import gc
import signal
import sys
import threading
from contextlib import suppress

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter
from django.urls import get_resolver

from center.config import CenterConfig
from center.sqlite.base import KEPT
from device.config.kinds import split_address

LONGEST_BODY = 64 * 1024 * 1024  # bytes; Django's own limits are tighter
M_ARENA_MAX = -8  # as glibc's malloc.h names it
CONNECTIONS_KEPT = 2  # to SQLite: a page and a batch at the same time; each has its own cache
STOP_S = 5  # a request under way has this long when the server is told to stop


def make_server(config: CenterConfig) -> wsgi.Server:
    """Return the server, bound; port 0 takes any free one."""
    from center.wsgi import application  # noqa: PLC0415  Django must be configured first

    host, port = split_address(config.listen)
    server = wsgi.Server(
        (host, port),
        application,
        numthreads=config.threads,
        server_name="paybox-center",
        max=config.threads,
        request_queue_size=64,
        timeout=30,
        shutdown_timeout=STOP_S,
    )
    server.max_request_body_size = LONGEST_BODY
    if config.tls.cert_file and config.tls.key_file:
        server.ssl_adapter = BuiltinSSLAdapter(
            str(config.tls.cert_file),
            str(config.tls.key_file),
            str(config.tls.client_ca_file) if config.tls.client_ca_file else None,
        )
    server.prepare()
    return server


def serve(config: CenterConfig) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    from center.scheduler import Scheduler  # noqa: PLC0415  Django must be configured first
    from center.statements.providers import make_statements  # noqa: PLC0415

    _keep_one_arena()
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _signal, _frame: told.set())
    scheduler = Scheduler(make_statements(config.channels.wechat, config.channels.alipay))
    server = make_server(config)
    _set_aside()
    KEPT.most = CONNECTIONS_KEPT
    serving = threading.Thread(target=server.serve, name="server")
    scheduler.start()
    serving.start()
    scheme = "https" if config.tls.cert_file else "http"
    host, port = server.bind_addr[:2]
    sys.stdout.write(f"ready {scheme}://{host}:{port}/\n")
    sys.stdout.flush()
    told.wait()
    scheduler.stop()
    server.stop()
    serving.join()
    KEPT.close()


def _set_aside() -> None:
    """What was loaded stays for good: the collector need not walk through it with every batch."""
    get_resolver().url_patterns  # noqa: B018  read now, with every view behind it
    gc.collect()
    gc.freeze()


def _keep_one_arena() -> None:
    """Let all threads share one pool of memory: apart, eight of them keep 40 MB of what is freed.

    They take turns in any case. Without glibc nothing is changed.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
