"""Settings of scale advice in the fleet file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from slta.core.fleet import FleetSpec
from slta.core.limits import MAX_CLASSES, MAX_POOLS
from slta.core.scaling.settings import LEAD_SECONDS, MAX_WINDOW_SECONDS, ClassScale, Scale, floor_of
from slta.models.errors import Mistake
from slta.parsing.fields import Number, Part, Positive
from slta.parsing.validation_errors import mistake_at

Seconds = Annotated[Number, Field(ge=0, le=MAX_WINDOW_SECONDS)]
Pools = Annotated[int, Field(strict=True, ge=0, le=MAX_POOLS)]


def _check_share(text: str) -> str:
    with suppress(ValueError):
        if floor_of(text).is_share:
            return text
    raise PydanticCustomError("floor", "must be a number, or a share above 0% and up to 100%, like 95%")


FloorFile = Annotated[
    Annotated[Number, Tag("number")] | Annotated[str, AfterValidator(_check_share), Tag("share")],
    Discriminator(lambda floor: "share" if isinstance(floor, str) else "number"),
]


class ClassScaleFile(Part):
    """Cost and limits of a class."""

    cost: Positive
    """Cost of a pool in any unit."""
    lead_seconds: Seconds = Decimal(LEAD_SECONDS)
    """Time from the order of a pool until it is active."""
    min: Pools = 0
    """Fewest pools that the advice wants."""
    max: Pools | None = None
    """Most pools that the advice wants; by default no limit."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max is not None and self.max < self.min:
            raise PydanticCustomError("limits", "max must not be below min")
        return self


class ScaleFile(Part):
    """What the number of pools aims at, by `floor` or `budget`, and what a pool of each class costs."""

    floor: FloorFile | None = None
    """Mean utility per session, or a share such as `95%` of the most that one session can add."""
    budget: Positive | None = None
    """Cost of all pools, instead of a floor."""
    hold_seconds: Seconds | None = None
    """Time for which the largest load counts; default: 15 minutes, or a mean stay if it is longer."""
    classes: Annotated[dict[str, ClassScaleFile], Field(max_length=MAX_CLASSES)]
    """Every class of the fleet, by name."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.floor is None) == (self.budget is None):
            raise PydanticCustomError("scale", "must have either floor or budget")
        lead = max((own.lead_seconds for own in self.classes.values()), default=0)
        if (self.hold_seconds or 0) + lead > MAX_WINDOW_SECONDS:
            limit = f"hold_seconds and the longest lead_seconds must add up to at most {MAX_WINDOW_SECONDS:,}"
            raise PydanticCustomError("scale", limit)
        least = sum(own.cost * own.min for own in self.classes.values())
        if self.budget is not None and self.budget < least:
            raise PydanticCustomError("scale", f"budget must pay for the min of all classes, which costs {least}")
        return self

    def misnamed(self, names: Sequence[str]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Location and reason of each class that is missing, or not among the `names` of the fleet's."""
        for name in (*self.classes, *names):
            if name not in names:
                yield ("scale", "classes", name), "is no class of the fleet"
            elif name not in self.classes:
                yield ("scale", "classes", name), "is missing: every class needs a cost"

    def scale(self, names: Sequence[str]) -> Scale:
        """The settings of the classes `names`, in their order."""
        classes = [self.classes[name] for name in names]
        return Scale(
            tuple(ClassScale(float(own.cost), float(own.lead_seconds), own.min, own.max) for own in classes),
            None if self.floor is None else floor_of(str(self.floor)),
            None if self.budget is None else float(self.budget),
            None if self.hold_seconds is None else float(self.hold_seconds),
        )


def misplaced_floor(spec: FleetSpec) -> Mistake | None:
    """The mistake of a floor that no fleet of these classes can reach."""
    try:
        if spec.scale and spec.scale.floor:
            spec.floors(spec.scale.floor)
    except ValueError as error:
        return mistake_at(("scale", "floor"), str(error))
    return None
