"""YAML loader of fleet files: fractions become decimals, duplicate keys are an error."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import yaml

from slta.core.policies import POLICIES, Policy
from slta.fleet_file.further_mistakes import further_mistakes
from slta.fleet_file.schema import FleetFile
from slta.models.errors import InvalidFleetError, Mistake

NO_STRING = "input should be a valid string"
"""Reason of pydantic for a value that is no text."""


@dataclass(frozen=True)
class LoadedFleet:
    """Validated fleet file: the fleet's name, the configuration, a digest of both, and the path, for messages.

    Layout and comments do not change the digest.
    """

    name: str
    file: FleetFile
    digest: str
    path: str


def load_yaml(path: Path | str, policies: Mapping[str, Policy] = POLICIES) -> LoadedFleet:
    """Read and validate a fleet file; the fleet's name defaults to `default`.

    Raises InvalidFleetError with the path and all mistakes, with line and column.
    """
    parsed, root = _parse(path)
    try:
        file = FleetFile.read(parsed).model_copy(update={"resolved_policy": None})  # in a file it means nothing
        file.to_spec(policies)
    except InvalidFleetError as error:
        found = [*error.mistakes, *further_mistakes(parsed, error.mistakes, policies)]
        mistakes = sorted((_placed(root, mistake) for mistake in found), key=lambda one: one.place or (0, 0))
        raise InvalidFleetError(f"{path}: {'; '.join(map(str, mistakes))}", mistakes) from None
    name = file.fleet or "default"
    return LoadedFleet(name, file, hashlib.sha256(f"{name}\n{file.document()}".encode()).hexdigest(), str(path))


def _parse(path: Path | str) -> tuple[dict[Any, Any], yaml.Node]:
    """The file's content, and the same as YAML nodes, which have line numbers."""
    try:
        loader = _DecimalLoader(Path(path).read_text(encoding="utf-8"))
        root = loader.get_single_node()
        parsed = loader.construct_document(root) if root else None
    except OSError as error:
        raise InvalidFleetError(f"{path}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        mistake = Mistake((), "", f"not valid YAML: {error.problem or error.context}", _line_and_column(error))
        raise InvalidFleetError(f"{path}: {mistake}", [mistake]) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidFleetError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if root is None or not isinstance(parsed, dict):
        raise InvalidFleetError(
            f"{path}: {'is empty' if parsed is None else 'must be a mapping with the field classes'}"
        )
    return parsed, root


def _line_and_column(error: yaml.MarkedYAMLError) -> tuple[int, int] | None:
    mark = error.problem_mark or error.context_mark
    return (mark.line + 1, mark.column + 1) if mark else None


_NOT_TEXT = {
    f"tag:yaml.org,2002:{tag}": kind
    for tag, kind in (("bool", "a boolean"), ("int", "a number"), ("float", "a number"), ("null", "null"))
}
"""What YAML reads where a name may be meant."""


def _unquoted(node: yaml.Node) -> str | None:
    """What YAML takes a name without quotes for; None if it is text, or no scalar."""
    kind = _NOT_TEXT.get(node.tag)
    return kind and f"{node.value} is {kind} in YAML: put it in quotes"


def _placed(root: yaml.Node, mistake: Mistake) -> Mistake:
    """A mistake with line and column of a field's name or an item; of a missing one, those of its parent."""
    mark, node = _find(root, mistake.location)
    hint = _unquoted(node) if mistake.reason == NO_STRING else None
    reason = f"{mistake.reason}; {hint}" if hint else mistake.reason
    return replace(mistake, reason=reason, place=(mark.start_mark.line + 1, mark.start_mark.column + 1))


def _find(root: yaml.Node, location: Sequence[int | str]) -> tuple[yaml.Node, yaml.Node]:
    """The name or item at a location, and its value; of a missing one its parent."""
    node = mark = root
    for part in location:
        if isinstance(node, yaml.MappingNode):
            match = next((pair for pair in node.value if pair[0].value == part), None)
        else:
            match = (node.value[part], node.value[part]) if isinstance(node, yaml.SequenceNode) else None
        if match is None:
            break
        mark, node = match
    return mark, node


_SPECIAL = {".inf": "Infinity", "+.inf": "Infinity", "-.inf": "-Infinity", ".nan": "NaN"}


class _DecimalLoader(yaml.SafeLoader):
    """YAML loader whose fractions are decimals; rejects duplicate keys."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - PyYAML's
        try:
            return super().construct_object(node, deep)
        except (AttributeError, KeyError, ValueError):  # raised by PyYAML for 2001-99-99 or !!int x
            self._refuse("value does not match its YAML type", node)

    def construct_decimal(self, node: yaml.ScalarNode) -> Decimal:
        text = self.construct_scalar(node).replace("_", "")
        special = _SPECIAL.get(text.lower(), text)
        try:
            return Decimal(special)
        except ArithmeticError:
            self._refuse("not a decimal number", node)

    def construct_unique(self, node: yaml.MappingNode) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if len(set(map(str, keys))) < len(keys):
            self._refuse("duplicate key", node)
        for key, _ in node.value:
            if hint := _unquoted(key):
                self._refuse(f"a name must be text, and {hint}", key)
        return self.construct_mapping(node, deep=True)

    def _refuse(self, problem: str, node: yaml.Node) -> NoReturn:
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_DecimalLoader.add_constructor("tag:yaml.org,2002:float", _DecimalLoader.construct_decimal)
_DecimalLoader.add_constructor("tag:yaml.org,2002:map", _DecimalLoader.construct_unique)
_DecimalLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)
