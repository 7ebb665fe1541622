"""The dispatcher: places sessions on heterogeneous server pools so that total utility is as large as theory allows."""

from __future__ import annotations

from importlib.metadata import version


def release() -> str:
    """The version that is installed."""
    return version("slta")
