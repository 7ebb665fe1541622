"""Fleet files as YAML: fractions are read as decimals, and no key may appear twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import yaml

from service.core.policies import POLICIES, Policy
from service.errors import InvalidFleet
from service.fleet_file.schema import FleetFile


@dataclass(frozen=True)
class LoadedFleet:
    """A fleet file that was read: the fleet's name, what it says, and a digest that changes with what it says.

    Layout and comments do not change the digest; the name does.
    """

    name: str
    file: FleetFile
    digest: str


def load_yaml(path: Path | str, policies: Mapping[str, Policy] = POLICIES) -> LoadedFleet:
    """Read and check a fleet file; without a name it is of the fleet `default`. Raises InvalidFleet with the path."""
    try:
        parsed = yaml.load(Path(path).read_text(encoding="utf-8"), _DecimalLoader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise InvalidFleet(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidFleet(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    try:
        file = FleetFile.read(parsed)
        file.to_spec(policies)
    except InvalidFleet as error:
        raise InvalidFleet(f"{path}: {error}") from None
    name = file.fleet or "default"
    return LoadedFleet(name, file, hashlib.sha256(f"{name}\n{file.document()}".encode()).hexdigest())


_SPECIAL = {".inf": "Infinity", "+.inf": "Infinity", "-.inf": "-Infinity", ".nan": "NaN"}


class _DecimalLoader(yaml.SafeLoader):
    """YAML whose fractions are decimals; a mapping with the same key twice is refused."""

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
            self._refuse("a key stands twice", node)
        return self.construct_mapping(node, deep=True)

    def _refuse(self, problem: str, node: yaml.Node) -> NoReturn:
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_DecimalLoader.add_constructor("tag:yaml.org,2002:float", _DecimalLoader.construct_decimal)
_DecimalLoader.add_constructor("tag:yaml.org,2002:map", _DecimalLoader.construct_unique)
_DecimalLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)
