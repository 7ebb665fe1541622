"""A route that passes the gate first, reads its body strictly, and on the hot path does nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.bodies import StrictRequest, check_accept, header
from service.api.gate import Gate
from service.api.problems import Refusal
from service.api.rules import Rules, rules_of
from service.reading import explain

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ApiRoute(APIRoute):
    """A FastAPI route with `rules`. Use it in other routers too: `APIRouter(route_class=ApiRoute)`."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(*args, **options)
        if rules_of(self.endpoint).direct:
            self.app = _plain_app(self.get_route_handler())

    def get_route_handler(self) -> Handler:
        """The gate, then the endpoint."""
        rules = rules_of(self.endpoint)
        answer = self._direct_handler() if rules.direct else super().get_route_handler()
        known = None if rules.free_query else {field.alias for field in self.dependant.query_params}

        async def handle(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            strict.body_bytes = rules.body_bytes
            _pass_gate(strict, rules)
            if known is not None and request.scope["query_string"]:
                _check_query(strict, known)
            try:
                return await answer(strict)
            except RequestValidationError as error:
                if rules.invalid is None:
                    raise
                raise rules.invalid(explain(error.errors())) from None

        return handle

    def _direct_handler(self) -> Handler:
        endpoint, body_field = self.endpoint, self.body_field
        if body_field is None:
            raise TypeError(f"{endpoint.__qualname__} has no body: it cannot be direct")
        model: type[BaseModel] = body_field.field_info.annotation  # type: ignore[assignment]

        async def answer(request: Request) -> Response:
            try:
                body = model.model_validate(await request.json() if await request.body() else {})
            except ValidationError as error:
                raise RequestValidationError(error.errors(include_url=False, include_input=False)) from None
            response: Response = await endpoint(
                fleet=request.path_params["fleet"], body=body, store=request.app.state.store()
            )
            return response

        return answer


def _pass_gate(request: Request, rules: Rules) -> None:
    gate: Gate = request.app.state.gate
    gate.admit(request, rules)
    check_accept(header(request.scope, b"accept"), rules.offers)


def _check_query(request: Request, known: Collection[str]) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    if not set(names) <= set(known):
        raise Refusal(422, "invalid_request", f"query: known are {sorted(known)}")
    if len(set(names)) < len(names):
        raise Refusal(422, "invalid_request", "query: a parameter stands twice")


def _plain_app(handle: Handler) -> ASGIApp:
    """Without exit stacks, which only FastAPI's dependencies need; errors are answered further out."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await handle(Request(scope, receive))
        await response(scope, receive, send)

    return app
