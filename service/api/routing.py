"""A route that passes the gate first, reads its body strictly, and on the hot path does nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from service.api.bodies import check_accept, parse_body, read_body
from service.api.context import RequestContext, context_of
from service.api.dependencies import parts_of
from service.api.problems import Refusal
from service.api.rules import rules_of
from service.reading import explain

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ApiRoute(APIRoute):
    """A FastAPI route with `rules`. Use it in other routers too: `APIRouter(route_class=ApiRoute)`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - handed on
        self.rules = rules_of(endpoint)
        super().__init__(path, endpoint, **options)
        self._query = {field.alias for field in self.dependant.query_params}
        if self.rules.direct:
            self._body_model = self._model_of_body()
            self.app = self._answer_directly

    def get_route_handler(self) -> Handler:
        """The gate, the body, then FastAPI's handler."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            context = self._admit(request.scope)
            if self.body_field is not None:
                body = await read_body(context, request.receive, self.rules.body_bytes)
                request = ParsedRequest(request, body)
            try:
                return await answer(request)
            except RequestValidationError as error:
                raise self._invalid(explain(error.errors())) from None

        return handle

    async def _answer_directly(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Without FastAPI's solving of dependencies, which is half of the cost of a request."""
        context = self._admit(scope)
        body = await read_body(context, receive, self.rules.body_bytes)
        try:
            asked = self._body_model.model_validate(parse_body(body) if body else {})
        except ValidationError as error:
            raise self._invalid(explain(error.errors(include_url=False, include_input=False))) from None
        response = await self.endpoint(fleet=context.fleet, body=asked, store=parts_of(scope["app"]).store)
        await response(scope, receive, send)

    def _model_of_body(self) -> type[BaseModel]:
        if self.body_field is None:
            raise TypeError(f"{self.endpoint.__qualname__} has no body: it cannot be direct")
        model: type[BaseModel] = self.body_field.field_info.annotation  # type: ignore[assignment]
        return model

    def _admit(self, scope: Scope) -> RequestContext:
        """Refuse whom and what the rules do not allow, before anything of the body is read."""
        context = context_of(scope)
        parts_of(scope["app"]).gate.admit(context, self.rules, scope["path_params"].get("fleet"))
        check_accept(context, self.rules.offers)
        if scope["query_string"] and not self.rules.free_query:
            _check_query(scope["query_string"], self._query)
        return context

    def _invalid(self, detail: str) -> Exception:
        return self.rules.invalid(detail) if self.rules.invalid else Refusal(422, "invalid_request", detail)


class ParsedRequest(Request):
    """A request whose body has been read and parsed, so that FastAPI does not do it in its own way."""

    def __init__(self, request: Request, body: bytes) -> None:
        super().__init__(request.scope, request.receive)
        self._body = body
        self._value = parse_body(body) if body else None

    async def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """The body's value."""
        return self._value


def refuse_without_route(app: FastAPI) -> None:
    """404 for a path that no route has, 405 for a method."""
    app.add_exception_handler(404, _refuse_path)
    app.add_exception_handler(405, _refuse_method)


async def _refuse_path(_request: Request, _error: Exception) -> NoReturn:
    raise Refusal(404, "not_found", "There is nothing at this path.")


async def _refuse_method(request: Request, _error: Exception) -> NoReturn:
    """Allow has the methods of every route that the path has, not of the first."""
    methods: set[str] = set()
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    allow = {"Allow": ", ".join(sorted(methods))}
    raise Refusal(405, "method_not_allowed", "The path has other methods: see Allow.", allow)


def _check_query(query: bytes, known: Collection[str]) -> None:
    names = [name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]
    if not set(names) <= set(known):
        raise Refusal(422, "invalid_request", f"query: known are {sorted(known)}")
    if len(set(names)) < len(names):
        raise Refusal(422, "invalid_request", "query: a parameter stands twice")
