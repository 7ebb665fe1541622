"""The files of the page, read once, and the headers they go out with."""

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
"""All there is to be had: nothing else in the folder is served."""

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
"""no-cache: kept by browsers, but asked for by ETag each time, so that a new version shows at once."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent."""

    body: bytes
    content_type: str
    etag: str


def read_page() -> dict[str, PageFile]:
    """The files of `CONTENT_TYPES` by name."""
    return {name: _read(FOLDER / name, content_type) for name, content_type in CONTENT_TYPES.items()}


def version_of(files: dict[str, PageFile]) -> str:
    """Changes with any file: an open page learns from it that there is a newer one."""
    return _digest("".join(file.etag for file in files.values()).encode())


def _read(path: Path, content_type: str) -> PageFile:
    body = path.read_bytes()
    return PageFile(body, content_type, f'"{_digest(body)}"')


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()
