"""A FastAPI route that passes the gate first and reads its body strictly."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, NoReturn

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from service.api.answers import Answer
from service.api.bodies import check_accept, check_query, drop_body, read_body
from service.api.context import context_of
from service.api.dependencies import parts_of
from service.api.parsing import BodyParser
from service.api.problems import Refusal
from service.api.rules import rules_of
from service.reading import explain

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Endpoint = Callable[..., Coroutine[Any, Any, Response | Answer]]


class ApiRoute(APIRoute):
    """A FastAPI route with `rules`. Use it in other routers too: `APIRouter(route_class=ApiRoute)`.

    Its endpoint gives a Response, or an Answer.
    """

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:  # noqa: ANN401 - handed on
        self.rules = rules_of(endpoint)
        always: dict[str, Any] = {"response_model": None, "response_class": Response, "strict_content_type": False}
        always["operation_id"] = endpoint.__name__
        super().__init__(path, _responding(endpoint), **(options | always))
        self._query = {field.alias for field in self.dependant.query_params}
        self._parser = BodyParser(self.body_field.field_info.annotation, self.rules) if self.body_field else None

    def get_route_handler(self) -> Handler:
        """The gate, the body, then FastAPI's handler."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            context, gate = context_of(request.scope), parts_of(request.app).gate
            gate.admit(context, self.rules, request.path_params.get("fleet"))
            try:
                check_accept(context, self.rules.offers)
                if not self.rules.free_query:
                    check_query(request.scope["query_string"], self._query)
                if self._parser:
                    body = await read_body(context, request.receive, self.rules.body_bytes, gate.hold)
                    request = ParsedRequest(request, await self._parser.read(body))
                else:
                    await drop_body(context, request.receive, self.rules.body_bytes, gate.hold)
                return await answer(request)
            except RequestValidationError as error:
                raise self.rules.unfit(explain(error.errors())) from None
            finally:
                gate.leave(context)

        return handle


def _responding(endpoint: Endpoint) -> Callable[..., Coroutine[Any, Any, Response]]:
    @wraps(endpoint)
    async def respond(*args: Any, **options: Any) -> Response:  # noqa: ANN401 - handed on
        answered = await endpoint(*args, **options)
        return response_of(answered) if isinstance(answered, Answer) else answered

    return respond


def response_of(answer: Answer) -> Response:
    """An answer in Starlette's words."""
    return Response(answer.body, answer.status, dict(answer.headers), answer.content_type)


class ParsedRequest(Request):
    """A request whose body is a model already, which FastAPI takes as it is."""

    def __init__(self, request: Request, model: BaseModel) -> None:
        super().__init__(request.scope, request.receive)
        self._body = b"{}"  # FastAPI asks for the value of a body only where there is one
        self._model = model

    async def json(self) -> BaseModel:
        """The body's model."""
        return self._model


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
