"""The OpenAPI document, of an application that answers nothing."""

from __future__ import annotations

from typing import Any

from service.access.keys import Access
from service.api.application import build_api
from service.api.contract import describe


def openapi() -> dict[str, Any]:
    nothing: Any = None  # no request is sent
    return describe(build_api(store=nothing, access=Access.open(), render_metrics=nothing, docs_enabled=True))
