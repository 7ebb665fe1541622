"""README.md is short, and its example and its claim are true; so is docs/get-started.md."""

from __future__ import annotations

import json
import re
import shlex

import pytest
import yaml

from slta.runtime.settings import Settings
from testbed.in_process import service_in_process
from testbed.servers import running_server
from tests.docs.pages import ROOT, Page, words

PAGE = Page(ROOT / "README.md")
TEXT = " ".join(PAGE.prose.split())
START = Page(ROOT / "docs/get-started.md")


def test_it_has_at_most_900_words() -> None:
    assert len(PAGE.text.split()) <= 900


def pattern(answer: str) -> str:
    """`…` stands for members that are left out."""
    return ".*".join(map(re.escape, answer.split("…")))


@pytest.mark.parametrize(("page", "count"), [(PAGE, 4), (START, 2)], ids=str)
async def test_the_calls_are_answered_as_shown_on_the_fleet_that_it_shows(page: Page, count: int) -> None:
    (fleet,) = (yaml.safe_load(block) for block in page.blocks("yaml"))
    calls = re.findall(r"^\$ curl (.*)\n(.*)$", page.blocks("console")[0], re.MULTILINE)
    with running_server() as url:
        async with service_in_process(url) as service:
            await service.api.put(f"/v1/fleets/{fleet['fleet']}", json=fleet)
            for arguments, answer in calls:
                address, *body = [word for word in shlex.split(arguments) if word != "--json"]
                service.draws.waiting = [0.75]
                response = await service.api.request(
                    "POST" if body else "GET",
                    address.removeprefix("localhost:8080"),
                    content="".join(body),
                    headers={"Content-Type": "application/json"} if body else {},
                )
                assert re.fullmatch(pattern(answer), response.text), response.text
    assert len(calls) == count


def test_the_default_durability_is_the_one_whose_loss_it_states() -> None:
    assert Settings.model_fields["durability"].default == "async"
    assert "With the default settings, a `kill -9` of dispatcher and embedded store together can lose" in TEXT


def test_what_weights_lose_is_what_the_experiment_found() -> None:
    sweep = json.loads((ROOT / "lab/studies/results/policies.json").read_text(encoding="utf-8"))["sweep"]
    assert {row["n"] for row in sweep} == {100}
    lost = {(row["policy"], row["load"]): 100 * row["placement_gap_mean"] / row["bound"] for row in sweep}
    weights = [f"{lost['tuned weights', load]:.0f} %" for load in (8.0, 12.0)]
    of_slta = {load: percent for (policy, load), percent in lost.items() if policy == "SLTA"}
    assert f"lose {weights[0]} of the utility at 8 and {weights[1]} at 12" in TEXT
    loads = f"at loads from {min(of_slta):g} to {max(of_slta):g}"
    assert f"SLTA loses at most {max(of_slta.values()):.1f} % {loads}" in TEXT


def test_what_wrong_curves_lose_is_what_the_study_found() -> None:
    study = json.loads((ROOT / "lab/studies/results/learned-curves.json").read_text(encoding="utf-8"))["rows"]
    wrong, least = ([row for row in study if word in row["line"]] for word in ("wrong", "least connections"))
    means = ([row["lost"] for row in rows] for rows in (wrong, least))
    worst = [f"{max(row['worst'] for row in rows):.0f} % at worst" for rows in (wrong, least)]
    spans = [(min(own), max(own)) for own in means]
    assert f"lose {spans[0][0]:.1f} to {spans[0][1]:.1f} % of the utility in the mean, {worst[0]}" in TEXT
    assert f"least connections loses {spans[1][0]:.0f} to {spans[1][1]:.0f} %, {worst[1]}" in TEXT


def test_contributing_lists_every_folder_of_python() -> None:
    packages = {init.relative_to(ROOT).parts[0] for init in ROOT.glob("*/**/__init__.py") if ".venv" not in init.parts}
    listed = Page(ROOT / "CONTRIBUTING.md").section("Where things are")
    named = {path.partition("/")[0] for path in words(listed)}
    assert packages <= named
