"""Probes, metrics, and the pages about the API itself."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from redis import Redis

from slta.store import Store
from slta.store.store import READINESS
from tests.api.conftest import Api, NewClient, refusal


class Untouchable:
    """A store that must not be asked."""

    def __getattr__(self, name: str) -> None:
        raise AssertionError(f"the store was asked for {name}")


class Known(Untouchable):
    """One that must not be asked either, and was tried before."""

    def __init__(self, readiness: str, unowned_slots: int = 0, recovering: int = 0, **shards: int) -> None:
        self.readiness, self.shards = readiness, Counter(shards or {readiness: 1})
        self.unowned_slots, self.recovering = unowned_slots, recovering


async def test_liveness_never_asks_the_store(new_client: NewClient) -> None:
    for path in ("/healthz", "/healthz?x=1"):
        answer = await new_client(Untouchable()).get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("word", READINESS)
async def test_readiness_is_what_the_store_said_last_and_asks_it_nothing(new_client: NewClient, word: str) -> None:
    answer = await new_client(Known(word)).get("/readyz")
    assert (answer.status_code, answer.json()) == (200 if word == "ready" else 503, {"status": word})


@pytest.mark.parametrize(
    ("shards", "unowned", "recovering"), [({"connection": 1, "timeout": 1}, 0, 0), ({}, 5461, 0), ({}, 0, 7)]
)
async def test_one_master_of_a_cluster_is_enough_to_be_ready_and_what_is_not_served_is_counted(
    new_client: NewClient, shards: dict[str, int], unowned: int, recovering: int
) -> None:
    answer = await new_client(Known("ready", unowned, recovering, ready=1, **shards)).get("/readyz")
    counted = {"unavailable_shards": len(shards), "unowned_slots": unowned, "recovering_fleets": recovering}
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", **counted})


async def test_nobody_is_ready_before_a_write_was_tried(api: Api, store: Store, redis: Redis) -> None:
    assert (await api.get("/readyz")).json() == {"status": "starting"}
    await store.check()
    assert (await api.get("/readyz")).json() == {"status": "ready"}
    assert redis.keys() == [], "a write is tried, and nothing is written"


async def test_metrics_are_text_in_the_form_that_is_asked_for(api: Api, fleet: str) -> None:
    plain = await api.get("/metrics")
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'slta_pools{fleet="f",pool_class="small",pool_status="active"} 2.0' in plain.text
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    for header in (accept, "application/openmetrics-text", "application/openmetrics-text; version=x"):
        modern = await api.get("/metrics", headers={"Accept": header})
        assert modern.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert modern.text.endswith("# EOF\n")
    assert (await api.get("/metrics", headers={"Accept": "application/json"})).status_code == 406


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("", "process fleets"),
        ("?of=process", "process"),
        ("?of=fleets", "fleets"),
        ("?levels=1", "process fleets levels"),
        ("?of=fleets&levels=1", "fleets levels"),
        ("?of=process&levels=1", "process"),
    ],
)
async def test_parts_of_the_metrics_are_asked_for(api: Api, fleet: str, query: str, parts: str) -> None:
    text = (await api.get(f"/metrics{query}")).text
    samples = {"process": "slta_store_up 1.0", "fleets": "slta_config_version{"}
    samples |= {"levels": "slta_occupancy_ratio{"}
    assert [part for part, sample in samples.items() if sample in text] == parts.split()


@pytest.mark.parametrize(
    "query", ["of=", "of=all", "of=Fleets", "levels=0", "levels=", "levels=true", "detail=1", "only=fleets"]
)
async def test_a_part_of_the_metrics_that_does_not_exist_is_refused(api: Api, query: str) -> None:
    assert refusal(await api.get(f"/metrics?{query}")) == (422, "invalid_request")


async def test_documentation_is_only_where_it_is_switched_on(api: Api, store: Store, new_client: NewClient) -> None:
    documented = new_client(store, docs_enabled=True)
    for path in ("/docs", "/openapi.json"):
        assert (await api.get(path)).status_code == 404
        assert (await documented.get(path)).status_code == 200


async def test_the_page_needs_no_script_and_no_other_host(store: Store, new_client: NewClient) -> None:
    page = await new_client(store, docs_enabled=True).get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    assert re.match(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}';", page.headers["Content-Security-Policy"]
    )
    assert not re.search(r"<script|https?://|<link|@import|url\(", page.text)
    assert "/v1/fleets/{fleet}/assign" in page.text
    assert "&quot;session_id&quot;: &quot;s-1&quot;" in page.text, "an example"
    assert "<h4>409</h4><p>session_ended" in page.text
    assert page.text.count("request_id&quot;: &quot;string") == 3, (
        "what a refusal looks like is said once, and in the outcomes of operations; an event has one too"
    )
