"""Reverse proxies in front of one dispatcher, as their manuals set them up: nginx and HAProxy as real processes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from testbed.processes import Process
from testbed.proxies.nginx import temporary_files
from testbed.servers import free_port

NGINX = """\
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{}}
http {{
  access_log off;
  {temporary_files}
  upstream dispatcher {{
    server 127.0.0.1:{dispatcher};
    keepalive 1;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://dispatcher;
      proxy_http_version 1.1;
      proxy_set_header Host localhost;
      proxy_set_header Connection "";
    }}
  }}
}}
"""
HAPROXY = """\
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen dispatcher
  bind 127.0.0.1:{port}
  http-reuse always
  server dispatcher 127.0.0.1:{dispatcher}
"""
PROXIES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "nginx": (NGINX, ("nginx", "-e", "stderr", "-c")),
    "haproxy": (HAPROXY, ("haproxy", "-db", "-f")),
}
"""Configuration and command by name."""


def reverse_proxy(name: str, folder: Path, dispatcher: int) -> Process:
    """A proxy that forwards to this port, on connections that its clients share; `port` of the process is its own."""
    configuration, command = PROXIES[name]
    port, user = free_port(), "user root;" if os.geteuid() == 0 else ""
    words = {"port": port, "dispatcher": dispatcher, "folder": folder, "user": user}
    file = folder / f"{name}.conf"
    file.write_text(configuration.format(temporary_files=temporary_files(folder), **words), encoding="utf-8")
    return Process(*command, file, port=port, log=folder / f"{name}.log")
