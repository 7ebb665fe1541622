"""Parts of a page that are made from the code: what stands between `<!-- made: name -->` and `<!-- end -->`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from slta.fleet_file.curves import Curve
from slta.fleet_file.orders import Order
from slta.fleet_file.pool_classes import ClassFile
from slta.fleet_file.scale import ClassScaleFile, ScaleFile
from slta.fleet_file.schema import FleetFile
from tests.reference import commands, schemas, tables

MADE = re.compile(r"(^<!-- made: ([a-z-]+) -->\n).*?(^<!-- end -->$)", re.MULTILINE | re.DOTALL)
MAKERS: Mapping[str, Callable[[], str]] = {
    "alerts": tables.alerts,
    "class-fields": partial(schemas.fields, ClassFile),
    "commands": commands.commands,
    "curves": partial(schemas.kinds, Curve),
    "endpoints": schemas.endpoints,
    "errors": tables.errors,
    "exit-codes": commands.exit_codes,
    "fleet-fields": partial(schemas.fields, FleetFile),
    "labels": tables.labels,
    "metrics-of-fleets": partial(tables.metrics, tables.OF_FLEETS),
    "metrics-of-processes": partial(tables.metrics, tables.OF_PROCESSES),
    "objects": schemas.objects,
    "orders": partial(schemas.kinds, Order),
    "scale-class-fields": partial(schemas.fields, ClassScaleFile),
    "scale-fields": partial(schemas.fields, ScaleFile),
    "settings": tables.settings,
}


def filled(text: str) -> str:
    """A page with its parts as the code says now."""
    return MADE.sub(lambda part: f"{part[1]}\n{MAKERS[part[2]]()}\n\n{part[3]}", text)
