"""What the documents name exists: files, commands, settings, alerts, metrics, calls and error codes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import typer
import yaml

from deploy.prometheus import write_rules
from slta.cli.commands import app
from slta.runtime.settings import Settings
from tests.docs.pages import PAGES, ROOT, Page, alternatives, rows, words
from tests.inventory import each

FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} | {".ci"}
SOURCES = (".py", ".lua", ".js", ".html", ".md", ".toml")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
ALERTS = {
    rule["alert"]
    for path in (ROOT / "deploy/prometheus/rules").glob("*.yml")
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def each_named(*lists: list[tuple[Page, str]]) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    return each(("page", "named"), [case for cases in lists for case in dict.fromkeys(cases)])


# Files


def is_a_file_of_ours(span: str) -> bool:
    """Whether a span names a file or folder of the repository; one that is still to be made has `<name>` in it."""
    if not re.fullmatch(r"[\w./{},*-]+", span) or span.startswith(("/", "*")):
        return False
    return span.partition("/")[0] in FOLDERS if "/" in span else span.endswith(SOURCES)


@each_named([(page, span) for page in PAGES for span in page.spans if is_a_file_of_ours(span)])
def test_a_file_that_is_named_exists(page: Page, named: str) -> None:
    for path in alternatives(named):
        assert any(ROOT.glob(path)) or any(page.path.parent.glob(path)), f"{page} names {path}"


def test_a_path_in_the_service_that_the_page_of_internals_names_exists() -> None:
    service, page = ROOT / "service/slta", Page(ROOT / "docs/maintainers/internals.md")
    packages = {path.parent.name for path in service.glob("*/__init__.py")}
    spans = [span for span in page.spans if "/" in span and span.split("/")[0] in packages]
    named = [path for span in spans for path in alternatives(span)]
    assert [path for path in named if not (service / path).exists()] == []
    assert len(named) > 20


# Commands


def command_lines(page: Page) -> Iterator[str]:
    """Every line of a shell block and every span, without a comment at its end."""
    lines = chain.from_iterable(block.replace("\\\n", " ").splitlines() for block in page.blocks("sh"))
    for line in chain(lines, page.spans):
        yield re.sub(r"(^|\s)# .*", "", line)


def make_targets(page: Page) -> list[tuple[Page, str]]:
    return [(page, name) for line in command_lines(page) for name in re.findall(r"\bmake ([a-z][a-z-]*)", line)]


@each_named(*(make_targets(page) for page in PAGES))
def test_a_target_of_make_that_is_named_exists(page: Page, named: str) -> None:
    assert named in TARGETS, f"{page} names make {named}"


def slta_commands(page: Page) -> list[tuple[Page, str]]:
    found = []
    for line in command_lines(page):
        demo = re.search(r"\bmake demo ARGS=\"([^\"]*)\"", line)
        if demo:
            found.append((page, f"demo {demo[1]}"))
        found += [(page, rest) for rest in re.findall(r"(?:^|[\s/])slta ([a-z][^`|;&]*)", line)]
    return found


def known_options(words: list[str]) -> set[str]:
    """The options of the command that `words` begin with; fails where a group has no such command."""
    command: Any = typer.main.get_command(app)
    for word in words:
        if word.startswith("-") or not hasattr(command, "resolve_command"):
            break
        _, command, _ = command.resolve_command(
            command.make_context("slta", ["--help"], resilient_parsing=True), [word]
        )
    return {option for parameter in command.params for option in parameter.opts} | {"--help"}


@each_named(*(slta_commands(page) for page in PAGES))
def test_a_command_of_slta_that_is_named_exists_and_has_its_options(page: Page, named: str) -> None:
    words = shlex.split(re.sub(r"[…\[\]]", " ", named))
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given <= known_options(words), f"{page} names slta {named}"


# Settings, alerts


DEPLOYED = [Page(path) for path in (*ROOT.glob("[Dd]ocker*"), *(ROOT / "deploy").rglob("*.*")) if path.suffix != ".pyc"]


@each_named([(page, name) for page in PAGES + DEPLOYED for name in re.findall(r"\bSLTA_([A-Z_]*[A-Z])\b", page.text)])
def test_a_setting_that_is_named_exists(page: Page, named: str) -> None:
    others = {"API_KEY", "KEY", "URL", "FLEET", "PLACE", "LEASE", "TEST_SERVERS", "TEST_STORE", "HTTP_PORT"}
    others |= {"COOKIE_SECRET", "OVERFLOW"}  # of the proxies, as PLACE and LEASE
    assert named in {*(field.upper() for field in Settings.model_fields), *others}, f"{page} names SLTA_{named}"


@each_named([(page, name) for page in PAGES for name in re.findall(r"\bSlta[A-Z]\w+", page.text)])
def test_an_alert_that_is_named_exists(page: Page, named: str) -> None:
    assert named in ALERTS, f"{page} names {named}"


# Metrics


def known_metrics() -> set[str]:
    """Names in the tables of the dispatcher, agent, follower, watcher and client, and the series of a histogram."""
    pages = (Page(ROOT / f"docs/{name}.md") for name in ("metrics", "agent", "follow", "kubernetes-pods", "client"))
    names = [name for page in pages for cells in rows(page.text) for name in words(cells[0])]
    return {*names, *(f"{name}{series}" for name in names for series in ("_bucket", "_sum", "_count"))}


PACKAGES = {init.parent.name for folder in ("*", "clients/*") for init in ROOT.glob(f"{folder}/slta_*/__init__.py")}


@each_named(
    [
        (page, name)
        for page in PAGES
        for name in re.findall(r"(?<![:$])\b(?:slta|http_server)_[a-z][a-z_]*[a-z]\b(?![>:])", page.text)
        if name not in PACKAGES
    ]
)
def test_a_metric_that_is_named_exists(page: Page, named: str) -> None:
    assert named in known_metrics(), f"{page} names {named}"


RECORDING_RULE = r"\b[a-z_]+:(?:slta|http)_[a-z_]+:\w+"
RECORDED = re.findall(r"record: (\S+)", "".join(text for _, text in write_rules.written()))


@each_named([(page, name) for page in PAGES for name in re.findall(RECORDING_RULE, page.text)])
def test_a_recording_rule_that_is_named_exists(page: Page, named: str) -> None:
    assert named in RECORDED, f"{page} names {named}"
