"""Static files of the dashboard and their response headers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("static")
PAGE = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
CONTENT_TYPES = {path.name: TYPES[path.suffix] for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}
"""Of the served files; those of other types in the folder are not served."""

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
    files = {}
    for name, content_type in CONTENT_TYPES.items():
        body = (FOLDER / name).read_bytes()
        files[name] = PageFile(body, content_type, f'"{_digest(body)}"')
    return files


def version_of(files: dict[str, PageFile]) -> str:
    """Digest of all files, by which an open page detects a newer version."""
    return _digest("".join(file.etag for file in files.values()).encode())


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()
