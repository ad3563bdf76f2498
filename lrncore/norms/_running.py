"""Running statistics: the averages over batches that `batch_norm` takes at test time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrncore._checks import check_int, check_real
from lrncore._norm_call import check_numbers
from lrncore.norms._averages import AVERAGES, MEAN
from lrncore.norms._moments import Moments, check_moments

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class RunningStats:
    """Averages of the statistics of batches, kept as a framework does: one constructor for each.

    Parameters
    ----------
    convention : str
        The framework, one of the names that `running_conventions` lists.
    channels : int
        How many numbers the mean and the variance are.
    rate : float or None
        The framework's number, from 0 to 1. For "torch", None is the mean of all batches, as always for "paper".
    mean, var : array_like, optional
        The averages to go on from, e.g. of a checkpoint. By default the framework's start: 0 and 1, or 0 and 0.
    batches : int, optional
        How many batches these are of: "caffe", "paper" and "torch" with None weigh by it.

    Attributes
    ----------
    mean, var : ndarray of float64
        The averages so far. `update` replaces them and does not change them in place.
    batches : int
        How many batches they are of.
    eps : float
        The framework's default, for `batch_norm`.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If `convention` is none of the names, or another argument does not fit.

    See Also
    --------
    batch_norm_train : Returns what `update` takes.
    running_conventions : The conventions as a table.

    Notes
    -----
    Frameworks disagree on which of two numbers the momentum multiplies, and on the variance: the one that divides
    by n, or the unbiased one that divides by n - 1. The paper [1]_ averages over batches and takes the unbiased
    one. All are computed in double precision.

    References
    ----------
    .. [1] Ioffe, Szegedy, Batch normalization, ICML 2015, algorithm 2, https://arxiv.org/abs/1502.03167

    Examples
    --------
    >>> import numpy as np, lrncore
    >>> stats = lrncore.RunningStats.torch(2)
    >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])
    >>> y, moments = lrncore.batch_norm_train(x)
    >>> stats.update(moments)
    >>> stats.mean, stats.var
    (array([0.2, 2. ]), array([ 1.1, 20.9]))
    >>> lrncore.batch_norm(x, stats.mean, stats.var, eps=stats.eps).round(3)
    array([[0.763, 1.75 ],
           [2.67 , 6.125]])
    """

    def __init__(
        self,
        convention: str,
        channels: int,
        rate: float | None,
        *,
        mean: ArrayLike | None = None,
        var: ArrayLike | None = None,
        batches: int = 0,
    ) -> None:
        if convention not in AVERAGES:
            raise ValueError(f"convention must be one of {', '.join(AVERAGES)}, got {convention!r}")
        self.convention = convention
        average = AVERAGES[convention]
        shape = (check_int(channels, "channels", 1),)
        self.batches = check_int(batches, "batches", 0)
        self.eps = average.eps
        self.rate = None if average.cumulative and rate is None else _check_rate(rate, average.argument)
        self.mean = _start(mean, "mean", shape, 0.0)
        self.var = _start(var, "var", shape, average.start)

    def update(self, moments: Moments) -> None:
        """Let the averages learn of a batch.

        Parameters
        ----------
        moments : Moments
            Those of the batch by channel, e.g. of `batch_norm_train`, or of its parts merged.

        Raises
        ------
        TypeError
            If `moments` is something else.
        ValueError
            If it has another shape, is of nothing, or of one element where the variance is the unbiased one.
        """
        check_moments(moments, "moments", self.mean.shape)
        average = AVERAGES[self.convention]
        least = average.variance.least
        if moments.count < least:
            raise ValueError(f"moments must be of at least {least} element{'s' * (least > 1)}, got {moments.count}")
        update = MEAN if self.rate is None else average.update
        share = update.share(self.rate or 0.0, self.batches)
        var = moments.var * average.variance.factor(moments.count)
        self.mean = self.mean * (1 - share) + moments.mean * share
        self.var = self.var * (1 - share) + var * share
        self.batches += 1

    def __repr__(self) -> str:
        number = "" if self.convention == "paper" else f", {AVERAGES[self.convention].argument}={self.rate!r}"
        return f"RunningStats.{self.convention}({self.mean.size}{number}, batches={self.batches})"

    @classmethod
    def torch(cls, channels: int, momentum: float | None = 0.1, **start: Any) -> RunningStats:
        """Average as `torch.nn.BatchNorm2d` does: (1 - momentum) r + momentum s, or with None the mean of all."""
        return cls("torch", channels, momentum, **start)

    @classmethod
    def keras(cls, channels: int, momentum: float = 0.99, **start: Any) -> RunningStats:
        """Average as Keras 3 does: momentum r + (1 - momentum) s, the variance divided by n."""
        return cls("keras", channels, momentum, **start)

    @classmethod
    def tensorflow(cls, channels: int, momentum: float = 0.99, **start: Any) -> RunningStats:
        """Average as the fused layer of TensorFlow 2 does: as `keras`, but with the unbiased variance."""
        return cls("tensorflow", channels, momentum, **start)

    @classmethod
    def flax(cls, channels: int, momentum: float = 0.99, **start: Any) -> RunningStats:
        """Average as Flax does: momentum r + (1 - momentum) s, the variance divided by n."""
        return cls("flax", channels, momentum, **start)

    @classmethod
    def onnx(cls, channels: int, momentum: float = 0.9, **start: Any) -> RunningStats:
        """Average as ONNX's BatchNormalization does from opset 14 on, in training mode."""
        return cls("onnx", channels, momentum, **start)

    @classmethod
    def mxnet(cls, channels: int, momentum: float = 0.9, **start: Any) -> RunningStats:
        """Average as MXNet's BatchNorm does: momentum r + (1 - momentum) s, the variance divided by n."""
        return cls("mxnet", channels, momentum, **start)

    @classmethod
    def chainer(cls, channels: int, decay: float = 0.9, **start: Any) -> RunningStats:
        """Average as Chainer does: decay r + (1 - decay) s, the variance unbiased, but for one element."""
        return cls("chainer", channels, decay, **start)

    @classmethod
    def caffe(cls, channels: int, moving_average_fraction: float = 0.999, **start: Any) -> RunningStats:
        """Average as Caffe does, which divides by the sum S of the weights, its third blob.

        `mean` and `var` are the first two blobs divided by S; with f for the fraction, `batches` is
        ``log(1 - S * (1 - f)) / log(f)``.
        """
        return cls("caffe", channels, moving_average_fraction, **start)

    @classmethod
    def paper(cls, channels: int, **start: Any) -> RunningStats:
        """Average as the paper does: the mean of all batches, the variance times m / (m - 1)."""
        return cls("paper", channels, None, **start)


def _check_rate(rate: object, name: str) -> float:
    """Return a convention's number, a share from 0 to 1."""
    number = check_real(rate, name)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {rate!r}")
    return number


def _start(value: ArrayLike | None, name: str, shape: tuple[int, ...], otherwise: float) -> NDArray[np.float64]:
    if value is None:
        return np.full(shape, otherwise)
    return check_numbers(value, name, shape).astype(np.float64)
