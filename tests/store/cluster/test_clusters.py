"""The clusters that tests run on do what their names say."""

from __future__ import annotations

import pytest

from testbed.clusters import SLOTS, Cluster, slot_of

pytestmark = pytest.mark.slow


def test_three_masters_own_all_slots_and_have_a_replica_each(nodes: Cluster) -> None:
    masters = nodes.masters()

    assert masters == nodes.nodes[:3]
    assert [nodes.owner(slot) for slot in (0, SLOTS // 2, SLOTS - 1)] == masters
    assert sorted(len(nodes.replicas(master)) for master in masters) == [1, 1, 1]


def test_a_killed_master_is_replaced_and_comes_back_as_a_replica(nodes: Cluster) -> None:
    killed, *others = nodes.masters()
    fleet = nodes.fleet_on(killed)

    killed.kill()
    heir = nodes.promoted(killed)
    nodes.restart(killed)

    assert nodes.owner(fleet) is heir
    assert set(nodes.masters()) == {heir, *others}
    assert nodes.replicas(heir) == [killed]


def test_a_frozen_master_is_replaced(nodes: Cluster) -> None:
    frozen = nodes.masters()[0]
    fleet = nodes.fleet_on(frozen)

    frozen.freeze()

    assert nodes.owner(fleet) is frozen
    assert nodes.promoted(frozen) is nodes.owner(fleet)


def test_a_slot_moves_to_a_master_that_joined(nodes: Cluster) -> None:
    fleet = nodes.fleet_on(nodes.masters()[0])
    nodes.owner(fleet).ask("SET", f"{{{fleet}}}:key", "value")
    joined = nodes.add_master()

    nodes.move(fleet, joined)

    assert nodes.owner(fleet) is joined
    assert joined.ask("GET", f"{{{fleet}}}:key") == "value"


def test_a_slot_moves_key_by_key(nodes: Cluster) -> None:
    source, target, _ = nodes.masters()
    fleet = nodes.fleet_on(source)
    for key in "ab":
        source.ask("SET", f"{{{fleet}}}:{key}", key)

    left = {
        step: source.ask("CLUSTER", "COUNTKEYSINSLOT", slot_of(fleet)) for step in nodes.move_stepwise(fleet, target)
    }

    keys = {f"{{{fleet}}}:a": 1, f"{{{fleet}}}:b": 0}
    assert left == {"importing": 2, "migrating": 2, **keys, "target owns it": 0, "moved": 0}
    assert nodes.owner(fleet) is target


def test_a_slot_without_a_master_stops_the_others_where_full_coverage_is_required(nodes: Cluster) -> None:
    nodes.require_full_coverage(True)
    lost, other, _ = nodes.masters()

    for node in (*nodes.replicas(lost), lost):
        node.kill()

    nodes.until(lambda: not other.is_sound())
