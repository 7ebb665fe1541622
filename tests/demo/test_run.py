"""The demonstration as its viewer starts and stops it: real processes, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from slta_demo.options import EXAMPLES
from testbed.awaiting import until
from testbed.processes import Process, environment

SMALL = ["--pools", "12", "--mean-holding", "0.5", "--load-per-pool", "5..12"]


class Demo(Process):
    """`slta demo` in a session of its own, as a shell would start it; its folder for temporary files is ours."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.temporary = folder / "t"
        self.temporary.mkdir()
        command, variables = ["-m", "slta.cli", "demo", *options], environment(TMPDIR=str(self.temporary))
        super().__init__(sys.executable, *command, log=folder / "output", env=variables, start_new_session=True)
        self.launch()

    def says(self, words: str) -> bool:
        assert self.poll() is None or words in self.output, self.output
        return words in self.output

    def relatives(self) -> list[str]:
        """Processes that work in its folder: the service, its Valkey and the load generator."""
        found = []
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError, UnicodeDecodeError):
                if str(self.temporary) in line.read_text() + (line.parent / "environ").read_text():
                    found.append(line.read_text())
        return found

    def kill_its(self, word: str) -> bool:
        """Kill its process that has this word in its command; whether there is one."""
        found = False
        for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = cmdline.read_text().split("\0")
                if word in words and str(self.temporary) in (cmdline.parent / "environ").read_text():
                    os.kill(int(cmdline.parent.name), signal.SIGKILL)
                    found = True
        return found

    def url(self) -> str:
        return next(word.removesuffix("/metrics") for word in self.output.split() if word.endswith("/metrics"))

    def ended(self) -> int:
        status = self.wait()
        assert self.relatives() == []
        assert list(self.temporary.iterdir()) == []
        return status


@pytest.mark.slow
def test_it_ends_by_itself_with_a_summary_and_a_file(tmp_path: Path) -> None:
    demo = Demo(tmp_path, *SMALL, "--duration", "4", "--json", str(tmp_path / "out.json"))
    assert demo.ended() == 0
    assert "/metrics" in demo.output
    assert "/docs" in demo.output
    assert "Done." in demo.output
    figures = json.loads((tmp_path / "out.json").read_text())
    assert (figures["policy"], figures["pools"], figures["errors"]) == ("slta", 12, 0)
    assert figures["arrivals"] > 0
    assert 0 <= figures["placement_gap"] <= figures["utility_gap"]
    assert figures["utility_gap"] == pytest.approx(figures["placement_gap"] + figures["swing_gap"])
    assert figures["mean_utility"] < figures["utility_bound"]
    assert figures["agreement"]["differing_pools"] == {}
    assert figures["fixed_weights"]["relative_placement_gap"] > 0


@pytest.mark.slow
def test_a_fleet_with_session_types_is_played_with_a_mix_of_them(tmp_path: Path) -> None:
    options = ["--duration", "4", "--json", str(tmp_path / "out.json")]
    demo = Demo(tmp_path, str(EXAMPLES / "media.yaml"), *SMALL, *options)
    assert demo.ended() == 0
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["session_types"].keys() == {"call", "stream", "chat"}
    assert [name for name, counts in figures["session_types"].items() if not counts["placed"]] == []
    assert figures["mean_sessions_by_type"]["default"] == 0
    assert (figures["errors"], figures["agreement"]["differing_pools"]) == (0, {})
    assert figures["compatibility_gap"] >= 0
    assert figures["fixed_weights"]["relative_placement_gap"] > 0


@pytest.mark.slow
def test_a_trace_is_played_to_its_end(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    sessions = [f"{k / 10:.1f},{1 + k % 7}" for k in range(100)]
    trace.write_text("\n".join(["start_s,duration_s", *sessions]) + "\n")
    out = tmp_path / "out.json"
    demo = Demo(tmp_path, "--trace", str(trace), "--speed", "5", "--policy", "jlmu", "--json", str(out))
    assert demo.ended() == 0
    figures = json.loads(out.read_text())
    assert (figures["policy"], figures["arrivals"], figures["completions"]) == ("jlmu", 100, 100)
    assert (figures["rejections"], figures["errors"]) == (0, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("moment", "summary"),
    [
        ("Starting the service", "Interrupted"),
        pytest.param("/metrics", "Interrupted", marks=pytest.mark.slow),
        pytest.param("warming up", "Nothing was measured yet", marks=pytest.mark.slow),
        pytest.param("warm-up over", "pools whose occupancies differ: 0", marks=pytest.mark.slow),
    ],
)
def test_an_interruption_ends_everything(moment: str, summary: str, number: signal.Signals, tmp_path: Path) -> None:
    demo = Demo(tmp_path, *SMALL, "--duration", "300", "--warm-up", "6" if moment == "warm-up over" else "100")
    until(lambda: demo.says(moment))
    os.killpg(demo.pid, number)
    assert demo.ended() == 0
    assert summary in " ".join(demo.output.split())
    assert "Traceback" not in demo.output


@pytest.mark.slow
def test_killed_without_warning_it_takes_its_processes_along(tmp_path: Path) -> None:
    demo = Demo(tmp_path, *SMALL, "--duration", "300")
    until(lambda: demo.says("/metrics"))
    demo.kill()
    until(lambda: demo.relatives() == [])


@pytest.mark.slow
def test_while_it_runs_its_addresses_answer(tmp_path: Path) -> None:
    demo = Demo(tmp_path, *SMALL, "--duration", "300")
    until(lambda: demo.says("warming up"))
    url = demo.url()
    for path, words in (("/metrics", "slta_aggregate_utility"), ("/docs", "<html"), ("/readyz", "ready")):
        assert words in httpx.get(url + path, timeout=10).text
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.ended() == 0


@pytest.mark.slow
def test_a_service_that_ends_by_itself_is_reported(tmp_path: Path) -> None:
    demo = Demo(tmp_path, *SMALL, "--duration", "300")
    until(lambda: demo.says("/metrics"))
    assert demo.kill_its("serve")
    assert demo.ended() == 2
    assert "slta: the service exited unexpectedly" in demo.output


def assigned(url: str) -> int:
    return int(httpx.get(f"{url}/v1/fleets/saturating/state", timeout=10).json()["counters"]["assigned"])


TRACE = "start_s,duration_s\n" + "".join(f"{k / 10:.1f},{1 + k % 7}\n" for k in range(40))


@pytest.mark.slow
@pytest.mark.parametrize("load", [[*SMALL, "--duration", "2"], ["--trace", "{trace}", "--speed", "8"]])
def test_kept_it_keeps_the_load(load: list[str], tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text(TRACE)
    demo = Demo(tmp_path, *(word.format(trace=trace) for word in load), "--keep")
    until(lambda: demo.says("The service stays up"))
    url = demo.url()
    first = assigned(url)
    until(lambda: assigned(url) > first + 80)  # the trace, twice
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.ended() == 0


@pytest.mark.slow
def test_a_kept_load_that_ends_by_itself_is_reported(tmp_path: Path) -> None:
    demo = Demo(tmp_path, *SMALL, "--duration", "2", "--keep")
    until(lambda: demo.says("The service stays up"))
    until(lambda: assigned(demo.url()) and demo.kill_its("--endless"))
    assert demo.ended() == 2
    assert "slta: the load generator exited early" in demo.output


@pytest.mark.slow
def test_kept_it_leaves_the_service_up_and_says_how_to_end_it(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    demo = Demo(tmp_path, *SMALL, "--duration", "2", "--keep", "--json", str(out))
    until(lambda: demo.says("The service stays up"))
    assert f"Ctrl-C, or kill {demo.pid}, ends it" in demo.output
    assert json.loads(out.read_text())["errors"] == 0, "what was seen is written before"
    assert assigned(demo.url()) > 0
    os.kill(demo.pid, signal.SIGTERM)
    assert demo.ended() == 0


@pytest.mark.slow
def test_an_interruption_ends_a_demonstration_that_would_be_kept(tmp_path: Path) -> None:
    demo = Demo(tmp_path, *SMALL, "--duration", "300", "--keep")
    until(lambda: demo.says("warming up"))
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.ended() == 0
    assert "stays up" not in demo.output
