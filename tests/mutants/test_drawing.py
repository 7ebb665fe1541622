"""Mutations are drawn by a seed, and those that are kept are found again where their function is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import drawing
from tests.mutants.drawing import Kept, draw, find, folder_of, keep, packaged, spread
from tests.mutants.operators import mutations

TEXT = "class A:\n    def f(self, x):\n        y = x + (\n            1)\n        return y\n"
KEPT = Kept("service/a.py", "A.f", "y = x + (\n1)", "pass")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree in which the file has the text."""
    (tmp_path / "service").mkdir()
    (tmp_path / KEPT.file).write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(drawing, "ROOT", tmp_path)
    monkeypatch.setattr(
        drawing, "packaged", lambda: [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.py")]
    )
    return tmp_path


def applied(tree: Path) -> str | None:
    mutation = find(KEPT)
    if mutation is None:
        return None
    source = (tree / mutation.file).read_bytes()
    return (source[: mutation.start] + mutation.after.encode() + source[mutation.end :]).decode()


def test_a_mutation_is_kept_by_its_function_and_lines() -> None:
    dropped = next(m for m in mutations(KEPT.file, TEXT.encode()) if m.operator == "statement")
    assert keep(dropped, TEXT) == KEPT


def test_lines_that_are_twice_in_a_function_are_not_kept() -> None:
    text = "def f(x):\n    x += 1\n    x += 1\n"
    assert [keep(m, text) for m in mutations("f.py", text.encode()) if m.operator == "arithmetic"] == [None, None]


def test_a_mutation_is_found_after_its_function_moved_in_its_file(tree: Path) -> None:
    moved = "import b\nif b:\n" + "".join(f"    {line}\n" for line in TEXT.splitlines())
    (tree / KEPT.file).write_text(moved, encoding="utf-8")
    assert applied(tree) == moved.replace("y = x + (\n                1)", "pass")


def test_a_mutation_is_found_after_its_file_moved(tree: Path) -> None:
    (tree / KEPT.file).rename(tree / "service" / "b.py")
    assert applied(tree) == TEXT.replace("y = x + (\n            1)", "pass")


def test_a_mutation_whose_lines_are_no_more_is_gone(tree: Path) -> None:
    (tree / KEPT.file).write_text(TEXT.replace("1)", "2)"), encoding="utf-8")
    assert applied(tree) is None


def test_a_seed_draws_the_same_mutations_and_at_most_so_many_of_each_folder() -> None:
    first, again, other = (draw(seed, "service/slta/core", 3) for seed in ("1", "1", "2"))
    assert first == again != other
    assert len(first) == 3 * len({folder_of(kept.file) for kept in first})


def test_a_second_drawing_has_so_many_of_all_folders_together() -> None:
    drawn = spread("2", "loadgen", 7)
    assert [folder_of(kept.file) for kept in drawn] == ["loadgen/slta_loadgen"] * 7


def test_all_that_is_packaged_is_mutated() -> None:
    folders = {file.split("/")[0] for file in packaged()}
    assert folders == {"service", "clients", "integrations", "planning", "experiments", "loadgen", "demo"}
