"""The certificate that the service shows, taken up again when its files change."""

from __future__ import annotations

import ssl
from pathlib import Path

from service.reading.stamps import Stamp, stamp_of


class ListenError(Exception):
    """The process cannot listen as its settings say."""


class Certificate:
    """A certificate and its key, as files."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises ListenError for files that TLS could not use."""
        self._files = (certificate, key)
        self._stamps = self._now()
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    def reload_if_changed(self, live: ssl.SSLContext) -> bool:
        """Show changed files to new connections of the `live` context; whether they had changed.

        ListenError when they cannot be used, as while only one of them was replaced: then the old ones stay.
        """
        now = self._now()
        if now == self._stamps:
            return False
        self._stamps = now
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))  # what does not fit must not spoil the one in use
        self._load(live)
        return True

    def _now(self) -> tuple[Stamp, ...]:
        return tuple(stamp_of(path) for path in self._files)

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ListenError(f"cannot use {certificate} with key {key}: {error.strerror or error}") from None
