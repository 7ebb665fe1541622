"""Static files of the dashboard and their response headers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("static")
PAGE = "index.html"
JAVASCRIPT = "text/javascript; charset=utf-8"
CONTENT_TYPES = {
    PAGE: "text/html; charset=utf-8",
    "console.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "changes.js": JAVASCRIPT,
    "chart.js": JAVASCRIPT,
    "charts.js": JAVASCRIPT,
    "classes.js": JAVASCRIPT,
    "controls.js": JAVASCRIPT,
    "dom.js": JAVASCRIPT,
    "events.js": JAVASCRIPT,
    "figure.js": JAVASCRIPT,
    "format.js": JAVASCRIPT,
    "main.js": JAVASCRIPT,
    "model.js": JAVASCRIPT,
    "pools.js": JAVASCRIPT,
    "profile.js": JAVASCRIPT,
    "service.js": JAVASCRIPT,
    "status.js": JAVASCRIPT,
    "stream.js": JAVASCRIPT,
    "tables.js": JAVASCRIPT,
    "tiles.js": JAVASCRIPT,
}
"""Served files; all others in the folder are not served."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""no-cache: browsers revalidate by ETag each time, so that a new version is loaded at once."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """Response body and headers of a file."""

    body: bytes
    content_type: str
    etag: str


def read_page() -> dict[str, PageFile]:
    """Read the files of `CONTENT_TYPES`, by name."""
    return {name: _read(FOLDER / name, content_type) for name, content_type in CONTENT_TYPES.items()}


def version_of(files: dict[str, PageFile]) -> str:
    """Digest of all files, by which an open page detects a newer version."""
    return _digest("".join(file.etag for file in files.values()).encode())


def _read(path: Path, content_type: str) -> PageFile:
    body = path.read_bytes()
    return PageFile(body, content_type, f'"{_digest(body)}"')


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()
