"""The page's files: complete, closed to the outside, and readable by everybody."""

from __future__ import annotations

import re
from itertools import product

import pytest

from slta.dashboard.page import CONTENT_TYPES, FOLDER, HEADERS, PAGE, POLICY, read_page, version_of

TEXTS = {name: (FOLDER / name).read_text(encoding="utf-8") for name in CONTENT_TYPES}
PAGE_TEXT = TEXTS[PAGE]


def test_the_table_names_every_file_and_no_other() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(CONTENT_TYPES)


def test_every_import_is_a_file_of_the_table() -> None:
    imported = {name for text in TEXTS.values() for name in re.findall(r'from "\./([^"]+)"', text)}
    assert "stream.js" in imported
    assert imported <= set(CONTENT_TYPES)


def test_every_element_that_is_looked_up_exists() -> None:
    wanted = {name for text in TEXTS.values() for name in re.findall(r'byId\("([^"]+)"\)', text)}
    assert wanted <= set(re.findall(r'\bid="([^"]+)"', PAGE_TEXT))


def test_the_page_holds_no_script_style_or_handler_of_its_own() -> None:
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", PAGE_TEXT)


def test_nothing_comes_from_another_host() -> None:
    for name, text in TEXTS.items():
        assert set(re.findall(r"(?:https?:)?//[a-z][\w.-]+\.[a-z]+[^\s\"']*", text)) <= {
            "http://www.w3.org/2000/svg"
        }, name


def test_the_policy_allows_the_service_itself_only() -> None:
    assert HEADERS["Content-Security-Policy"] == POLICY
    sources = {word for part in POLICY.split("; ") for word in part.split()[1:]}
    assert sources == {"'none'", "'self'", "data:", "'script'"}
    own = {f"{kind}-src 'self'" for kind in ("script", "style", "connect")}
    assert {"default-src 'none'", "frame-ancestors 'none'", *own} <= set(POLICY.split("; "))


def test_the_version_changes_with_any_file() -> None:
    files = read_page()
    names = list(files)
    assert version_of(files) == version_of(read_page())
    assert version_of({name: files[name] for name in names[1:]}) != version_of(files)


# Contrast, as WCAG 2.2 computes it

TEXTS_ON_BOTH = ("text", "quiet", "accent", "good", "attention", "bad")
LINES = ("threshold", "star", "utility", "bound", "placement", "swing")
SHAPES_ON_PANEL = (*LINES, "session", "green", "yellow-edge", "surplus", "draining")


def colours() -> dict[str, dict[str, str]]:
    light, dark = re.findall(r":root \{(.*?)\}", TEXTS["console.css"], flags=re.DOTALL)
    read = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})\b", block)) for block in (light, dark)]
    return {"light": read[0], "dark": read[1]}


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_shapes_stand_out(scheme: str) -> None:
    found = colours()[scheme]
    texts = [(name, ground, 4.5) for name, ground in product(TEXTS_ON_BOTH, ("panel", "ground"))]
    shapes = [(name, "panel", 3.0) for name in SHAPES_ON_PANEL]
    weak = {
        f"{name} on {ground}": round(contrast(found[name], found[ground]), 2)
        for name, ground, least in (*texts, *shapes)
        if contrast(found[name], found[ground]) < least
    }
    assert not weak
