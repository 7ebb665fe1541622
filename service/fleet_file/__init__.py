"""The fleet file, as YAML or as the body of PUT: what an operator writes, checked, in exact numbers.

| module | owns |
|---|---|
| schema | `FleetFile`: shape, limits, `to_spec`, `document` |
| curves, orders | the kinds of curves, and of orders |
| yaml_file | `load_yaml`, `LoadedFleet` |
| specs | compiled specs, kept in memory |
| applying | a file's fleet and pools, brought into the store; import it from there, it knows the store |
"""

from service.fleet_file.schema import FleetFile, parse_document
from service.fleet_file.specs import Specs, compile_spec
from service.fleet_file.yaml_file import LoadedFleet, load_yaml

__all__ = [
    "FleetFile",
    "LoadedFleet",
    "Specs",
    "compile_spec",
    "load_yaml",
    "parse_document",
]
