"""What `lrncore bench` measures and finds: the cases, and a row of seconds for each of their passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lrncore.spec import LRNSpec

COPY = "copy"


class Case(NamedTuple):
    """A layer of a published network."""

    name: str
    shape: tuple[int, ...]
    spec: LRNSpec
    axis: int = 1

    def __str__(self) -> str:
        return f"{self.name} {'x'.join(map(str, self.shape))}"


class Row(NamedTuple):
    """Seconds of each contender on one pass of a case, by its name."""

    case: Case
    direction: str
    seconds: dict[str, float]

    def copies(self, name: str) -> float:
        """Return the time in copies of the array."""
        return self.seconds[name] / self.seconds[COPY]
