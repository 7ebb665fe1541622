"""Whether a refusal was declared: each one that a test of the API meets is looked up in what its call promises."""

from __future__ import annotations

import json

import httpx
from fastapi import FastAPI
from starlette.routing import Match

from slta.api.http.api_route import ApiRoute
from slta.api.http.openapi import codes_of
from slta.api.http.responses import PROBLEM_JSON


class Witness:
    """A hook for the answers of an HTTP client."""

    def __init__(self, app: FastAPI) -> None:
        self._routes = [route for route in app.routes if isinstance(route, ApiRoute) and route.include_in_schema]

    async def __call__(self, answer: httpx.Response) -> None:
        """Fails for a refusal that the call does not promise."""
        if answer.headers.get("Content-Type") == PROBLEM_JSON:
            problem = json.loads(await answer.aread() or "{}")  # the answer to HEAD has no body
            for route in self._matching(answer.request):
                declared = codes_of(route, answer.request.method)
                assert problem.get("code") in declared.get(answer.status_code, ()), (route.path, problem)

    def _matching(self, request: httpx.Request) -> list[ApiRoute]:
        scope = {"type": "http", "method": request.method, "path": request.url.path}
        return [route for route in self._routes if route.matches(scope)[0] is Match.FULL]
