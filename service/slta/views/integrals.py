"""Integrals: differences, and encoding as an opaque text for clients."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from slta.core.fleet import FleetSpec
from slta.models import Differences, Integrals, TypeIntegrals
from slta.models.errors import InvalidIntegralsError
from slta.models.integrals import Pair

_PLAIN, _DIFFERING = 1, 2
_HEADS = {_PLAIN: struct.Struct(">BQIQ6d"), _DIFFERING: struct.Struct(">BQIQ6d7d")}
"""Header by format version, its first byte: without and with differences at placing. The pools follow."""
_PAIR = struct.Struct(">2d")
_TYPED = 0x80
"""Added to the first byte with session types: their compatibility and sessions follow the pools, last their number."""
_CHECK_BYTES = 6
_LARGEST = 1e100
"""Above any valid integral; also rejects NaN and infinities."""


def difference(newer: tuple[float, float], older: tuple[float, float]) -> float:
    """Difference of two compensated sums, rounded once."""
    return math.fsum((newer[0], -older[0], newer[1], -older[1]))


def completed(integrals: Integrals, spec: FleetSpec) -> Integrals:
    """The integrals with the intervals of which the store has not got the bound. A bound for each, unless cached."""
    if not integrals.types:
        return integrals
    high, low = integrals.types.compatibility
    pair = (high, math.fsum((low, *map(spec.excess, integrals.types.intervals))))
    return replace(integrals, types=replace(integrals.types, compatibility=pair, intervals=()))


def encode_integrals(fleet: str, integrals: Integrals) -> str:
    """Encode `completed` ones as URL-safe text for `decode_integrals` of the same fleet."""
    differences, types = integrals.differences, integrals.types
    version = _DIFFERING if differences else _PLAIN
    head = _HEADS[version].pack(
        version + (_TYPED if types else 0),
        integrals.store_epoch,
        integrals.utilities_version,
        integrals.time,
        *integrals.sessions,
        *integrals.utility,
        *integrals.optimum,
        *(differences.numbers if differences else ()),
    )
    of_types = (types.compatibility, *types.sessions) if types else ()
    payload = head + b"".join(_PAIR.pack(*pair) for pair in (*integrals.pools, *of_types))
    payload += bytes([len(types.sessions)]) if types else b""
    return base64.urlsafe_b64encode(_check(fleet, payload) + payload).rstrip(b"=").decode()


def decode_integrals(fleet: str, text: str) -> Integrals:
    """Decode the text of `encode_integrals`; raises InvalidIntegralsError."""
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise InvalidIntegralsError from None
    check, payload = sealed[:_CHECK_BYTES], sealed[_CHECK_BYTES:]
    if not payload or check != _check(fleet, payload):
        raise InvalidIntegralsError
    kind, types = payload[0] & ~_TYPED, payload[-1] if payload[0] & _TYPED else None
    head, body = _HEADS.get(kind), payload if types is None else payload[:-1]
    if not head or len(body) < head.size or (len(body) - head.size) % _PAIR.size:
        raise InvalidIntegralsError
    _, epoch, version, time, *sums = head.unpack_from(body)
    pairs = [(high, low) for high, low in _PAIR.iter_unpack(body[head.size :])]
    pools = pairs if types is None else pairs[: -types - 1]
    if not all(abs(number) < _LARGEST for number in (*sums, *chain.from_iterable(pairs))):
        raise InvalidIntegralsError
    return Integrals(
        store_epoch=epoch,
        utilities_version=version,
        time=time,
        sessions=(sums[0], sums[1]),
        utility=(sums[2], sums[3]),
        optimum=(sums[4], sums[5]),
        pools=tuple(pools),
        differences=Differences.from_numbers(*sums[6:]) if sums[6:] else None,
        types=_type_integrals(pairs[len(pools) :]),
    )


def _type_integrals(pairs: Sequence[Pair]) -> TypeIntegrals | None:
    return TypeIntegrals(compatibility=pairs[0], sessions=tuple(pairs[1:])) if pairs else None


def _check(fleet: str, payload: bytes) -> bytes:
    """Checksum against typing errors and values of other fleets; forgery harms only the forger."""
    return hashlib.blake2b(payload, digest_size=_CHECK_BYTES, key=hashlib.sha256(fleet.encode()).digest()).digest()
