"""Target of a command that calls the service: base URL, fleet and API key, with their options."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import typer

from slta.cli.error_messages import UserError
from slta.parsing import NAME_PATTERN, NAME_RULE

KEY_VARIABLE = "SLTA_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8080"
URL_RULE = "a URL begins with http:// or https://, and has no user, query or fragment"
FLEET_RULE = f"a fleet name has {NAME_RULE}"


def is_base_url(text: str) -> bool:
    """Whether it is an http or https URL with a host, and without a user, query or fragment."""
    try:
        parts = urlsplit(text)
        is_http = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_http and "@" not in parts.netloc and bool(re.fullmatch(r"[^?#\s]+", text))


def checked_fleet(name: str | None) -> str | None:
    """Callback of a fleet's name; an empty one, from an unset shell variable, is a usage error too."""
    if name is not None and not re.fullmatch(NAME_PATTERN, name):
        raise typer.BadParameter(FLEET_RULE)
    return name


def _checked_url(url: str) -> str:
    if not is_base_url(url):
        raise typer.BadParameter(f"{URL_RULE}, not {url!r}")
    return url


FLEET = {"envvar": "SLTA_FLEET", "show_default": False, "callback": checked_fleet}
FleetName = Annotated[str, typer.Option("--fleet", help="Name of the fleet.", **FLEET)]
OptionalFleetName = Annotated[
    str | None, typer.Option("--fleet", help="Name of the fleet; default: the service's only one.", **FLEET)
]
BaseUrl = Annotated[
    str, typer.Option("--url", envvar="SLTA_URL", help="Base URL of the dispatcher.", callback=_checked_url)
]
KeyFile = Annotated[Path | None, typer.Option("--key-file", help=f"File with the API key; default: {KEY_VARIABLE}.")]


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
        """Authorization, if there is a key. Raises OSError or UserError for an unusable key file."""
        key = self.key_file.read_text(encoding="latin-1").strip() if self.key_file else self.key.strip()
        if not re.fullmatch(r"[!-~]*", key) or (self.key_file and not key):
            raise UserError(f"{self.key_file or KEY_VARIABLE}: must have one API key, as `slta key new` prints it")
        return {"Authorization": f"Bearer {key}"} if key else {}


def target_of(url: str, fleet: str | None, key_file: Path | None) -> Target:
    """Target whose key can be read; without a file it is SLTA_API_KEY, if set. Raises UserError or OSError."""
    target = Target(url, fleet, os.environ.get(KEY_VARIABLE, ""), key_file)
    target.headers()
    return target
