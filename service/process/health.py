"""The health check of the image: asks the dispatcher of the same container for /healthz, and ends with 0 or 1.

It runs every few seconds, so it reads the settings that it needs by itself, where `Settings` reads them:
`service.process.settings` takes ten times as much of the processor to import. Options of `slta serve` are unknown here.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
from pathlib import Path

ANSWER_SECONDS = 2.0
REQUEST = b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"


def setting(name: str, default: str) -> str:
    """A setting of the service: a variable in any case, else a file of the folder that SLTA_SECRETS_DIR names."""
    variables = {variable.upper(): value for variable, value in os.environ.items()}
    folder = Path(os.environ.get("SLTA_SECRETS_DIR", os.devnull))
    files = {file.name.upper(): file for file in folder.iterdir()} if folder.is_dir() else {}
    if name in variables:
        return variables[name]
    return files[name].read_text(encoding="utf-8").strip() if name in files else default


def ask(host: str, port: int, *, over_tls: bool) -> bytes:
    """The first line of the answer. To connect to 0.0.0.0 or :: is to connect to this machine.

    A certificate is not verified: it has the name that others know the service by.
    """
    with socket.create_connection((host, port), ANSWER_SECONDS) as connection:
        if over_tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(connection)  # noqa: PLW2901
        connection.sendall(REQUEST)
        return connection.makefile("rb").readline()


def main() -> int:
    """0 where the dispatcher answers 200; else 1, and why."""
    try:
        host, port = setting("SLTA_HOST", "127.0.0.1"), int(setting("SLTA_PORT", "8080"))
        answer = ask(host, port, over_tls=bool(setting("SLTA_TLS_CERTIFICATE", "")))
    except OSError as error:
        answer = str(error).encode()
    sys.stdout.write(answer.decode(errors="replace").strip() + "\n")
    return 0 if answer.split()[1:2] == [b"200"] else 1


if __name__ == "__main__":
    sys.exit(main())
