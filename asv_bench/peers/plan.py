"""What is measured: AlexNet's first normalization, planar and packed, with two powers, on one image and on many.

Or the cases that a caller gives, as docs/figures/times.py does.
"""

import json
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Self

from benchmarks import cases

FORWARD, BOTH = PASSES = ("forward", "forward + backward")
#: Responses of trained networks reach some hundreds. There the sum outweighs k, so that a wrong window shows.
LOUD = 100.0


@dataclass(frozen=True)
class Case:
    """A normalization, by what distinguishes it from the others of a plan."""

    layout: str
    shape: tuple[int, ...]
    beta: float
    n: int = 5

    @property
    def label(self) -> str:
        size = f", n {self.n}" if self.n != 5 else ""
        return f"{self.layout} {'x'.join(map(str, self.shape))}, beta {self.beta:g}{size}"

    @property
    def layer(self) -> cases.Layer:
        return replace(cases.alexnet(self.layout, n=self.n, beta=self.beta), shape=self.shape)


@dataclass(frozen=True)
class Plan:
    """Which cases are measured, and how: `maps` are channels, height, width, and `batch` images or none.

    `cpu` counts the processor's time instead of the clock's: the same for one thread alone on a machine, and on a
    shared one without what others take, which long calls suffer from more than the copy does.
    """

    threads: int = 1
    maps: tuple[int, ...] = (96, 55, 55)
    batch: int = 32
    seconds: float = 0.4
    rounds: int = 9
    cpu: bool = False
    passes: tuple[str, ...] = PASSES
    given: tuple[Case, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the plan that `dump` wrote."""
        fields = json.loads(text)
        given = tuple(Case(**{**case, "shape": tuple(case["shape"])}) for case in fields["given"])
        return cls(**{**fields, "given": given})

    def dump(self) -> str:
        """Return the plan as JSON."""
        return json.dumps(asdict(self))

    def cases(self) -> list[Case]:
        if self.given:
            return list(self.given)
        channels, *area = self.maps
        shapes = {"planar": (1, channels, *area), "packed": (1, *area, channels)}
        found = [Case(layout, shapes[layout], beta) for beta, layout in product((0.75, 0.6), shapes)]
        if self.batch:
            found.append(Case("planar", (self.batch, channels, *area), 0.75))
        return found


class Problem(cases.Call):
    """The arrays of a case and the parameters in the words that most libraries share."""

    def __init__(self, case: Case, threads: int) -> None:
        super().__init__(case.layer, threads=threads)
        self.x = self.x * self.x.dtype.type(LOUD)
        self.spec, self.axis, self.threads = case.layer.spec, case.layer.axis, threads
        self.packed = case.layout == "packed"
        self.size, self.beta, self.k = self.spec.size, self.spec.beta, self.spec.k
        self.alpha = self.spec.scale * self.size
        #: what a reader of a peer's row should know
        self.notes: list[str] = []
