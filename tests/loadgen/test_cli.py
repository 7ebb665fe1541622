import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import unused_port
from typer.testing import CliRunner, Result

from slta_loadgen.cli import app
from testbed.threads import LoopThread
from tests.loadgen.standin import StandIn


class InThread(LoopThread):
    """The commands own the main thread's event loop, so the service needs another."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    async def begin(self) -> None:
        self.service = StandIn(**self._settings)
        self.url = await self.stack.enter_async_context(self.service.serving())


@contextmanager
def service_in_a_thread(**settings: Any) -> Iterator[tuple[StandIn, str]]:
    with InThread(**settings) as thread:
        yield thread.service, thread.url


def call(*arguments: object, piped: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=piped)


def reported(folder: Path, *arguments: object) -> tuple[Result, dict[str, Any]]:
    """A command that succeeds, and its report."""
    result = call(*arguments, "--json", folder / "report.json")
    assert result.exit_code == 0, result.output
    return result, json.loads((folder / "report.json").read_text())


def test_run_plays_a_load_per_pool_and_reports_it(tmp_path: Path) -> None:
    with service_in_a_thread(pools=4) as (service, url):
        result, told = reported(
            tmp_path, "run", "--url", url, "--load-per-pool", 5, "--mean-holding", 0.1, "--duration", 0.5
        )

    # 4 pools · 5 sessions / 0.1 s = 200 a second; Poisson, so 100 ± 50 is five standard deviations.
    assert told["summary"]["arrivals"] == pytest.approx(100, abs=50)
    assert told["summary"]["arrivals"] == told["summary"]["placed"]
    assert told["agreement"]["differing_pools"] == {}
    assert told["workload"]["load_per_pool"] == 5
    assert service.live == {}
    assert "sessions per pool, recorded" in result.output


def test_a_mix_is_reported_by_type(tmp_path: Path) -> None:
    """Five sessions find room, and none ends."""
    with service_in_a_thread(pools=1, capacity=5) as (_, url):
        mix = ("--session-types", "video=1,chat=1", "--mean-holding", 100)
        result, told = reported(tmp_path, "run", "--url", url, "--rate", 200, "--duration", 0.2, *mix)

    types, summary = told["summary"]["session_types"], told["summary"]
    assert types.keys() == {"video", "chat"}
    for name in ("placed", "rejections", "errors"):
        assert types["video"][name] + types["chat"][name] == summary[name]
    assert (summary["placed"], summary["rejections"] > 5) == (5, True)
    [row] = [line.split() for line in result.output.splitlines() if line.split()[:1] == ["video"]]
    assert row[1:] == [str(sum(types["video"].values())), *map(str, types["video"].values())]


def test_shares_may_be_given_one_by_one(tmp_path: Path) -> None:
    shares = ("--session-types", "video=0.25", "--session-types", "chat=0.75")
    with service_in_a_thread() as (_, url):
        _, told = reported(tmp_path, "run", "--url", url, "--rate", 50, "--duration", 0.1, *shares)

    assert told["workload"]["session_types"]["shares"] == [["video", 0.25], ["chat", 0.75]]


@pytest.mark.parametrize(("known", "listed"), [(("default", "video"), "default, video"), ((), "default")])
def test_a_type_that_the_fleet_lacks_is_refused_at_once(tmp_path: Path, known: tuple[str, ...], listed: str) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("start_s,duration_s,session_type\n0,1,audio\n")
    with service_in_a_thread(session_types=known) as (service, url):
        run = call("run", "--url", url, "--rate", 9, "--duration", 0.1, "--session-types", "audio=1,default=1")
        replay = call("replay", trace, "--url", url)

    assert (run.exit_code, replay.exit_code, service.requests) == (2, 2, [])
    for result in (run, replay):
        words = " ".join(result.output.replace("│", " ").split())
        assert f"session types: unknown audio; known: {listed}" in words


def test_a_trace_with_types_is_replayed_with_them(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("start_s,duration_s,session_type\n0,0.1,video\n0,0.1,\n0.05,0.1,chat\n")
    with service_in_a_thread() as (service, url):
        _, told = reported(tmp_path, "replay", trace, "--url", url)

    assert [body["session_type"] for body in service.bodies if "session_type" in body] == ["video", "chat"]
    assert (told["summary"]["placed"], set(told["summary"]["session_types"])) == (3, {"video", "chat"})


def test_in_bulk_every_session_comes_and_goes_by_operations(tmp_path: Path) -> None:
    with service_in_a_thread() as (service, url):
        arguments = ("--rate", 400, "--mean-holding", 0.01, "--duration", 0.2, "--bulk", 20)
        _, told = reported(tmp_path, "run", "--url", url, *arguments)

    assert told["workload"]["bulk"] == 20
    assert 0 < told["summary"]["arrivals"] == told["summary"]["placed"]
    assert sum(service.operations_per_call) == len(service.requests) == 2 * told["summary"]["arrivals"]
    assert max(service.operations_per_call) <= 20
    assert service.live == {}


@pytest.mark.slow
def test_the_same_seed_asks_for_the_same_sessions() -> None:
    arguments = ("--rate", 200, "--duration", 0.2, "--seed", 5, "--seeded-ids", "--json", "-")
    told = []
    for _ in range(2):
        with service_in_a_thread() as (service, url):
            result = call("run", "--url", url, *arguments)
        told.append((json.loads(result.output)["summary"]["arrivals"], {id_ for _, id_ in service.requests}))

    assert told[0] == told[1]
    assert "lg5-0" in told[0][1]


def test_replay_plays_a_trace_to_its_end(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("start_s,duration_s\n0,1\n0.5,2\n1,0.5\n")
    with service_in_a_thread() as (service, url):
        _, told = reported(tmp_path, "replay", trace, "--url", url, "--speed", 20)

    assert told["summary"]["completions"] == 3
    assert (told["workload"]["trace"], told["workload"]["speed"]) == ("trace.csv", 20)
    assert told["workload"]["last_end_seconds"] == pytest.approx(2.5 / 20)
    assert service.live == {}


def test_replay_reads_a_trace_from_standard_input() -> None:
    with service_in_a_thread() as (service, url):
        arguments = ("replay", "-", "--url", url, "--speed", 20, "--json", "-")
        result = call(*arguments, piped="start_s,duration_s\n0,1\n0.5,2\n")

    told = json.loads(result.output)
    assert (told["summary"]["completions"], told["workload"]["sessions"]) == (2, 2)
    assert service.live == {}


@pytest.mark.slow
def test_a_program_can_follow_a_run_line_by_line_and_finds_the_report_in_the_last(tmp_path: Path) -> None:
    arguments = ("--rate", 100, "--duration", 0.6, "--warm-up", 0.6, "--mean-holding", 0.1, "--progress", "json")
    with service_in_a_thread() as (_, url):
        result, told = reported(tmp_path, "run", "--url", url, *arguments)
    *progress, last = [json.loads(line) for line in result.output.splitlines()]

    assert {line.pop("kind") for line in progress} == {"progress"}
    assert (progress[0]["is_arriving"], progress[0]["since"]) == (True, None)
    assert (progress[-1]["is_arriving"], bool(progress[-1]["since"])) == (False, True)
    # 0.6 s of warm-up and as long again at 100 a second; Poisson, so 120 ± 55 is five standard deviations.
    assert last["totals"]["arrivals"] == pytest.approx(120, abs=55)
    assert last["summary"]["arrivals"] < last["totals"]["arrivals"]
    assert last == {"kind": "result", **told}


def test_the_sessions_of_a_trace_that_arrive_during_the_warm_up_are_not_counted(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("start_s,duration_s\n0,1\n8,1\n9,1\n")
    with service_in_a_thread() as (_, url):
        _, told = reported(tmp_path, "replay", trace, "--url", url, "--speed", 20, "--warm-up", 0.2)

    assert (told["summary"]["arrivals"], told["totals"]["arrivals"]) == (2, 3)


def test_checking_fails_where_calls_failed() -> None:
    with service_in_a_thread() as (service, url):
        service.faults["assign"].append((422, "invalid_request"))
        result = call("run", "--url", url, "--rate", 100, "--duration", 0.2, "--check", "--json", "-")

    assert result.exit_code == 1
    assert json.loads(result.output)["summary"]["errors"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--load-per-pool", 1, "--rate", 1), "not both"),
        (("--url", "127.0.0.1:80"), "a URL begins with http://"),
        (("--profile", "5@"), "RATE@SECONDS"),
        (("--load-per-pool", 1, "--holding", "pareto", "--shape", 1), "shape must be above 1"),
        (("--load-per-pool", 1, "--holding", "uniform"), "uniform"),
        (("--load-per-pool", 1, "--endless", "--duration", 1), "endless"),
        (("--load-per-pool", 1, "--fleet", ".."), "a fleet name has 1 to 128 of"),
    ],
)
def test_contradictions_are_answered_with_the_usage(options: tuple[object, ...], message: str) -> None:
    result = call("run", *options)

    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())


def test_a_bad_trace_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("start_s,duration_s\n0,1\nx,1\n")
    result = call("replay", trace, "--url", f"http://127.0.0.1:{unused_port()}")

    assert result.exit_code == 2
    assert "line 3" in result.output


def test_a_service_that_is_not_there_is_named() -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    result = call("run", "--url", url, "--load-per-pool", 1)

    assert result.exit_code == 3
    assert result.stderr.startswith(f"slta: GET {url}/v1/fleets: ")
    assert "unreachable" in result.stderr
