"""DivisiveSpec: what a divisive normalization computes, and how each model says it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from lrncore._checks import check_int, check_real
from lrncore.spec import LRNSpec, check_spec

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lrncore._arrays import Array

FIELDS = ("channels", "space", "sigma", "p", "q", "n", "border")


@dataclass(frozen=True, eq=False)
class DivisiveSpec:
    """The parameters of a divisive normalization.

    ::

        D[i] = sigma[i] + sum(w[i, j] * abs(x[j]) ** p)        over the pool
        y[i] = sign(x[i]) * abs(x[i]) ** n * D[i] ** -q

    The weights of the pool are a product: those over channels times those over space.

    Parameters
    ----------
    channels : array_like, optional
        Of one dimension and odd length: weights of a band of channels around each one, the middle weight its own,
        clipped at the first and the last channel. Of two: ``channels[i, j]`` weighs channel j in the pool of
        channel i. By default a channel's pool is the channel itself.
    space : array_like or tuple of array_like, optional
        Weights of odd length along every axis of space, or for each axis its own, clipped at the border. By default
        the place itself.
    sigma : float or array_like, optional
        One constant, or one for each channel.
    p, q, n : float, optional
        The exponents of the pool (positive), of D (negative multiplies, as the inverse of GDN does) and of the
        numerator (positive).
    border : {"clip", "mass"}, optional
        With "mass" the sum of a clipped window is divided by the sum of its weights that lie inside, so that a
        constant image has the same pool at its border. For windows only: space, and a band of channels.

    Raises
    ------
    TypeError
        If a parameter is not of real numbers.
    ValueError
        If a parameter has a wrong shape, is not finite, or is out of its range.

    See Also
    --------
    divisive_norm : Computes it.

    Examples
    --------
    >>> from lrncore import DivisiveSpec
    >>> DivisiveSpec(channels=[0.5, 1, 0.5], sigma=1.0)
    DivisiveSpec(channels=[0.5, 1.0, 0.5], space=None, sigma=1.0, p=2.0, q=0.5, n=1.0, border='clip')
    """

    channels: Any = None
    space: Any = None
    sigma: Any = 1.0
    p: float = 2.0
    q: float = 0.5
    n: float = 1.0
    border: str = "clip"

    def __post_init__(self) -> None:
        put = object.__setattr__
        if self.channels is not None:
            put(self, "channels", _check_channels(self.channels))
        if isinstance(self.space, tuple):
            put(self, "space", tuple(check_kernel(each, "space") for each in self.space))
        elif self.space is not None:
            put(self, "space", check_kernel(self.space, "space"))
        sigma = numbers_of(self.sigma, "sigma")
        if sigma.ndim > 1:
            raise ValueError(f"sigma must be a number or one for each channel, got shape {sigma.shape}")
        put(self, "sigma", float(sigma) if sigma.ndim == 0 else sigma)
        for name in ("p", "q", "n"):
            put(self, name, check_real(getattr(self, name), name))
            if name != "q":
                check_positive(getattr(self, name), name)
        if self.border not in ("clip", "mass"):
            raise ValueError(f"border must be 'clip' or 'mass', got {self.border!r}")
        # every call asks for it
        put(self, "_hash", hash(self._key()))

    def __repr__(self) -> str:
        return f"DivisiveSpec({', '.join(f'{name}={_shown(getattr(self, name))}' for name in FIELDS)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DivisiveSpec) and self._key() == other._key()

    def __hash__(self) -> int:
        found: int = self.__dict__["_hash"]
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, name) for name in FIELDS)  # hashes differ from process to process

    def _key(self) -> tuple[Any, ...]:
        return tuple(_hashable(getattr(self, name)) for name in FIELDS)

    @classmethod
    def tensorflow_compression(
        cls, gamma: ArrayLike, beta: ArrayLike, *, alpha: float = 1.0, epsilon: float = 1.0, inverse: bool = False
    ) -> Self:
        """Return GDN in the words of TensorFlow Compression [1]_: ``gamma[j, i]`` weighs channel j for channel i.

        Parameters
        ----------
        gamma, beta : array_like
            The effective parameters, as the layer's `gamma` and `beta` give them.
        alpha, epsilon : float, optional
            The exponents of the pool and of D.
        inverse : bool, optional
            Whether to multiply and not to divide.

        References
        ----------
        .. [1] tensorflow_compression/python/layers/gdn.py: ``matmul(inputs ** alpha, gamma)``.

        Examples
        --------
        >>> DivisiveSpec.tensorflow_compression([[0, 1], [2, 0]], [1, 1]).channels.tolist()
        [[0.0, 2.0], [1.0, 0.0]]
        """
        channels = numbers_of(gamma, "gamma").T
        return cls(channels, sigma=beta, p=alpha, q=-epsilon if inverse else epsilon)

    @classmethod
    def compressai(cls, gamma: ArrayLike, beta: ArrayLike, *, inverse: bool = False) -> Self:
        """Return CompressAI's ``GDN`` [1]_: ``gamma[i, j]`` weighs channel j for channel i, as in its convolution.

        Its docstring prints ``gamma[j, i]``, the transposed one.

        Parameters
        ----------
        gamma, beta : array_like
            The effective parameters: ``layer.gamma_reparam(layer.gamma)`` and the same of beta.
        inverse : bool, optional
            Whether to multiply and not to divide.

        References
        ----------
        .. [1] compressai/layers/gdn.py: ``F.conv2d(x**2, gamma.reshape(C, C, 1, 1), beta)``.

        Examples
        --------
        >>> DivisiveSpec.compressai([[0, 1], [2, 0]], [1, 1]).channels.tolist()
        [[0.0, 1.0], [2.0, 0.0]]
        """
        return cls(gamma, sigma=beta, p=2.0, q=-0.5 if inverse else 0.5)

    @classmethod
    def gdn1(cls, gamma: ArrayLike, beta: ArrayLike, *, inverse: bool = False) -> Self:
        """Return CompressAI's ``GDN1``, of [1]_: magnitudes, and no root.

        Parameters
        ----------
        gamma, beta : array_like
            The effective parameters, gamma as in `compressai`.
        inverse : bool, optional
            Whether to multiply and not to divide.

        References
        ----------
        .. [1] N. Johnston, E. Eban, A. Gordon and J. Balle, "Computationally Efficient Neural Image Compression",
           arXiv:1912.08771, 2019.

        Examples
        --------
        >>> spec = DivisiveSpec.gdn1([[1.0]], [1.0])
        >>> spec.p, spec.q
        (1.0, 1.0)
        """
        return cls(gamma, sigma=beta, p=1.0, q=-1.0 if inverse else 1.0)

    @classmethod
    def heeger(
        cls, sigma: float, exponent: float = 2.0, *, channels: int | ArrayLike | None = None, space: Any = None
    ) -> Self:
        """Return the normalization model of simple cells [1]_ [2]_: ``x**n / (sigma**n + sum of x**n)``.

        Parameters
        ----------
        sigma : float
            The contrast of half the response, before the power.
        exponent : float, optional
            The power of the numerator and of the pool.
        channels : int or array_like, optional
            The weights of the pool, as in `DivisiveSpec`. An int says how many channels there are, which all belong
            to the pool with weight 1.
        space : array_like or tuple of array_like, optional
            As in `DivisiveSpec`.

        References
        ----------
        .. [1] D. J. Heeger, "Normalization of cell responses in cat striate cortex", Visual Neuroscience 9, 1992.
        .. [2] M. Carandini and D. J. Heeger, "Normalization as a canonical neural computation", Nature Reviews
           Neuroscience 13, 2012.

        Examples
        --------
        >>> import numpy as np, lrncore
        >>> lrncore.divisive_norm(np.array([[0.1, 0.2]]), lrncore.DivisiveSpec.heeger(0.2, channels=2)).round(3)
        array([[0.111, 0.444]])
        """
        if isinstance(channels, int) and not isinstance(channels, bool):
            channels = np.ones((check_int(channels, "channels", 1),) * 2)
        exponent = check_real(exponent, "exponent")
        return cls(channels, space, check_real(sigma, "sigma") ** exponent, exponent, 1.0, exponent)

    @classmethod
    def schwartz_simoncelli(cls, weights: ArrayLike, sigma: ArrayLike, *, space: Any = None) -> Self:
        """Return the model of natural sounds and images [1]_: ``x**2 / (sigma**2 + sum of w[i, j] * x[j]**2)``.

        The result has the sign of x; its magnitude is their response.

        Parameters
        ----------
        weights : array_like
            ``weights[i, j]``, of channel j for channel i.
        sigma : float or array_like
            One constant, or one for each channel, before the square.
        space : array_like or tuple of array_like, optional
            As in `DivisiveSpec`.

        References
        ----------
        .. [1] O. Schwartz and E. P. Simoncelli, "Natural signal statistics and sensory gain control", Nature
           Neuroscience 4, 2001, equation 1.

        Examples
        --------
        >>> DivisiveSpec.schwartz_simoncelli([[0, 1], [1, 0]], 0.5).sigma
        0.25
        """
        return cls(weights, space, numbers_of(sigma, "sigma") ** 2, 2.0, 1.0, 2.0)

    @classmethod
    def miller(cls, lamb: float = 5.0, alpha: float = 1.0, beta: float = 0.75, k: float = 1.0) -> Self:
        """Return a band of channels with exponential weights [1]_.

        ::

            y[c] = x[c]**2 / (k * (1 + alpha / lamb * sum(x[c + j]**2 * exp(-abs(j) / lamb)))) ** beta

        over the ``ceil(8 * lamb)`` channels around c, or one more where that is even. The result has the sign of x.

        Parameters
        ----------
        lamb, alpha, beta, k : float, optional
            As in the layer, whose names and defaults these are.

        References
        ----------
        .. [1] M. Miller, S. Chung and K. D. Miller, "Divisive feature normalization improves image recognition
           performance in AlexNet", ICLR 2022; github.com/MikiMiller95/DivisiveNormalization.

        Examples
        --------
        >>> DivisiveSpec.miller(lamb=1.0).channels.size
        9
        """
        lamb = check_positive(check_real(lamb, "lamb"), "lamb")
        reach = (math.ceil(8 * lamb) + 1 - math.ceil(8 * lamb) % 2) // 2
        weights = np.exp(-np.abs(np.arange(-reach, reach + 1)) / lamb)
        k = check_real(k, "k")
        return cls(weights * (k * check_real(alpha, "alpha") / lamb), None, k, 2.0, beta, 2.0)

    @classmethod
    def lrn(cls, spec: LRNSpec) -> Self:
        """Return a local response normalization: a band of equal weights.

        Parameters
        ----------
        spec : LRNSpec
            Its parameters; `lrn` computes it faster.

        Examples
        --------
        >>> import lrncore
        >>> DivisiveSpec.lrn(lrncore.LRNSpec(before=1, after=0, scale=0.5, beta=0.75, k=1.0)).channels.tolist()
        [0.5, 0.5, 0.0]
        """
        check_spec(spec)
        reach = max(spec.before, spec.after)
        offsets = np.arange(-reach, reach + 1)
        inside = (offsets >= -spec.before) & (offsets <= spec.after)
        return cls(spec.scale * inside, None, spec.k, 2.0, spec.beta)


def reals_of(value: object, name: str) -> Array:
    """Return real numbers as an array."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" and array.dtype.name != "bfloat16":
        raise TypeError(f"{name} must be of real numbers, got {array.dtype}")
    return array


def numbers_of(value: object, name: str) -> Array:
    """Return finite real numbers as a read-only array of doubles."""
    array = reals_of(value, name).astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)].flat[0]}")
    array.flags.writeable = False
    return array


def check_positive(value: float, name: str) -> float:
    """Check that a number is positive."""
    if value <= 0:
        raise ValueError(f"{name} must be positive, got {value}")
    return value


def check_kernel(value: object, name: str) -> Array:
    """Return weights of one dimension and odd length."""
    array = numbers_of(value, name)
    if array.ndim != 1 or array.size % 2 == 0:
        raise ValueError(f"{name} must have one dimension and an odd length, got shape {array.shape}")
    return array


def _check_channels(value: object) -> Array:
    array = numbers_of(value, "channels")
    if array.ndim == 1:
        return check_kernel(array, "channels")
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ValueError(f"channels must be a band of odd length or a square matrix, got shape {array.shape}")
    return array


def check_divisive(spec: object) -> DivisiveSpec:
    """Check that `spec` is a DivisiveSpec."""
    if not isinstance(spec, DivisiveSpec):
        raise TypeError(f"spec must be a lrncore.DivisiveSpec, got {type(spec).__name__}")
    return spec


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return str(value.tolist()) if value.size <= 9 else f"array of shape {value.shape}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))},)"
    return repr(value)


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    return tuple(map(_hashable, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value
