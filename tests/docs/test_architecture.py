"""The pages on architecture and internals have the layers of the import contract, the state's fields, and limits."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from slta.api.routes.operations import SLICE
from slta.core.limits import MAX_CAPACITY, MAX_CLASSES, MAX_LEVELS, MAX_POOLS
from slta.core.policies import POLICIES
from slta.runtime.background import STARTUP_SECONDS
from slta.store._batching.batcher import MAX_BATCH, MIN_SECOND_CALL
from slta.store._client.connection_pool import StoreSettings
from slta.store._failover.recovery import RETRY_SECONDS
from slta.store._failover.replay_log import KEPT_SECONDS
from slta.store.pools import POOLS_PER_CALL, SESSIONS_PER_CALL
from testbed.servers import SERVERS
from tests import rawstate
from tests.core.policies import test_agreement as agreement
from tests.docs.pages import ROOT, Page, alternatives, constant_in_lua, rows, words
from tests.inventory import each
from tests.store import test_decisions as decisions

PAGE = Page(ROOT / "docs/maintainers/internals.md")
PAGES = (PAGE, Page(ROOT / "docs/architecture.md"), Page(ROOT / "docs/maintainers/one-assign.md"))
PROSE = " ".join(word for page in PAGES for word in page.prose.split())
FOLDERS_SECTION = PAGE.section("Where things are")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
FOLDERS = ("service", "clients", "loadgen", "demo", "integrations", "experiments", "planning")
PACKAGES = {"slta": "service", "slta_client": "clients", **{f"slta_{folder}": folder for folder in FOLDERS[2:]}}
SERVICE = ROOT / "service/slta"


def layers() -> list[list[str]]:
    return [words(first) for first, *_ in rows(PAGE.section("Layers"))]


def contract(name: str) -> dict[str, Any]:
    return next(one for one in CONTRACTS if one["id"] == name)


def in_folder(module: str) -> str:
    """A module by its folder: `slta_demo.run` is in `demo.run`."""
    package, *rest = module.split(".")
    return ".".join((PACKAGES[package], *rest))


def test_the_layers_are_those_of_the_import_contract() -> None:
    assert layers() == [layer.split(" | ") for layer in contract("rooms")["layers"]]


def test_every_package_and_module_of_the_service_is_in_a_layer() -> None:
    modules = {path.stem for path in SERVICE.glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in SERVICE.glob("*/__init__.py")}
    assert {name for layer in layers() for name in layer} == modules | folders


@each("folder", FOLDERS)
def test_what_a_folder_must_not_import_is_what_the_contracts_forbid_it(folder: str) -> None:
    forbidden = {
        in_folder(module)
        for one in CONTRACTS
        if one["type"] == "forbidden" and [PACKAGES.get(name) for name in one["source_modules"]] == [folder]
        for module in one["forbidden_modules"]
        if module.split(".")[0] in PACKAGES
    }
    (row,) = (row for row in rows(FOLDERS_SECTION) if words(row[1]) == [folder])
    assert {module for word in words(row[3]) for module in alternatives(word)} == forbidden


def test_a_path_in_the_service_that_the_page_names_exists() -> None:
    packages = {path.parent.name for path in SERVICE.glob("*/__init__.py")}
    named = [
        path for span in PAGE.spans if span.split("/")[0] in packages and "/" in span for path in alternatives(span)
    ]
    assert [path for path in named if not (SERVICE / path).exists()] == []
    assert len(named) > 20


def test_the_fields_of_the_packed_state_are_those_that_the_audit_unpacks() -> None:
    (block,) = PAGE.blocks("text")
    named = {name: fields.split() for name, fields in re.findall(r"^(\S+(?: \S+)*)((?:  .*\n)+)", block, re.MULTILINE)}
    policies = {name: fields.split() for name, fields in rawstate.POLICY_BLOCKS.items() if name in POLICIES}
    texts = dict(zip(("classes", "intervals", "a type"), rawstate.TEXTS, strict=True))
    shared = {"fleet": rawstate.FLEET_BLOCK, "types": rawstate.TYPES_BLOCK} | texts
    assert named == {name: fields.split() for name, fields in shared.items()} | policies


# Figures


def test_so_many_random_operations_are_compared() -> None:
    with_lua = len(POLICIES) * decisions.FLEETS * decisions.OPERATIONS * len(SERVERS)
    with_naive = len(POLICIES) * agreement.FLEETS * agreement.OPERATIONS
    all_three = len(POLICIES) * decisions.FLEETS_WITH_NAIVE * decisions.OPERATIONS_WITH_NAIVE
    assert f"compares the Lua with the specification over {with_lua:,} random operations" in PROSE
    assert f"the specification with the naive one over {with_naive:,}" in PROSE
    assert f"all three over {all_three:,} on each server" in PROSE


@each(
    "sentence",
    [
        f"but by {constant_in_lua('state/fleet_time', 'fleet_time.MAX_STEP') / 1e6:g} s at most",
        f"after a gap no lease ends for {constant_in_lua('state/fleet_time', 'fleet_time.HOLD') / 1e6:g} s",
        f"A batch or tick ends at most {constant_in_lua('sessions/leases', 'MAX_REAPED'):g} sessions",
        f"ends at most {constant_in_lua('sessions/leases', 'MAX_REAPED'):g} expired sessions",
        f"looks through at most {constant_in_lua('sessions/leases', 'MAX_SECONDS'):,.0f} seconds of leases",
        f"processes at most {constant_in_lua('pools/timers', 'MAX_DUE'):g} timers of pools",
        f"at most {constant_in_lua('pools/due_drains', 'MAX_ENDED'):g} sessions on pools that fail by their drain",
        f"leaves a tombstone for {constant_in_lua('sessions/sessions', 'TOMBSTONE') / 1e6:g} s",
        f"at most {constant_in_lua('state/expiring_ids', 'MAX_IDS'):,.0f} per fleet",
        f"is bounded by {constant_in_lua('state/cache', 'MAX_LEVELS'):,.0f} levels",
        f"and {constant_in_lua('state/cache', 'MAX_NAMES'):,.0f} pool names",
        f"BITCOUNT halves the row until {constant_in_lua('ledger/rows', 'rows.SPAN'):g} bytes are left",
        f"with the next call, at most {MAX_BATCH} in order",
        f"Where {MIN_SECOND_CALL} wait, a second call",
        f"until {StoreSettings('').deadline_seconds} s have passed",
        f"acknowledged calls of the last {KEPT_SECONDS:g} s of each incarnation",
        f"for {RETRY_SECONDS:g} s also those that did not fit",
        f"the last {constant_in_lua('state/events', 'MAX_EVENTS'):g} changes",
        f"create missing pools, {POOLS_PER_CALL:,} in each step",
        f"end its sessions, {SESSIONS_PER_CALL} in each step",
        f"up to {MAX_BATCH} leases, up to {SLICE} operations in each step",
        f"at most {MAX_POOLS:,} pools, {MAX_CLASSES} classes, a capacity of {MAX_CAPACITY:,} per class",
        f"and {MAX_LEVELS:,} levels in all",
        f"after {STARTUP_SECONDS:g} s serving begins",
    ],
)
def test_a_limit_that_the_page_states_is_the_one_of_the_code(sentence: str) -> None:
    assert sentence in PROSE
