"""A pool of docker-compose.proxies.yml: a web server that says its name, each second until `?seconds=` are over."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

NAME = os.environ["POOL"]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """One line, then one more each second; the connection ends with the response."""
        seconds = parse_qs(urlsplit(self.path).query).get("seconds", ["0"])[0]
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        with suppress(ConnectionError):
            for second in range(int(seconds) + 1 if seconds.isdecimal() else 1):
                time.sleep(1 if second else 0)
                self.wfile.write(f"{NAME} {second}\n".encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()  # noqa: S104 - in a container
