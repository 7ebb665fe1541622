"""A run asks the nearest tests first, goes on where one stopped, and says what no test notices."""

from __future__ import annotations

from pathlib import Path

import pytest
from coverage import CoverageData

from tests.mutants import __main__ as tool
from tests.mutants import recording
from tests.mutants.copies import ROOT
from tests.mutants.drawing import Kept
from tests.mutants.judging import SURVIVED, TIMED_OUT, Judge
from tests.mutants.operators import Mutation
from tests.mutants.recording import MODEL, covering, stages

GAPS = "service/slta/core/gaps.py"
SOURCE = (ROOT / GAPS).read_text(encoding="utf-8")
KEPT = [Kept(GAPS, "f", str(number), "x") for number in range(3)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of results for mutations that are found."""
    monkeypatch.setattr(tool, "find", lambda _: rewritten("return", "pass"))
    return tmp_path / "results.jsonl"


def rewritten(right: str, wrong: str) -> Mutation:
    assert right in SOURCE
    return Mutation(GAPS, "planted", 1, 0, len(SOURCE.encode()), SOURCE, SOURCE.replace(right, wrong))


def test_a_run_goes_on_where_one_stopped(run: Path) -> None:
    tool.run(KEPT[:1], lambda *_: SURVIVED, run, 60)
    with run.open("a", encoding="utf-8") as file:
        file.write('{"mutation": ["a", ')  # the power went
    asked: list[Kept] = []

    def judge(_: Mutation, kept: Kept) -> str:
        asked.append(kept)
        return "tests/a.py::b"

    tool.run(KEPT, judge, run, 60)
    assert asked == KEPT[1:]
    assert [verdict for verdict, _ in tool.results(run).values()] == [SURVIVED, "tests/a.py::b", "tests/a.py::b"]


def test_a_run_whose_time_is_over_begins_none(run: Path) -> None:
    tool.run(KEPT, lambda *_: SURVIVED, run, 0)
    assert tool.results(run) == {}


def test_what_is_gone_counts_neither_way_and_a_time_out_is_noticed_and_named() -> None:
    lines = [*tool.table(KEPT, {KEPT[0]: (f"{TIMED_OUT}: tests/a.py", 61.2), KEPT[1]: (tool.GONE, 0)})]
    assert lines[1] == "    1 of    1  100%  service/slta/core, 1 to do, 1 gone"
    assert lines[3:] == [f"timed out: tests/a.py, 61 s: {GAPS}: f: 0 → x", f"gone, 0 s: {GAPS}: f: 1 → x"]


def test_the_test_file_of_a_modules_name_is_asked_first() -> None:
    assert next(stages(GAPS, 1)) == ["tests/core/test_gaps.py"]


def test_of_lua_the_model_is_asked_first_then_the_file_of_its_name_then_all_of_the_store() -> None:
    asked = [test for group in stages("service/slta/store/lua/pools/statuses.lua", 1) for test in group]
    assert asked[:4] == [*MODEL, "tests/store/test_statuses.py"]
    assert sorted(asked) == recording.all_tests("tests/store")


def test_the_functions_that_run_a_line_follow_and_whole_files_whose_fixtures_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = CoverageData(str(tmp_path / "lines"))
    line = 1 + SOURCE[: SOURCE.index("        return")].count("\n")
    for context in (
        "tests/api/test_probes.py|tests/api/test_probes.py::test_liveness_never_asks_the_store[a|b]|run",
        "tests/core/test_gaps.py|tests/core/test_gaps.py::test_that_is_no_more|run",
        "tests/core/test_order.py|tests/core/test_order.py::test_that_is_there|setup",
    ):
        recorded.set_context(context)
        recorded.add_lines({f"/elsewhere/{GAPS}": [line]})
    recorded.write()
    monkeypatch.setattr(recording, "ALL", tmp_path / "lines")
    recording.recorded_lines.cache_clear()
    monkeypatch.setattr(recording, "exists", lambda test: "no_more" not in test)
    assert list(covering(GAPS, line).values()) == [
        ["tests/core/test_order.py"],
        ["tests/api/test_probes.py::test_liveness_never_asks_the_store"],
    ]
    assert covering(GAPS, 1) == {}
    recording.recorded_lines.cache_clear()


@pytest.mark.slow
def test_a_mistake_is_noticed_and_what_changes_nothing_survives(tmp_path: Path) -> None:
    judge, tests = Judge(tmp_path), ["tests/core/test_broken.py", "tests/core/test_gaps.py"]
    (tmp_path / tests[0]).write_text("def test_broken():\n    assert False\n", encoding="utf-8")
    mistake = rewritten("return self.utility_optimum_mean - ", "return ")
    assert judge.judge(mistake, [tests]).startswith(f"{tests[1]}::")
    assert judge.judge(rewritten("import annotations", "import annotations\n\nUNUSED = 1"), [tests]) == SURVIVED


@pytest.mark.slow
def test_a_mutation_that_hangs_is_timed_out(tmp_path: Path) -> None:
    mutation = rewritten("        return self", "        while True: pass\n        return self")
    judge, tests = Judge(tmp_path, "--timeout", "5"), ["tests/core/test_gaps.py"]
    assert judge.judge(mutation, [tests]) == f"{TIMED_OUT}: {tests[0]}"
