"""Session types of the model's fleet: where each type goes, by the naive implementation, and what is counted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence

from slta.core.session_types import DEFAULT_TYPE
from tests import naive_types

REFUSED = {"FULL": "full", "NO_ACTIVE_POOL": "inactive", "INCOMPATIBLE": "incompatible"}
UNKNOWN = "none"
"""No fleet has it."""
Columns = Sequence[Sequence[int | None]]


class Types:
    """Types of one fleet, and the type of each session that ever lived there."""

    def __init__(self, seed: int, classes: Sequence[str]) -> None:
        self.rng, self.classes = random.Random(f"types {seed}"), classes
        self.sets: dict[str, list[str]] = {}
        """Names of the classes of each type but the default one, as in a fleet file."""
        self.reserve = 0.0
        self.of: dict[str, str] = {}
        self.refused: Counter[tuple[str, str]] = Counter()
        """By word and type."""

    def draw(self, counts: Sequence[int] = (0, 0, 0, 1, 2, 3)) -> None:
        """So many types as one of `counts`, by default none half of the time."""
        count = self.rng.choice(counts)
        self.sets = {
            f"t{t}": self.rng.sample(self.classes, self.rng.randint(1, len(self.classes))) for t in range(count)
        }
        self.reserve = self.rng.choice([0, 0.5, 2])

    def redraw(self) -> None:
        """Other types, half of the time the former ones too, none narrower."""
        before = self.sets
        self.draw((0, 1, 1, 2, 3))
        if self.rng.random() < 0.5:
            self.sets = {
                t: [c for c in self.classes if c in {*own, *before.get(t, ())}]
                for t, own in (self.sets | before).items()
            }

    def forget(self) -> None:
        """Refusals of types that are no more are not counted."""
        names = (DEFAULT_TYPE, *self.sets) if self.sets else ()
        self.refused = Counter({(word, t): n for (word, t), n in self.refused.items() if t in names})

    def refusals(self, stored: Mapping[str, str]) -> dict[tuple[str, str], int]:
        """As `refused`, from the key of the types."""
        names = dict(zip(["0", *stored["numbers"].split()], self.names, strict=True))
        words = ("full:", "inactive:", "incompatible:")
        counts = {tuple(field.split(":")): int(n) for field, n in stored.items() if field.startswith(words) and int(n)}
        return {(word, names[number]): count for (word, number), count in counts.items()}

    def any(self) -> str:
        """Mostly one that the fleet has."""
        return self.rng.choice(self.names) if self.rng.random() < 0.97 else UNKNOWN

    def unknown(self) -> list[str]:
        """The answer to a type that the fleet lacks."""
        return ["UNKNOWN_SESSION_TYPE", UNKNOWN, " ".join(self.names)]

    @property
    def names(self) -> list[str]:
        """Of all types, in order."""
        return [DEFAULT_TYPE, *self.sets]

    def kind(self, session: str) -> str:
        """Type of a session; the default one if the fleet has no other any more."""
        return self.of[session]

    def of_class(self, name: str, session: str) -> str:
        """What is answered of a session's class and type."""
        return name if self.of[session] == DEFAULT_TYPE else f"{name} {self.of[session]}"

    def may_use(self, kind: str, pool_class: int) -> bool:
        """Whether sessions of the type may use a class."""
        return self.classes[pool_class] in self.sets.get(kind, self.classes)

    def usable(self, kind: str, columns: Columns) -> list[list[int | None]]:
        """The columns of the classes that the type may use; no pool of another is active."""
        return [[x if self.may_use(kind, i) else None for x in column] for i, column in enumerate(columns)]

    def refuse(self, word: str, kind: str) -> list[str]:
        """The answer to a session of a type for which there is no pool, no room or no way, which is counted."""
        self.refused[REFUSED[word], kind] += bool(self.sets)
        return [word, kind, " ".join(c for i, c in enumerate(self.classes) if self.may_use(kind, i))]

    def choice(
        self,
        kind: str,
        columns: Columns,
        seen: Columns,
        worth: Sequence[Sequence[int]],
        ranks: Mapping[tuple[int, int], int],
        inside: Sequence[Sequence[int]],
    ) -> int | None:
        """The class for a session of the type."""
        sets = [{i for i in range(len(self.classes)) if self.may_use(t, i)} for t in self.names]
        fleet = naive_types.Fleet(sets, columns, worth, list(map(sum, inside)), inside, seen)
        return naive_types.choice(self.names.index(kind), fleet, ranks, self.reserve)
