"""Configuration file of the agent, in YAML: fields, defaults, and errors that name the field."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from slta.cli.error_messages import UserError
from slta.cli.target import DEFAULT_URL, URL_RULE, is_base_url
from slta.parsing import Name, explain
from slta.parsing.fields import Part
from slta.parsing.pool_attributes import Address, Labels

MARK = "slta.agent"
"""Label of a pool that the agent drained; its value is `MARKED`. It tells the next agent to undrain it."""
MARKED = "drained"
MAX_POOLS = 1000
"""Of one call of heartbeats."""

Word = Annotated[str, Field(strict=True, min_length=1, pattern=r"^[^\x00]*$")]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
HttpUrl = Annotated[str, Field(strict=True, pattern=r"^https?://[^\s/]+(/\S*)?$")]


def _base_url(text: str) -> str:
    if not is_base_url(text):
        raise PydanticCustomError("base_url", URL_RULE)
    return text


BaseUrl = Annotated[str, Field(strict=True), AfterValidator(_base_url)]


class Source(Part):
    """Where a number or a list comes from: a command's standard output, or the body of a URL."""

    command: list[Word] | None = Field(None, min_length=1)
    url: HttpUrl | None = None
    timeout_seconds: Seconds = 5.0

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise PydanticCustomError("source", "must have one of command and url")
        return self


class Health(Source):
    """Health check: it passes with exit code 0 of the command, or status 2xx of the URL."""

    every_seconds: Seconds = 5.0
    timeout_seconds: Seconds = 2.0


class Listing(Source):
    """List of sessions. It is taken `settle_seconds` after slta asks: the longest time from a placement to the pool."""

    settle_seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 5.0


class PoolEntry(Part):
    """Pool of this host."""

    pool_id: Name
    pool_class: Name
    address: Address | None = None
    labels: Labels = Field(default_factory=dict)
    health: Health | None = None
    sessions: Listing | None = None
    count: Source | None = None

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        """The agent adds a label."""
        if MARK in self.labels:
            raise PydanticCustomError("labels", "labels: {mark} is the agent's own", {"mark": MARK})
        try:
            TypeAdapter(Labels).validate_python({**self.labels, MARK: MARKED})
        except ValidationError:
            raise PydanticCustomError("labels", "labels: too many or too long, the agent adds one of its own") from None
        return self


class AgentFile(Part):
    """The file. `key_file` is read at each call; without one the key is SLTA_API_KEY."""

    url: BaseUrl = DEFAULT_URL
    fleet: Name
    key_file: Path | None = None
    ttl_seconds: Annotated[int, Field(strict=True, ge=2, le=3600)] = 10
    drain_seconds: Annotated[float, Field(ge=0, le=604_800, allow_inf_nan=False)] = 300.0
    present_file: Path | None = None
    metrics_port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = None
    metrics_host: str = "127.0.0.1"
    pools: Annotated[list[PoolEntry], Field(min_length=1, max_length=MAX_POOLS)]

    @model_validator(mode="after")
    def _are_unique(self) -> Self:
        if len({pool.pool_id for pool in self.pools}) < len(self.pools):
            raise PydanticCustomError("pools", "pools: duplicate pool_id")
        return self


class _Loader(yaml.SafeLoader):
    """YAML loader that rejects duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's
        keys = [key.value for key, _ in node.value]
        if len(set(map(str, keys))) < len(keys):
            raise yaml.constructor.ConstructorError(None, None, "duplicate key", node.start_mark)
        return super().construct_mapping(node, deep)


def load(path: Path, environment: Mapping[str, str] = os.environ) -> AgentFile:
    """Read and validate the file. `${NAME}` is a variable's value, except in commands. UserError or OSError."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
        return AgentFile.model_validate(_substituted(content, environment))
    except ValidationError as error:
        problem = explain(error.errors(include_input=False), AgentFile.model_json_schema())
    except UserError as error:
        problem = str(error)
    except (yaml.YAMLError, AttributeError, KeyError, RecursionError, ValueError) as error:  # as for 2001-99-99
        problem = f"not valid YAML: {' '.join(str(error).split())}"
    raise UserError(f"{path}: {problem}")


_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _substituted(value: Any, environment: Mapping[str, str], name: str = "") -> Any:  # noqa: ANN401 - any YAML value
    """The value with variables replaced. `name` is its field's path."""
    if isinstance(value, dict):
        names = {key: f"{name}.{key}" if name else str(key) for key in value}
        return {k: v if k == "command" else _substituted(v, environment, names[k]) for k, v in value.items()}
    if isinstance(value, list):
        return [_substituted(item, environment, f"{name}[{number}]") for number, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda found: _variable(found[1], environment, name), value)


def _variable(variable: str, environment: Mapping[str, str], name: str) -> str:
    """Its value. Raises UserError without one."""
    if not environment.get(variable):
        raise UserError(f"{name}: the environment variable {variable} is not set")
    return environment[variable]
