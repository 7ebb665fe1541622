"""Target of a command: base URL, fleet and API key, with their options."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import typer

from slta.parsing import NAME_PATTERN, NAME_RULE
from slta_integrations.errors import UnusableError

FleetName = Annotated[str, typer.Option("--fleet", envvar="SLTA_FLEET", help="Name of the fleet.", show_default=False)]
BaseUrl = Annotated[str, typer.Option("--url", envvar="SLTA_URL", help="Base URL of the dispatcher.")]
KeyFile = Annotated[Path | None, typer.Option("--key-file", help="File with the API key; default: SLTA_API_KEY.")]
KEY_VARIABLE = "SLTA_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8080"
URL_RULE = "must be http://HOST:PORT or https://HOST:PORT"


class Target(NamedTuple):
    """Fleet to call; None: the service. The key file is read at each call, so that a key can be replaced."""

    url: str
    fleet: str | None
    key: str = ""
    key_file: Path | None = None

    @property
    def fleet_url(self) -> str:
        """URL of the fleet, or of all fleets, without a slash at its end."""
        return "/".join([self.url.rstrip("/"), "v1/fleets", *([self.fleet] if self.fleet else [])])

    def headers(self) -> dict[str, str]:
        """Authorization, if there is a key. Raises OSError or UnusableError for an unusable key file."""
        key = self.key_file.read_text(encoding="latin-1").strip() if self.key_file else self.key.strip()
        if not re.fullmatch(r"[!-~]*", key) or (self.key_file and not key):
            raise UnusableError(f"{self.key_file or KEY_VARIABLE}: must have one API key, as `slta key new` prints it")
        return {"Authorization": f"Bearer {key}"} if key else {}


def is_base_url(text: str) -> bool:
    """Whether it is an http or https URL with a host, and without a user, query or fragment."""
    try:
        parts = urlsplit(text)
        is_http = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_http and "@" not in parts.netloc and bool(re.fullmatch(r"[^?#\s]+", text))


def target_of(url: str, fleet: str | None, key_file: Path | None) -> Target:
    """Validated options; without a key file the key is SLTA_API_KEY, if set. Raises UnusableError or OSError."""
    if not is_base_url(url):
        raise UnusableError(f"--url: {URL_RULE}, not {url!r}")
    if fleet is not None and not re.fullmatch(NAME_PATTERN, fleet):
        raise UnusableError(f"--fleet: a fleet name has {NAME_RULE}")
    target = Target(url, fleet, os.environ.get(KEY_VARIABLE, ""), key_file)
    target.headers()
    return target
