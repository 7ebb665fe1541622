"""The TLS certificate of the server, reloaded when its files change."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
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
        self.ends = not_after(certificate)
        """Unix time until which it is valid, 0 if the file does not say so in a form that is read here."""

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
        self.ends = not_after(self._files[0])
        return True

    def _read_stamps(self) -> tuple[Stamp, ...]:
        return tuple(stamp_of(path) for path in self._files)

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ListenError(f"cannot use {certificate} with key {key}: {error.strerror or error}") from None


def not_after(certificate: Path) -> float:
    """Unix time of `notAfter` of the first certificate of a file, see RFC 5280, section 4.1; 0 if it cannot be read."""
    try:
        found = re.search(r"-----BEGIN CERT.*?-----END CERTIFICATE-----", certificate.read_text(), re.DOTALL)
        [(_, signed)] = _elements(ssl.PEM_cert_to_DER_cert(found[0] if found else ""))
        _, body = next(_elements(signed))
        _, validity = [element for element in _elements(body) if element[0] != EXPLICIT_VERSION][3]
        tag, text = [*_elements(validity)][1]
        form = "%y%m%d%H%M%SZ" if tag == UTC_TIME else "%Y%m%d%H%M%SZ"
        return datetime.strptime(text.decode(), form).replace(tzinfo=UTC).timestamp()
    except (OSError, ValueError, LookupError, StopIteration):
        return 0.0


EXPLICIT_VERSION, UTC_TIME = 0xA0, 0x17
"""Tags of DER."""


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of the elements that DER text consists of."""
    while der:
        size, begin = der[1], 2
        if size & 0x80:
            begin += size & 0x7F
            size = int.from_bytes(der[2:begin])
        yield der[0], der[begin : begin + size]
        der = der[begin + size :]
