"""The runbook's commands, pasted into the running composition, alert by alert; two incidents are provoked."""

from __future__ import annotations

import re
import sys
import time
from functools import partial

import pytest

from tests.deploy.composition import Stack, until
from tests.deploy.runbook import SECTIONS, script

pytestmark = pytest.mark.compose

PROVOKED = ("SltaStoreUnreachable", "SltaFleetDamaged")


def paste(stack: Stack, alert: str) -> list[str]:
    """Run the commands of an alert; those that failed, each after its exit code."""
    done = stack.bash("trap 'echo \"FAILED $? $BASH_COMMAND\" >&2' ERR\n" + script(alert))
    sys.stdout.write(f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return re.findall(r"^FAILED (.*)$", done.stderr, re.MULTILINE)


def await_alert(stack: Stack, alert: str, count: int, seconds: float) -> None:
    """Wait until so many series of an alert fire; print how long it took."""
    firing, began = f'ALERTS{{alertname="{alert}",alertstate="firing"}}', time.monotonic()
    until(lambda: len(stack.prometheus.values(firing)) == count, seconds, f"{alert} does not fire {count} times")
    sys.stdout.write(f"{alert} fires {count} times after {time.monotonic() - began:.0f} s\n")


@pytest.mark.parametrize("alert", [name for name in SECTIONS if name and name not in PROVOKED])
def test_each_command_of_an_alert_works(stack: Stack, alert: str) -> None:
    assert paste(stack, alert) == []


def test_an_outage_of_the_store_ends_with_the_runbook(stack: Stack) -> None:
    stack.compose("stop", "redis")
    await_alert(stack, "SltaStoreUnreachable", len(stack.containers("dispatcher")), 90)
    assert paste(stack, "SltaStoreUnreachable") == []
    await_alert(stack, "SltaStoreUnreachable", 0, 60)


def test_damage_ends_with_the_runbook_and_its_alert_soon_after(stack: Stack) -> None:
    as_dispatcher, row = partial(stack.redis_cli, "dispatcher", stack.secrets["STORE_PASSWORD"]), "{default}:used:0"
    as_dispatcher("setbit", row, "0", str(1 - int(as_dispatcher("getbit", row, "0").split()[-1])))
    stack.compose("restart", "redis")
    await_alert(stack, "SltaFleetDamaged", 1, 90)
    assert paste(stack, "SltaFleetDamaged") == []
    await_alert(stack, "SltaFleetDamaged", 0, 90)
