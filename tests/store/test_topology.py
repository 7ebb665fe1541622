"""What nodes of a cluster say of its slots, and which of them is believed."""

from __future__ import annotations

from itertools import permutations

import pytest

from slta.store._client.topology import SLOTS, Node, Topology, parse_nodes, slot_of

ASKED = ("10.0.0.1", 7000)
A, B, C = (("a", 1), ("b", 1), ("c", 1))


def node(name: str, epoch: int, *slots: tuple[int, int], is_own: bool = False) -> Node:
    return Node(name, ((name, 1),), epoch, " ".join(f"{first}-{last}" for first, last in slots), is_own)


def test_the_slot_of_a_tag_is_the_servers() -> None:
    assert [slot_of(key) for key in ("slta:fleets", "{}:fleet", "123456789")] == [10230, 6568, 12739]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "id 10.0.0.2:7001@17001 master - 0 1 7 connected 0-5 9 [10->-other] [11-<-other]",
            Node("id", (("10.0.0.2", 7001),), 7, "0-5 9", is_own=False),
        ),
        (
            "id 10.0.0.1:7000@17000,node-1.example,shard-id=69bc myself,master - 0 0 1 connected",
            Node("id", (("10.0.0.1", 7000), ("node-1.example", 7000)), 1, "", is_own=True),
        ),
        ("id :7000@17000 myself,master - 0 0 0 connected 1", Node("id", (ASKED,), 0, "1", is_own=True)),
        ("id ::1:7001@17001,,tls-port=0 slave m 0 1 7 connected", Node("id", (("::1", 7001),), 7, "", is_own=False)),
    ],
)
def test_a_line_has_the_addresses_that_a_node_announces_its_epoch_and_its_slots(line: str, expected: Node) -> None:
    assert parse_nodes(line, ASKED, by_name=False) == [expected]


def test_where_certificates_name_hosts_a_node_is_connected_to_by_its_name() -> None:
    [known] = parse_nodes("id 10.0.0.1:7000@17000,node-1.example master - 0 0 1 connected", ASKED, by_name=True)
    assert known.addresses == (("node-1.example", 7000), ("10.0.0.1", 7000))


def test_a_node_without_an_address_is_left_out() -> None:
    assert parse_nodes("id :0@0 master,noaddr - 0 1 7 disconnected 0-5", ASKED, by_name=False) == []


def test_of_several_claims_the_newest_epoch_wins_in_any_order() -> None:
    views = [[node("a", 1, (0, 9), is_own=True)], [node("b", 5, (4, 9)), node("a", 1, (0, 9))], [node("c", 3, (5, 5))]]
    for order in permutations(views):
        topology = Topology()
        topology.merge(order, 0)
        assert [topology.owner(slot) for slot in (0, 3, 4, 5, 9, 10)] == [A, A, B, B, B, None]
        assert topology.masters.keys() == {A, B}


def test_what_a_node_says_of_itself_is_preferred() -> None:
    topology = Topology()
    topology.merge([[node("a", 6, (0, 9))], [node("a", 6, is_own=True), node("b", 5, (0, 9))]], 0)
    assert topology.owner(0) == B


def test_a_node_that_was_cut_off_and_alone_replies_is_not_believed() -> None:
    topology = Topology()
    topology.merge([[node("b", 5, (0, 9)), node("a", 1)]], 0)
    topology.merge([[node("a", 1, (0, 9), is_own=True), node("b", 0)]], 1)
    assert topology.owner(0) == B


def test_a_node_that_knows_nobody_and_alone_replies_makes_no_other_forgotten() -> None:
    topology = Topology()
    views = [[node("a", 1, (0, 9), is_own=True)], [node("b", 2, (10, 19), is_own=True), node("c", 3, (20, 29))]]
    topology.merge(views, 0)
    topology.merge([[node("a", 1, (0, 9), is_own=True)]], 1)
    assert topology.masters.keys() == {A, B, C}
    topology.merge([[node("a", 1, (0, 9), is_own=True)], [node("b", 2, (10, 19), is_own=True)]], 2)
    assert topology.masters.keys() == {A, B}


@pytest.mark.parametrize(
    ("view", "agrees"),
    [
        ([node("a", 1, (0, 9)), node("b", 2, (10, 19))], True),
        ([node("a", 1, (0, 8)), node("b", 2, (10, 19))], False),
        ([node("a", 0, (0, 8)), node("b", 2, (10, 19))], True),
        ([node("a", 3, (0, 9)), node("b", 2, (10, 19))], False),
        ([node("a", 1, (0, 9))], False),
        ([node("a", 1, (0, 9)), node("b", 2, (10, 19)), node("c", 0)], False),
    ],
    ids=["same", "slots", "older", "newer", "forgotten", "joined"],
)
def test_a_view_with_news_is_told_from_one_that_knows_less(view: list[Node], agrees: bool) -> None:
    topology = Topology()
    topology.merge([[node("a", 1, (0, 9), is_own=True), node("b", 2, (10, 19))]], 0)
    assert topology.agrees(view) == agrees


def test_views_that_share_a_node_through_a_third_are_of_one_cluster() -> None:
    ends, middle = [[node("a", 1, (0, 9))], [node("b", 2, (10, 19))]], [node("a", 1), node("b", 1)]
    views = dict(zip((A, B, C), [*ends, middle], strict=True))
    own, strangers = Topology().split(views)
    assert (len(own), strangers) == (3, [])
    assert Topology().split({A: ends[0], B: ends[1]}) == ([], [A, B])
    assert Topology().split({B: [node("b", 2)], A: ends[0]}) == ([ends[0]], [B])
    assert Topology().split({A: [node("a", 1)], B: [node("b", 2)]}) == ([[node("a", 1)]], [B])


def test_a_moved_reply_is_believed_until_a_view_that_was_asked_for_later() -> None:
    topology = Topology()
    view = [node("a", 1, (0, 9)), node("b", 2, (10, 19))]
    topology.merge([view], asked=0)
    topology.moved(3, B, now=5)
    topology.merge([view], asked=4)
    assert [topology.owner(slot) for slot in (2, 3, 4)] == [A, B, A]
    topology.merge([view], asked=6)
    assert topology.owner(3) == A


def test_a_master_that_only_a_moved_reply_names_is_talked_to() -> None:
    topology = Topology()
    topology.merge([[node("a", 1, (0, 9)), node("b", 0)]], asked=0)
    topology.moved(3, B, now=5)
    assert topology.targets() == {A, B}


def test_each_name_of_a_node_leads_to_the_one_that_it_is_connected_by() -> None:
    topology = Topology()
    topology.merge([[Node("a", (("host", 1), ("10.0.0.1", 1)), 1, "", is_own=True)]], 0)
    assert [topology.address(name) for name in (("host", 1), ("10.0.0.1", 1), ("10.0.0.1", 2))] == [("host", 1)] * 2 + [
        None
    ]


def test_each_master_has_a_tag_in_a_slot_of_its_own_however_few_it_has() -> None:
    topology = Topology()
    topology.merge([[node("a", 1, (0, 8000)), node("b", 2, (8001, 8001)), node("c", 3, (8002, SLOTS - 1))]], 0)
    assert [topology.owner(slot_of(tag)) for tag in topology.tags()] == [A, B, C]
    topology.moved(8001, A, 0)
    assert [topology.owner(slot_of(tag)) for tag in topology.tags()] == [A, C]
