"""Fleet file, as YAML or as the body of PUT: validation, exact numbers, and application to the store.

| module | owns |
|---|---|
| schema | `FleetFile`: shape, limits, `to_spec`, `document` |
| pool_classes | classes and their pools |
| curves, orders | utility curves and orders by `kind` |
| session_types, scale | classes by session type; settings of scale advice |
| yaml_file, further_mistakes | `load_yaml`, `LoadedFleet`; all mistakes in one pass |
| specs | cache of compiled specs |
| applying | `apply_fleet`, `apply_file`; not exported here, as it imports the store |
"""

from slta.fleet_file.schema import FleetFile, parse_document
from slta.fleet_file.specs import Specs, compile_spec
from slta.fleet_file.yaml_file import LoadedFleet, load_yaml

__all__ = ["FleetFile", "LoadedFleet", "Specs", "compile_spec", "load_yaml", "parse_document"]
