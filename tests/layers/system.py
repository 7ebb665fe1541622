"""Picture of an installation: the processes around the dispatchers, and what each arrow carries, as SVG."""

from __future__ import annotations

from typing import NamedTuple

from tests.layers.svg import NAME, box, document, text

WIDTH, HEIGHT = 460, 452


class Node(NamedTuple):
    """A box: its left upper corner and width in pixels, and a line of explanation below its name."""

    x: int
    y: int
    width: int
    note: str = ""


class Arrow(NamedTuple):
    """From who begins, to who answers; the label stands at (x, y)."""

    begin: tuple[int, int]
    end: tuple[int, int]
    label: str
    x: int
    y: int


NODES = {
    "clients": Node(10, 12, 100),
    "proxies": Node(150, 12, 130, "HAProxy, nginx, Envoy, …"),
    "pools": Node(350, 12, 100, "hosts or pods"),
    "slta follow": Node(190, 116, 110),
    "slta agent": Node(350, 98, 100),
    "slta kubernetes": Node(330, 134, 120),
    "load balancer": Node(10, 230, 440),
    "dispatcher 1": Node(10, 300, 120),
    "dispatcher 2": Node(150, 300, 120),
    "Prometheus": Node(350, 300, 100, "alerts"),
    "Redis or Valkey": Node(10, 400, 260, "all state: fleets, pools, sessions"),
    "replica": Node(350, 400, 100),
}
ARROWS = [
    Arrow((110, 25), (150, 25), "", 0, 0),
    Arrow((280, 25), (350, 25), "sessions", 286, 20),
    Arrow((55, 38), (55, 230), "assign, renew,\ncomplete", 62, 140),
    Arrow((172, 38), (172, 230), "which\npool?", 128, 200),
    Arrow((245, 56), (245, 116), "log", 252, 92),
    Arrow((245, 142), (245, 230), "renew,\ncomplete", 252, 190),
    Arrow((390, 98), (390, 56), "watches", 396, 82),
    Arrow((400, 160), (400, 230), "heartbeat,\nadd, drain", 328, 190),
    Arrow((70, 256), (70, 300), "HTTP", 77, 283),
    Arrow((210, 256), (210, 300), "HTTP", 217, 283),
    Arrow((70, 326), (70, 400), "one function\ncall a step", 77, 360),
    Arrow((210, 326), (210, 400), "", 0, 0),
    Arrow((350, 313), (270, 313), "/metrics", 283, 308),
    Arrow((270, 413), (350, 413), "writes", 290, 408),
]


def picture() -> str:
    """The installation, narrow enough for a telephone."""
    arrows = [f'<path d="M{a.begin[0]} {a.begin[1]} L{a.end[0]} {a.end[1]}" marker-end="url(#to)"/>' for a in ARROWS]
    labels = [
        text(arrow.x, arrow.y + 15 * line, part, "note")
        for arrow in ARROWS
        for line, part in enumerate(arrow.label.split("\n"))
    ]
    boxes = [box(node.x, node.y, node.width, name) for name, node in NODES.items()]
    notes = [text(node.x, node.y + NAME + 14, node.note, "note") for node in NODES.values() if node.note]
    return document("An installation of slta", WIDTH, HEIGHT, [*arrows, *boxes, *labels, *notes])
