"""Planning is an extra: without numpy, scipy and matplotlib there is nothing to test here."""

from __future__ import annotations

import pytest

for name in ("numpy", "scipy", "matplotlib"):
    pytest.importorskip(name)
