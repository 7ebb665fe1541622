"""Certificates for servers on loopback."""

from __future__ import annotations

import subprocess
from pathlib import Path


def certificate_in(folder: Path, days: int = 2) -> tuple[Path, Path]:
    """A certificate for loopback and its key, by openssl."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), *subject]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key
