"""Write `.env` with random secrets if there is none, and from it what the containers read.

`.env` is the one place where secrets are kept. From it follow `users.acl` and `keys.yaml` (digests only),
`metrics.key` and `replication.conf` in `deploy/secrets/`. Run it again after an edit: files are rewritten in place, so
that containers see the change, and the same `.env` gives the same files.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ACL_TEMPLATE = ROOT / "deploy/redis/users.acl.template"

SCOPES = {
    "ADMIN_KEY": ["admin"],
    "LOADGEN_KEY": ["assign", "complete", "read"],
    "METRICS_KEY": ["metrics"],
    "PLACE_KEY": ["assign"],
    "FOLLOW_KEY": ["complete", "pool"],
}
"""API keys and what each may do."""
RESTRICTIONS: Mapping[str, Mapping[str, list[str]]] = {
    "PLACE_KEY": {"fleets": ["main"]},
    "FOLLOW_KEY": {"fleets": ["main"], "pools": ["small-*", "large-*"]},
}
"""Fleets and pools of the keys that are not for all of them."""
PASSWORDS = ("STORE_PASSWORD", "OPERATOR_PASSWORD", "CLUSTER_PASSWORD")
OTHERS = ("GRAFANA_PASSWORD",)
OLD = "_OLD"
"""`LOADGEN_KEY_OLD`, if set, is accepted beside `LOADGEN_KEY`: rotation without a gap. So for the passwords."""

KEY = re.compile(r"[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{16,128}")
PASSWORD = re.compile(r"[A-Za-z0-9_-]{16,128}")
"""No character that a URL, an ACL file or a shell reads in its own way."""


class SecretsError(Exception):
    """`.env` cannot be used; the message says why."""


def random_secrets() -> dict[str, str]:
    """A value for every name, of 256 random bits each."""
    keys = {name: f"{name.removesuffix('_KEY').lower()}-{secrets.token_hex(4)}" for name in SCOPES}
    return {
        **{name: secrets.token_urlsafe(32) for name in (*PASSWORDS, *OTHERS)},
        **{name: f"{key_id}.{secrets.token_urlsafe(32)}" for name, key_id in keys.items()},
    }


def read_environment(text: str) -> dict[str, str]:
    """The `NAME=value` lines of an env file; empty values are left out. Raises SecretsError."""
    lines = [line.strip() for line in text.splitlines()]
    named = [line.partition("=") for line in lines if line and not line.startswith("#")]
    values = {name.strip(): value.strip() for name, _, value in named if value.strip()}
    for name in (*SCOPES, *PASSWORDS, *OTHERS):
        for variant in (name, name + OLD):
            value, form = values.get(variant), KEY if name in SCOPES else PASSWORD
            if value is None and variant == name:
                raise SecretsError(f".env: {name} is missing")
            if value is not None and not form.fullmatch(value):
                raise SecretsError(f".env: {variant} must match {form.pattern}")
    return values


def key_file(values: Mapping[str, str]) -> str:
    """The dispatchers' key file: digests only."""
    entries = [
        {"id": key_id, "sha256": _digest(secret), "scopes": SCOPES[name], **RESTRICTIONS.get(name, {})}
        for name in SCOPES
        for key_id, _, secret in (value.partition(".") for value in _active(values, name))
    ]
    return json.dumps({"keys": entries}, indent=2) + "\n"


def acl_file(values: Mapping[str, str], template: str) -> str:
    """Redis's users: one line each, without comments, with the digests of the passwords that are valid."""
    lines: list[str] = []
    for line in template.splitlines():
        if line.startswith(" "):
            lines[-1] += " " + line.strip()
        elif line and not line.startswith("#"):
            lines.append(line)
    text = "\n".join(lines) + "\n"
    for name in PASSWORDS:
        digests = " ".join(f"#{_digest(password)}" for password in _active(values, name))
        text = text.replace(f"#@{name}_SHA256@", digests)
    return text


def _active(values: Mapping[str, str], name: str) -> Iterator[str]:
    return (values[variant] for variant in (name, name + OLD) if variant in values)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def write(root: Path) -> None:
    """Bring `.env` and everything that follows from it about. Raises SecretsError."""
    environment = root / ".env"
    if not environment.exists():
        lines = (f"{name}={value}\n" for name, value in random_secrets().items())
        _write_private(environment, "# See .env.example.\n" + "".join(lines))
    values = read_environment(environment.read_text(encoding="utf-8"))
    folder = root / "deploy/secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    _write_mounted(folder / "users.acl", acl_file(values, ACL_TEMPLATE.read_text(encoding="utf-8")))
    _write_mounted(folder / "keys.yaml", key_file(values))
    _write_mounted(folder / "metrics.key", values["METRICS_KEY"] + "\n")
    _write_mounted(folder / "replication.conf", f"masteruser cluster\nmasterauth {values['CLUSTER_PASSWORD']}\n")


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text, encoding="utf-8")


def _write_mounted(path: Path, text: str) -> None:
    """Readable by whatever user a container runs as; on the host the folder above lets nobody in."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


if __name__ == "__main__":
    try:
        write(ROOT)
    except SecretsError as error:
        sys.exit(str(error))
