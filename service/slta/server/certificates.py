"""The TLS certificate of the server, reloaded when its files change."""

from __future__ import annotations

import ssl
from pathlib import Path

from slta.parsing.file_watch import Stamp, stamp_of


class ListenError(Exception):
    """The process cannot listen with these settings."""


class Certificate:
    """A certificate file and its key file."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises ListenError if the files cannot be loaded."""
        self._files = (certificate, key)
        self._stamps = self._read_stamps()
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    def reload_if_changed(self, live: ssl.SSLContext) -> bool:
        """Load changed files into the `live` context, for new connections; return whether they had changed.

        Raises ListenError if they cannot be loaded, for example when only one of them has been replaced yet; the old
        certificate stays in use.
        """
        stamps = self._read_stamps()
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))  # a failed load would leave the live context unusable
        self._load(live)
        return True

    def _read_stamps(self) -> tuple[Stamp, ...]:
        return tuple(stamp_of(path) for path in self._files)

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ListenError(f"cannot use {certificate} with key {key}: {error.strerror or error}") from None
