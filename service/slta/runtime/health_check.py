"""The container's health check: requests /healthz from the dispatcher in the same container; exit code 0 or 1.

It runs every few seconds, so it reads its few settings itself, from the same sources as `Settings`: importing
`slta.runtime.settings` takes ten times the CPU time. It does not see command-line options of `slta serve`.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
from pathlib import Path

TIMEOUT_SECONDS = 2.0
REQUEST = b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"


def setting(name: str, default: str) -> str:
    """Value of a setting: environment variable (case-insensitive), file in SLTA_SECRETS_DIR, or default."""
    variables = {variable.upper(): value for variable, value in os.environ.items()}
    folder = Path(os.environ.get("SLTA_SECRETS_DIR", os.devnull))
    files = {file.name.upper(): file for file in folder.iterdir()} if folder.is_dir() else {}
    if name in variables:
        return default if "://" in variables[name] else variables[name]  # SLTA_PORT=tcp://… is of Kubernetes
    return files[name].read_text(encoding="utf-8").strip() if name in files else default


def fetch_status_line(host: str, port: int, *, over_tls: bool) -> bytes:
    """Status line of the response. Connecting to 0.0.0.0 or :: reaches this machine.

    The certificate is not verified: it is for the service's public name.
    """
    with socket.create_connection((host, port), TIMEOUT_SECONDS) as connection:
        if over_tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(connection)  # noqa: PLW2901
        connection.sendall(REQUEST)
        return connection.makefile("rb").readline()


def main() -> int:
    """Return 0 for a 200 response, otherwise 1; print the status line or the error."""
    try:
        host, port = setting("SLTA_HOST", "127.0.0.1"), int(setting("SLTA_PORT", "8080"))
        status_line = fetch_status_line(host, port, over_tls=bool(setting("SLTA_TLS_CERTIFICATE", "")))
    except OSError as error:
        status_line = str(error).encode()
    sys.stdout.write(status_line.decode(errors="replace").strip() + "\n")
    return 0 if status_line.split()[1:2] == [b"200"] else 1


if __name__ == "__main__":
    sys.exit(main())
