"""Parts of the pictures in the documents, readable in light and dark mode."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

NAME = 26
"""Height of a box, pixels."""
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 } .head { font-weight: 600 } .note { fill: #59636e }
  rect { fill: #eef3fb; stroke: #6b8cbe } path { fill: none; stroke: #6b8cbe; stroke-opacity: .55 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .note { fill: #9198a1 } rect { fill: #1c2636; stroke: #6b8cbe } path { stroke: #8fb0e6 }
  }
"""
HEAD = '<marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
MARKER = f'<defs>{HEAD}<path d="M0 0 L8 4 L0 8"/></marker></defs>'


def document(title: str, width: float, height: float, parts: Iterable[str]) -> str:
    """The picture."""
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    return "\n".join([head, f"<title>{title}</title>", f"<style>{STYLE}</style>", MARKER, *parts, "</svg>\n"])


def text(x: float, y: float, words: str, kind: str) -> str:
    """One line of text, of the class `kind`."""
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}">{escape(words)}</text>'


def box(x: float, y: float, width: int, name: str) -> str:
    """A box with a name."""
    rect = f'<rect x="{x:.0f}" y="{y:.0f}" width="{width}" height="{NAME}" rx="4"/>'
    return rect + text(x + 10, y + 18, name, "box")
