"""The fleet file, as YAML or as the body of PUT: what an operator writes, checked, in exact numbers.

| module | owns |
|---|---|
| schema | `FleetFile`: shape, limits, `to_spec`, `document` |
| curves | the kinds of curves |
| fields | exact numbers, names, leases |
| yaml_file | `load_yaml` |
| explanation | errors in words |
| specs | compiled fleets, remembered |
"""

from service.fleet_file.explanation import explain
from service.fleet_file.fields import LONGEST_LEASE_SECONDS, NAME_PATTERN, Name, check_lease, read_number
from service.fleet_file.schema import FleetFile, parse_document
from service.fleet_file.specs import Specs, compile_spec
from service.fleet_file.yaml_file import load_yaml

__all__ = [
    "LONGEST_LEASE_SECONDS",
    "NAME_PATTERN",
    "FleetFile",
    "Name",
    "Specs",
    "check_lease",
    "compile_spec",
    "explain",
    "load_yaml",
    "parse_document",
    "read_number",
]
