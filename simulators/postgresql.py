"""A PostgreSQL server of its own for one command, made in a temporary folder and removed after it.

    python -m simulators.postgresql COMMAND...

The command finds a `paybox-center.toml` with the server's address in PAYBOX_CENTER_CONFIG, which is
how a hospital would choose it. Debian's package `postgresql` is enough. The text order is Chinese
by ICU, because a hospital's is: what relies on the order of bytes must fail here.
"""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")
SERVER_USER = "postgres"  # the server refuses to run as root
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For tests only: what is lost when the machine stops is thrown away in any case."""
MISSING = "PostgreSQL is not here. Debian: apt-get install postgresql\n"


def programs() -> Path | None:
    """Return the folder of initdb and pg_ctl, the newest version first."""
    versions = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]), reverse=True)
    on_path = shutil.which("initdb")
    return next((p.parent for p in versions), Path(on_path).parent if on_path else None)


@contextmanager
def server(bin_folder: Path, settings: Sequence[str] = ()) -> Iterator[str]:
    """Run a server on a free port of this machine; yield the URL of an empty database."""
    user = SERVER_USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="paybox-postgresql-") as text:
        folder = Path(text)
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        data, port = folder / "data", _free_port()

        def run(program: str, *arguments: str) -> None:
            subprocess.run(  # noqa: S603  our own words
                (str(bin_folder / program), *arguments),
                user=user if os.geteuid() == 0 else None,
                cwd=folder,
                stdout=subprocess.DEVNULL,
                check=True,
            )

        order = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=zh")
        run("initdb", "-D", str(data), "-U", SERVER_USER, "-A", "trust", "-E", "UTF8", *order)
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{line}\n" for line in settings)
            file.write(f"port={port}\nlisten_addresses='127.0.0.1'\n")
            file.write(f"unix_socket_directories='{folder}'\n")
        run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "start")
        try:
            yield f"postgresql://{SERVER_USER}@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit code, or 2 without PostgreSQL."""
    command = list(sys.argv[1:] if argv is None else argv)
    bin_folder = programs()
    if bin_folder is None or not command:
        sys.stderr.write(MISSING if command else f"{__doc__}\n")
        return 2
    with server(bin_folder, QUICK) as url, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "paybox-center.toml"
        config.write_text(f'database_url = "{url}"\n')
        environment = os.environ | {"PAYBOX_CENTER_CONFIG": str(config)}
        return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603  what was asked for


if __name__ == "__main__":
    raise SystemExit(main())
