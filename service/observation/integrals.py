"""Integrals as text that clients hand back."""

from __future__ import annotations

import base64
import hashlib
import struct
from itertools import chain

from service.errors import InvalidIntegrals
from service.values import Integrals

_FORMAT_VERSION = 1
_HEAD = struct.Struct(">BQIQ6d")
_PAIR = struct.Struct(">2d")
_CHECK_BYTES = 6
_LARGEST = 1e100
"""No integral comes near; NaN and infinities are not below it."""


def encode_integrals(fleet: str, integrals: Integrals) -> str:
    """URL-safe text that only `decode_integrals` of the same fleet takes back."""
    head = _HEAD.pack(
        _FORMAT_VERSION,
        integrals.store_epoch,
        integrals.utilities_version,
        integrals.time,
        *integrals.sessions,
        *integrals.utility,
        *integrals.optimum,
    )
    payload = head + b"".join(_PAIR.pack(*pair) for pair in integrals.pools)
    return base64.urlsafe_b64encode(_check(fleet, payload) + payload).rstrip(b"=").decode()


def decode_integrals(fleet: str, text: str) -> Integrals:
    """The inverse; raises InvalidIntegrals for anything else."""
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise InvalidIntegrals from None
    check, payload = sealed[:_CHECK_BYTES], sealed[_CHECK_BYTES:]
    whole = len(payload) >= _HEAD.size and (len(payload) - _HEAD.size) % _PAIR.size == 0
    if not whole or check != _check(fleet, payload) or payload[0] != _FORMAT_VERSION:
        raise InvalidIntegrals
    _, epoch, version, time, *sums = _HEAD.unpack_from(payload)
    pools = tuple((high, low) for high, low in _PAIR.iter_unpack(payload[_HEAD.size :]))
    if not all(abs(number) < _LARGEST for number in (*sums, *chain.from_iterable(pools))):
        raise InvalidIntegrals
    return Integrals(
        store_epoch=epoch,
        utilities_version=version,
        time=time,
        sessions=(sums[0], sums[1]),
        utility=(sums[2], sums[3]),
        optimum=(sums[4], sums[5]),
        pools=pools,
    )


def _check(fleet: str, payload: bytes) -> bytes:
    """Against typing errors and other fleets' values, not against forgery: a forger only misleads himself."""
    return hashlib.blake2b(payload, digest_size=_CHECK_BYTES, key=hashlib.sha256(fleet.encode()).digest()).digest()
