"""Integrals: differences, and encoding as an opaque text for clients."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from itertools import chain

from slta.models import Comparison, Differences, Integrals
from slta.models.errors import InvalidIntegralsError

_PLAIN, _COMPARING, _DIFFERING = 1, 2, 3
_HEADS = {
    _PLAIN: struct.Struct(">BQIQ6d"),
    _COMPARING: struct.Struct(">BQIQ6d3d"),
    _DIFFERING: struct.Struct(">BQIQ6d7d"),
}
"""Header by format version, its first byte: with sums of reports, or of differences at placing. The pools follow."""
_PAIR = struct.Struct(">2d")
_CHECK_BYTES = 6
_LARGEST = 1e100
"""Above any valid integral; also rejects NaN and infinities."""


def difference(newer: tuple[float, float], older: tuple[float, float]) -> float:
    """Difference of two compensated sums, rounded once."""
    return math.fsum((newer[0], -older[0], newer[1], -older[1]))


def encode_integrals(fleet: str, integrals: Integrals) -> str:
    """Encode as URL-safe text for `decode_integrals` of the same fleet."""
    compared, differences = integrals.comparison, integrals.differences
    version = _COMPARING if compared else _DIFFERING if differences else _PLAIN
    head = _HEADS[version].pack(
        version,
        integrals.store_epoch,
        integrals.utilities_version,
        integrals.time,
        *integrals.sessions,
        *integrals.utility,
        *integrals.optimum,
        *((compared.since, compared.reports, compared.difference) if compared else ()),
        *(differences.numbers if version == _DIFFERING and differences else ()),
    )
    payload = head + b"".join(_PAIR.pack(*pair) for pair in integrals.pools)
    return base64.urlsafe_b64encode(_check(fleet, payload) + payload).rstrip(b"=").decode()


def decode_integrals(fleet: str, text: str) -> Integrals:
    """Decode the text of `encode_integrals`; raises InvalidIntegralsError."""
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise InvalidIntegralsError from None
    check, payload = sealed[:_CHECK_BYTES], sealed[_CHECK_BYTES:]
    head = _HEADS.get(payload[0]) if payload else None
    whole = head and len(payload) >= head.size and (len(payload) - head.size) % _PAIR.size == 0
    if not head or not whole or check != _check(fleet, payload):
        raise InvalidIntegralsError
    kind, epoch, version, time, *sums = head.unpack_from(payload)
    pools = tuple((high, low) for high, low in _PAIR.iter_unpack(payload[head.size :]))
    if not all(abs(number) < _LARGEST for number in (*sums, *chain.from_iterable(pools))):
        raise InvalidIntegralsError
    return Integrals(
        store_epoch=epoch,
        utilities_version=version,
        time=time,
        sessions=(sums[0], sums[1]),
        utility=(sums[2], sums[3]),
        optimum=(sums[4], sums[5]),
        pools=pools,
        comparison=Comparison(since=int(sums[6]), reports=int(sums[7]), difference=sums[8])
        if kind == _COMPARING
        else None,
        differences=Differences.from_numbers(*sums[6:]) if kind == _DIFFERING else None,
    )


def _check(fleet: str, payload: bytes) -> bytes:
    """Checksum against typing errors and values of other fleets; forgery harms only the forger."""
    return hashlib.blake2b(payload, digest_size=_CHECK_BYTES, key=hashlib.sha256(fleet.encode()).digest()).digest()
