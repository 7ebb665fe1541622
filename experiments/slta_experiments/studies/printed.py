"""Table 1 of the paper, as printed."""

from __future__ import annotations

COLUMNS = ("JLMU", "SLTA")

# n: u*(⟨s⟩), ⟨u⟩ under JLMU, ⟨u⟩ under SLTA, as printed.
PRINTED = {
    9.75: {
        50: (9.1752, 9.1652, 9.1649),
        100: (9.1746, 9.1699, 9.1698),
        150: (9.1738, 9.1706, 9.1705),
        200: (9.1743, 9.1723, 9.1723),
        250: (9.1735, 9.1720, 9.1720),
        300: (9.1738, 9.1727, 9.1726),
        350: (9.1742, 9.1734, 9.1734),
        400: (9.1734, 9.1728, 9.1728),
        450: (9.1737, 9.1732, 9.1731),
        500: (9.1726, 9.1721, 9.1721),
    },
    10.0: {
        50: (9.1594, 9.1433, 9.1439),
        100: (9.1627, 9.1499, 9.1498),
        150: (9.1633, 9.1534, 9.1534),
        200: (9.1634, 9.1556, 9.1555),
        250: (9.1639, 9.1572, 9.1572),
        300: (9.1613, 9.1548, 9.1547),
        350: (9.1619, 9.1563, 9.1562),
        400: (9.1632, 9.1578, 9.1578),
        450: (9.1630, 9.1576, 9.1576),
        500: (9.1632, 9.1583, 9.1583),
    },
}


def printed_gap(policy: str, n: int, load: float) -> float | None:
    """u*(⟨s⟩) − ⟨u⟩ as printed; None if the paper has no value."""
    row = PRINTED.get(load, {}).get(n)
    return round(row[0] - row[1 + COLUMNS.index(policy)], 4) if row else None


def printed_bound(n: int, load: float) -> float | None:
    """u*(⟨s⟩) of the paper's run."""
    row = PRINTED.get(load, {}).get(n)
    return row[0] if row else None
