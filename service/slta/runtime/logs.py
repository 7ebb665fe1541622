"""Structured logging: one event per line, with secrets masked and control characters escaped.

Requests are logged at debug, state changes at info. All output goes to standard error.
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
MASK = "***"
ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A)}
ESCAPES_IN_LINES = ESCAPES | {0x0A: "\\n", 0x2028: "\\u2028", 0x2029: "\\u2029"}
"""Control characters could forge log lines or move the terminal's cursor; only tracebacks keep their line breaks."""

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["console", "json"]
Event = MutableMapping[str, Any]


def configure(level: Level, log_format: Format | None = None) -> None:
    """Configure logging of this process; libraries log from level warning."""
    if log_format is None:
        log_format = "console" if sys.stderr.isatty() else "json"
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]
    last: list[Processor] = [order_fields, structlog.processors.JSONRenderer(default=str)]
    if log_format == "console":
        plain = structlog.dev.plain_traceback
        last = [escape_controls, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def order_fields(_: object, __: str, event: Event) -> Event:
    """Put timestamp, level and event first."""
    return {name: event[name] for name in ("timestamp", "level", "event") if name in event} | dict(event)


def mask_secrets(_: object, __: str, event: Event) -> Event:
    """Mask passwords in URLs, credentials in headers, and values with secret names."""
    return {name: MASK if name.lower() in SECRET_NAMES else _mask(value) for name, value in event.items()}


def _mask(value: object) -> object:
    if isinstance(value, str):
        return SECRETS.sub(lambda match: f"{match['url'] or match['header']}{MASK}", value)
    if isinstance(value, (list, tuple)):
        return [_mask(item) for item in value]
    if isinstance(value, Mapping):
        return mask_secrets(None, "", dict(value))
    if isinstance(value, BaseException):
        return _mask(repr(value))
    return value


def escape_controls(_: object, __: str, event: Event) -> Event:
    """Replace control characters by escape sequences."""
    return {name: _escape(value, ESCAPES if name == "exception" else ESCAPES_IN_LINES) for name, value in event.items()}


def _escape(value: object, escapes: Mapping[int, str]) -> object:
    if isinstance(value, str):
        return value.translate(escapes)
    if isinstance(value, (list, tuple)):
        return [_escape(item, escapes) for item in value]
    return value
