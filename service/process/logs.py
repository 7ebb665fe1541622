"""What the process says about itself: an event a line, no secrets, no control characters of clients.

Requests are logged at debug, changes of state at info. Everything goes to standard error.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import structlog
from structlog.typing import Processor

SECRET_NAMES = frozenset({"authorization", "api_key", "password", "cookie"})
SECRETS = re.compile(
    r"(?P<url>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/@]+(?=@)|(?P<header>\b(?:Bearer|Basic)\s+)[^\s'\",}]+",
    re.IGNORECASE,
)
HIDDEN = "***"
ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A)}
ESCAPES_IN_LINES = ESCAPES | {0x0A: "\\n", 0x2028: "\\u2028", 0x2029: "\\u2029"}
"""Control characters would forge lines and move the reader's cursor; only a traceback keeps its line ends."""

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["console", "json"]
Event = MutableMapping[str, Any]


def configure(level: Level, form: Format | None = None) -> None:
    """Set up logging for this process: ours, and the libraries' from warnings on."""
    if form is None:
        form = "console" if sys.stderr.isatty() else "json"
    number = logging.getLevelNamesMapping()[level.upper()]
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    last = _for_programs() if form == "json" else _for_readers()
    structlog.configure(
        processors=[*before, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def _for_programs() -> list[Processor]:
    return [put_first, structlog.processors.JSONRenderer(default=str)]


def put_first(_: object, __: str, event: Event) -> Event:
    """When, how bad and what, then the rest."""
    return {name: event[name] for name in ("timestamp", "level", "event") if name in event} | dict(event)


def _for_readers() -> list[Processor]:
    colors = sys.stderr.isatty()
    plain = structlog.dev.plain_traceback
    return [escape_controls, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]


def hide_secrets(_: object, __: str, event: Event) -> Event:
    """Passwords in URLs, credentials in headers, and whatever is named like one."""
    return {name: HIDDEN if name.lower() in SECRET_NAMES else _hide(value) for name, value in event.items()}


def _hide(value: object) -> object:
    if isinstance(value, str):
        return SECRETS.sub(lambda match: f"{match['url'] or match['header']}{HIDDEN}", value)
    if isinstance(value, (list, tuple)):
        return [_hide(item) for item in value]
    if isinstance(value, Mapping):
        return hide_secrets(None, "", dict(value))
    if isinstance(value, BaseException):
        return _hide(repr(value))
    return value


def escape_controls(_: object, __: str, event: Event) -> Event:
    """Show control characters instead of sending them."""
    return {name: _escape(value, ESCAPES if name == "exception" else ESCAPES_IN_LINES) for name, value in event.items()}


def _escape(value: object, escapes: Mapping[int, str]) -> object:
    if isinstance(value, str):
        return value.translate(escapes)
    if isinstance(value, (list, tuple)):
        return [_escape(item, escapes) for item in value]
    return value
