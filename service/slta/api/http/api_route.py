"""A FastAPI route class with authorization and strict body parsing before the endpoint."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial, update_wrapper
from inspect import cleandoc
from typing import Any, NoReturn

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from slta.api.http.context import context_of
from slta.api.http.dependencies import dependencies_of
from slta.api.http.parsing import BodyParser
from slta.api.http.problems import HttpError
from slta.api.http.responses import ApiResponse
from slta.api.http.route_options import route_options_of
from slta.parsing import explain

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Endpoint = Callable[..., Coroutine[Any, Any, Response | ApiResponse]]
MIN_COMPARED = 4
"""Characters of the shortest path for which one is suggested that begins or ends with it."""


class NoBody(BaseModel):
    """Body of a route that takes none: absent, or an object without members."""

    model_config = ConfigDict(extra="forbid")


class ApiRoute(APIRoute):
    """A FastAPI route with `route_options`. Use it in other routers too: `APIRouter(route_class=ApiRoute)`.

    The endpoint returns a Starlette Response or an ApiResponse. Its docstring's first sentence is the summary of the
    operation in the OpenAPI document, the rest the description.
    """

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:  # noqa: ANN401 - handed on
        self.route_options = route_options_of(endpoint)
        fixed: dict[str, Any] = {"response_model": None, "response_class": Response, "strict_content_type": False}
        summary, _, description = cleandoc(endpoint.__doc__ or "").partition("\n\n")
        fixed |= {"operation_id": endpoint.__name__, "summary": summary, "description": description}
        self.described = partial(APIRoute, path, endpoint, **(options | fixed))
        """Creates the route with the models of responses, for the OpenAPI document; here they would slow the start."""
        super().__init__(path, _with_starlette_response(endpoint), **(options | fixed | {"responses": None}))
        dependants = (self.dependant, *self.dependant.dependencies)
        known = {field.alias for one in dependants for field in one.query_params}
        self._query = None if self.route_options.free_query else known
        model = self.body_field.field_info.annotation if self.body_field else NoBody
        self._parser = BodyParser(model, self.route_options)

    def get_route_handler(self) -> Handler:
        """Authorize, read the body, then call FastAPI's handler."""
        call_endpoint = super().get_route_handler()

        async def handle(request: Request) -> Response:
            context, authorizer = context_of(request.scope), dependencies_of(request.app).authorizer
            path = request.path_params
            authorizer.authorize(context, self.route_options, path.get("fleet"), path.get("pool_id"))
            try:
                if self.route_options.rules.of_proxies:
                    return await call_endpoint(request)
                query = request.scope["query_string"]
                model = await self._parser.receive(context, query, request.receive, authorizer.reserve, self._query)
                return await call_endpoint(ParsedRequest(request, model) if self.body_field else request)
            except RequestValidationError as error:
                raise self.route_options.validation_error(explain(error.errors())) from None
            finally:
                authorizer.release(context)

        return handle


def _with_starlette_response(endpoint: Endpoint) -> Callable[..., Coroutine[Any, Any, Response]]:
    """Partial object: of a function FastAPI would read the source at the first request, for 25 ms of the event loop."""
    return update_wrapper(partial(_respond, endpoint), endpoint)


async def _respond(endpoint: Endpoint, *args: Any, **options: Any) -> Response:  # noqa: ANN401 - handed on
    response = await endpoint(*args, **options)
    return starlette_response(response) if isinstance(response, ApiResponse) else response


def starlette_response(response: ApiResponse) -> Response:
    """Convert an ApiResponse to a Starlette Response."""
    return Response(response.body, response.status, dict(response.headers), response.content_type or None)


class ParsedRequest(Request):
    """Request whose body is already a validated model, which FastAPI passes through."""

    def __init__(self, request: Request, model: BaseModel) -> None:
        super().__init__(request.scope, request.receive)
        self._body, self._json = b"{}", model  # FastAPI calls json() only for a non-empty body


def refuse_without_route(app: FastAPI) -> None:
    """Install the handlers of 404 for an unknown path and 405 for an unsupported method."""
    app.add_exception_handler(404, _refuse_path)
    app.add_exception_handler(405, _refuse_method)


async def _refuse_path(request: Request, _error: Exception) -> NoReturn:
    path, known = request.scope["path"], [route.path for route in request.app.routes]
    near = [one for one in known if len(path) >= MIN_COMPARED and (one.startswith(path) or one.endswith(path))]
    if path.endswith("/") and _methods_of(request, path[:-1]):
        where = " Leave out the slash at its end."
    elif near:
        where = f" Did you mean {min(near, key=len)}?"
    else:
        where = " See /docs." if "/docs" in known else ""
    raise HttpError(404, "not_found", f"There is nothing at this path.{where}")


async def _refuse_method(request: Request, _error: Exception) -> NoReturn:
    allow = ", ".join(sorted(_methods_of(request, request.scope["path"])))
    detail = f"The path has no such method: use {allow}."
    raise HttpError(405, "method_not_allowed", detail, {"Allow": allow}, allow=allow.replace(",", ""))


def _methods_of(request: Request, path: str) -> set[str]:
    """Methods of all routes that match a path, not only of the first."""
    scope = {**request.scope, "path": path}
    matching = (route for route in request.app.routes if route.matches(scope)[0] is not Match.NONE)
    methods = {method for route in matching for method in getattr(route, "methods", None) or ()}
    return methods | {"HEAD"} if "GET" in methods else methods
