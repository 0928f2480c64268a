"""TLS for the HIS link (his-link §4): 1.2 or later, AEAD only, nothing from the environment.

A file that cannot be used is a ConfigError that names the key and the file, never what is in it.
"""

import ssl
from collections.abc import Callable
from pathlib import Path

from device.errors import ConfigError

AEAD_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; 1.3 has no others


def server_context(
    cert_file: Path, key_file: Path, client_ca_file: Path | None = None
) -> ssl.SSLContext:
    """Return the box's context; with `client_ca_file` the HIS must show a certificate of it."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION  # a peer must not make the box reckon for ever
    names = f"[his.tls] cert_file = {cert_file}, key_file = {key_file}"
    _load(names, "a certificate in PEM and its key", lambda: _chain(context, cert_file, key_file))
    if client_ca_file is not None:
        name = f"[his.tls] client_ca_file = {client_ca_file}"
        _load(name, "certificates in PEM", lambda: context.load_verify_locations(client_ca_file))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(
    ca_file: Path | None = None, cert_file: Path | None = None, key_file: Path | None = None
) -> ssl.SSLContext:
    """Return a HIS's context; without `ca_file` the system's authorities count."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file is None:
        context.load_default_certs()
    else:
        name = f"ca={ca_file}"
        _load(name, "certificates in PEM", lambda: context.load_verify_locations(ca_file))
    if cert_file is not None:
        names = f"cert={cert_file}"
        own = key_file or cert_file
        _load(names, "a certificate in PEM and its key", lambda: _chain(context, cert_file, own))
    return context


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(AEAD_CIPHERS)
    return context


def _chain(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    context.load_cert_chain(cert_file, key_file, password=_no_password)


def _no_password() -> str:
    """Answer OpenSSL's question for a passphrase; without this it would ask the terminal."""
    return ""


def _load(name: str, allowed: str, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        fault = getattr(error, "reason", None) or getattr(error, "strerror", None) or "not PEM"
        raise ConfigError(f"{name}: cannot be used ({fault}); allowed: {allowed}") from None
