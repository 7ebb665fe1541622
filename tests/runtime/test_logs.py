"""A log can be read by people and programs, and neither learns a secret or is fooled by a client."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from slta.runtime import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def connect_to(url: str) -> None:
    raise ConnectionError(f"cannot reach {url}")


def logged(capsys: pytest.CaptureFixture[str], form: logs.Format, **facts: object) -> str:
    logs.configure("info", form)
    structlog.get_logger().info("event", **facts)
    return capsys.readouterr().err


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "facts",
    [
        {"url": "redis://:s3cret@store:6379/0"},
        {"url": "redis://user:s3cret@store"},
        {"text": "cannot reach rediss://u:s3cret@store, tried redis://:s3cret@other"},
        {"headers": {"Authorization": "Bearer s3cret"}},
        {"text": "authorization: bearer s3cret"},
        {"password": "s3cret"},
        {"lines": ["redis://:s3cret@store"]},
        {"error": ValueError("redis://:s3cret@store")},
    ],
)
def test_secrets_stay_secret(form: logs.Format, facts: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    text = logged(capsys, form, **facts)
    assert "s3cret" not in text
    assert "***" in text


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_in_a_traceback_stay_secret(form: logs.Format, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", form)
    try:
        connect_to("redis://:s3cret@store")
    except ConnectionError:
        structlog.get_logger().exception("failed")
    text = capsys.readouterr().err
    assert "ConnectionError: cannot reach redis://:***@store" in text
    assert "s3cret" not in text


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("control", ["\n", "\r", "\x1b[2J", "\x00", "\x9b2J", "\u2028"])
def test_control_characters_are_escaped(form: logs.Format, control: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = logged(capsys, form, name=f"before{control}2099-01-01 forged")
    assert control not in text.removesuffix("\n")
    assert len(text.splitlines()) == 1


def test_json_says_what_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    event = json.loads(logged(capsys, "json", fleet="default", token="green", ms=1.5))
    assert event.items() >= {"event": "event", "level": "info", "fleet": "default", "token": "green", "ms": 1.5}.items()


def test_a_librarys_log_comes_in_the_same_form_from_warnings_on(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug", "json")
    logging.getLogger("uvicorn.error").info("not of interest")
    logging.getLogger("uvicorn.error").warning("trouble with %s", "redis://:s3cret@store")
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "trouble with redis://:***@store"


def test_below_the_level_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "json")
    structlog.get_logger().info("event")
    assert capsys.readouterr().err == ""
