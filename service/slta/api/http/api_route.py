"""A FastAPI route class with authorization and strict body parsing; dependencies and pages for endpoints."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial, update_wrapper
from inspect import cleandoc
from typing import Annotated, Any, NamedTuple, NoReturn, TypeVar

from fastapi import Depends, FastAPI, Query
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from slta.api.endpoint_cache import EndpointCache
from slta.api.http.authorization import Authorizer
from slta.api.http.bodies import BodyParser
from slta.api.http.guards import RequestContext, context_of
from slta.api.http.responses import ApiResponse, HttpError, starlette_response
from slta.api.http.route_options import route_options_of
from slta.auth.keys import Principal
from slta.fleet_file import Specs
from slta.models.request_record import Author, Scrape
from slta.parsing import NAME_PATTERN, explain
from slta.scaling.advisor import Advisor
from slta.store import Store

Exposition = tuple[AsyncGenerator[bytes], Mapping[str, str]]
"""Metrics exposition as chunks, and its headers."""
RenderMetrics = Callable[[Scrape], Awaitable[Exposition]]
"""Render the exposition that a scrape asks for."""


@dataclass(frozen=True)
class Dependencies:
    """Dependencies of one application."""

    store: Store
    specs: Specs
    endpoints: EndpointCache
    advisor: Advisor
    authorizer: Authorizer
    render_metrics: RenderMetrics
    is_ending: Callable[[], bool]


def dependencies_of(app: FastAPI) -> Dependencies:
    """Dependencies that `build_api` has set."""
    dependencies: Dependencies = app.state.dependencies
    return dependencies


def _of_application(name: str) -> Any:  # noqa: ANN401 - FastAPI's own type is not exported
    async def dependency(request: Request) -> object:
        return getattr(dependencies_of(request.app), name)

    return Depends(dependency)


async def _dependencies(request: Request) -> Dependencies:
    return dependencies_of(request.app)


async def _context(request: Request) -> RequestContext:
    return context_of(request.scope)


async def _principal(request: Request) -> Principal:
    return context_of(request.scope).principal


async def _author(request: Request) -> Author:
    """Author of a change; the resulting events are logged when the request ends."""
    context = context_of(request.scope)
    context.author = Author(context.request_id, context.principal.key_id, context.address)
    return context.author


TheDependencies = Annotated[Dependencies, Depends(_dependencies)]
TheStore = Annotated[Store, _of_application("store")]
TheSpecs = Annotated[Specs, _of_application("specs")]
TheEndpoints = Annotated[EndpointCache, _of_application("endpoints")]
TheAdvisor = Annotated[Advisor, _of_application("advisor")]
TheMetrics = Annotated[RenderMetrics, _of_application("render_metrics")]
TheContext = Annotated[RequestContext, Depends(_context)]
ThePrincipal = Annotated[Principal, Depends(_principal)]
TheAuthor = Annotated[Author, Depends(_author)]


MAX_LIMIT = 1000
Entry = TypeVar("Entry")
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="largest number of entries of the page")]
CURSOR = "`next_cursor` of the previous page"
Number = Annotated[str | None, Query(pattern="^[0-9]{1,9}$", description=CURSOR)]
Name = Annotated[str | None, Query(pattern=NAME_PATTERN, description=CURSOR)]


class Paging(NamedTuple):
    """Page that a request asks for: at most `limit` entries, from the first on without a `cursor`."""

    cursor: str | None
    limit: int

    def cut(self, entries: Mapping[str, Entry]) -> tuple[list[Entry], str | None]:
        """The entries whose keys follow the cursor, and the next cursor; `entries` are in ascending order of keys.

        An entry that is there from the first page to the last is on exactly one of them.
        """
        keys = [key for key in entries if key > (self.cursor or "")]
        page = keys[: self.limit]
        return [entries[key] for key in page], page[-1] if len(keys) > len(page) else None


async def _by_number(cursor: Number = None, limit: Limit = 100) -> Paging:
    return Paging(cursor, limit)


async def _by_name(cursor: Name = None, limit: Limit = 100) -> Paging:
    return Paging(cursor, limit)


ByNumber = Annotated[Paging, Depends(_by_number)]
ByName = Annotated[Paging, Depends(_by_name)]
"""Pages of a list with numbers, or names, as cursors."""


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
