"""How frameworks average the statistics of batches, as data: what `RunningStats` knows of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Variance(NamedTuple):
    """What the variance of a batch of n elements is multiplied by before it is averaged."""

    factor: Callable[[int], float]
    rule: str
    least: int = 1


BIASED = Variance(lambda _n: 1.0, "1")
UNBIASED = Variance(lambda n: n / (n - 1), "n / (n - 1)", least=2)
#: Which of one element is not refused
LENIENT = Variance(lambda n: n / max(n - 1, 1), "n / max(n - 1, 1)")


class Update(NamedTuple):
    """How much of the new average is the newest batch, from the convention's number and the batches before."""

    share: Callable[[float, int], float]
    rule: str


OF_NEW = Update(lambda rate, _before: rate, "(1 - {0}) r + {0} s")
OF_OLD = Update(lambda rate, _before: 1 - rate, "{0} r + (1 - {0}) s")
MEAN = Update(lambda _rate, before: 1 / (before + 1), "mean of all s")
#: Caffe keeps r S and S, its third blob
BLOB = Update(lambda rate, before: 1 / (rate * sum_of_powers(rate, before) + 1), "(f r S + s) / (f S + 1)")


class Average(NamedTuple):
    """A framework's average: its number's name and default, its rules, its eps, and what a variance starts from."""

    argument: str
    default: float | None
    update: Update
    variance: Variance
    eps: float
    start: float = 1.0
    cumulative: bool = False
    """Whether None for the number is the mean of all batches."""


AVERAGES = {
    "torch": Average("momentum", 0.1, OF_NEW, UNBIASED, 1e-5, cumulative=True),
    "keras": Average("momentum", 0.99, OF_OLD, BIASED, 1e-3),
    "tensorflow": Average("momentum", 0.99, OF_OLD, LENIENT, 1e-3),
    "flax": Average("momentum", 0.99, OF_OLD, BIASED, 1e-5),
    "onnx": Average("momentum", 0.9, OF_OLD, BIASED, 1e-5),
    "mxnet": Average("momentum", 0.9, OF_OLD, BIASED, 1e-3),
    "chainer": Average("decay", 0.9, OF_OLD, LENIENT, 2e-5),
    "caffe": Average("moving_average_fraction", 0.999, BLOB, LENIENT, 1e-5, start=0.0),
    "paper": Average("", None, MEAN, UNBIASED, 1e-5, start=0.0, cumulative=True),
}


class Row(NamedTuple):
    """One convention, as `running_conventions` lists it."""

    name: str
    arguments: str
    update: str
    """Of the average r by the statistics s of a batch."""
    variance: str
    """What the variance of a batch of n elements is multiplied by."""
    eps: str


class Table(tuple[Row, ...]):
    """Rows that print as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        head = Row("RunningStats.", "arguments", "average", "variance times", "eps")
        widths = [max(map(len, column)) for column in zip(head, *self, strict=True)]
        lines = [head, Row(*("-" * width for width in widths)), *self]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def running_conventions() -> Table:
    """List the conventions of running statistics that RunningStats has a constructor for.

    Returns
    -------
    tuple
        A row for each. The fields are ``name``, ``arguments``, ``update`` (the new average, r being the old one and
        s the statistics of a batch), ``variance`` (what the variance of a batch of n elements, the one that divides
        by n, is multiplied by) and ``eps`` (the default beside it). It prints as a table.

    See Also
    --------
    RunningStats : The averages.

    Examples
    --------
    >>> import lrncore
    >>> print(lrncore.running_conventions()[0].update, "with", lrncore.running_conventions()[0].variance)
    (1 - momentum) r + momentum s with n / (n - 1)
    """
    return Table(_row(name, average) for name, average in AVERAGES.items())


def _row(name: str, average: Average) -> Row:
    number = f", {average.argument}={average.default!r}" if average.argument else ""
    return Row(
        name,
        f"(channels{number})",
        average.update.rule.format(average.argument),
        average.variance.rule,
        f"{average.eps:g}",
    )


def sum_of_powers(rate: float, count: int) -> float:
    """Return 1 + rate + rate**2 + ... of so many terms."""
    return float(count) if rate == 1 else (1 - rate**count) / (1 - rate)
