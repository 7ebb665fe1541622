"""The dispatcher: places sessions on heterogeneous server pools so that total utility is as large as theory allows."""

from __future__ import annotations


def release() -> str:
    """The version that is installed."""
    from importlib.metadata import version  # noqa: PLC0415 - takes as long as starting Python does

    return version("slta")
