"""The OpenAPI document, of an application that answers nothing."""

from __future__ import annotations

from typing import Any

from slta.api.app import build_api
from slta.api.http.openapi import describe
from slta.auth.keys import Access


def openapi() -> dict[str, Any]:
    nothing: Any = None  # no request is sent
    return describe(build_api(store=nothing, access=Access.open(), render_metrics=nothing, docs_enabled=True))
