"""Metric families of a command: as a scrape shows them, and as promtool judges them."""

from __future__ import annotations

import subprocess

from prometheus_client import CollectorRegistry, Counter, generate_latest

from slta_integrations.metrics import Family


def exported(prefix: str, families: tuple[Family, ...]) -> dict[str, tuple[str, list[str], str]]:
    """Type, labels and help of the families, by the name in a scrape."""
    return {
        f"{prefix}_{name}{'_total' if kind is Counter else ''}": (kind.__name__.lower(), list(labels), text)
        for kind, name, text, labels in families
    }


def complaints(registry: CollectorRegistry) -> tuple[int, bytes]:
    """Exit code and output of `promtool check metrics`."""
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=generate_latest(registry), capture_output=True, check=False
    )
    return done.returncode, done.stdout + done.stderr
