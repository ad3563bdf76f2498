"""LRNSpec: what an LRN computes, and how each framework says it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from lrncore._checks import check_int, check_real, given_axes
from lrncore._conventions import CONVENTIONS, NETWORKS


@dataclass(frozen=True)
class LRNSpec:
    """The parameters of a Local Response Normalization, independent of any framework.

    ::

        y[c] = x[c] * (k + scale * sum(x[c - before : c + after + 1] ** 2)) ** -beta

    The window is clipped at the first and the last channel; nothing is renormalised for that. It does not say along
    which axis it lies: `lrn` does, and takes several, for a box.

    Parameters
    ----------
    before, after : int
        Channels of the window before and after the one that is normalized, at least 0; of a box, elements along
        each of its axes.
    scale : float
        Factor of the sum of squares. Frameworks that divide their alpha by the window's size have
        ``scale = alpha / size``, and for a box along d axes ``scale = alpha / size**d``.
    beta : float
        The exponent.
    k : float
        The constant under the power, called bias in some frameworks.

    Raises
    ------
    TypeError
        If `before` or `after` is not an int, or another parameter is not a real number.
    ValueError
        If `before` or `after` is negative, or another parameter is not finite.

    Notes
    -----
    Each framework's constructor takes the framework's arguments: its names, its order, its defaults. Under whatever
    name, the size is an int of at least 1, and alpha, beta and k are finite real numbers; otherwise a TypeError or
    a ValueError says so. Alpha is given as the framework takes it, before any division. `conventions` lists them.

    A convention of your own is a function that returns a spec. Say which channels an even window holds and
    whether alpha is divided::

        def mine(n, alpha, beta, k):
            return LRNSpec(before=n // 2, after=(n - 1) // 2, scale=alpha / n, beta=beta, k=k)

    The formula is that of section 3.3 in [1]_.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever and G. E. Hinton, "ImageNet Classification with Deep Convolutional
       Neural Networks", NIPS 2012.

    Examples
    --------
    >>> from lrncore import LRNSpec
    >>> LRNSpec.torch(size=5, alpha=1e-4, beta=0.75, k=2.0)
    LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=2.0)
    >>> LRNSpec.torch(size=4) == LRNSpec.onnx(size=4)  # an even window lies on other channels
    False
    """

    before: int
    after: int
    scale: float
    beta: float
    k: float

    def __post_init__(self) -> None:
        for name in ("before", "after"):
            object.__setattr__(self, name, check_int(getattr(self, name), name, 0))
        for name in ("scale", "beta", "k"):
            object.__setattr__(self, name, check_real(getattr(self, name), name))

    @cached_property
    def _arguments(self) -> tuple[int, int, float, float, float]:
        """The parameters as the kernels take them."""
        return min(self.before, sys.maxsize), min(self.after, sys.maxsize), self.scale, self.beta, self.k

    @property
    def size(self) -> int:
        """Number of channels in a full window, or of elements along each axis of a box.

        Examples
        --------
        >>> LRNSpec.torch(4).size
        4
        """
        return self.before + self.after + 1

    def to(self, convention: str, axis: int | tuple[int, ...] = 1) -> dict[str, Any]:
        """Say this spec in a framework's words.

        Parameters
        ----------
        convention : str
            The name of a constructor: one of those that `lrncore.conventions` lists.
        axis : int or tuple of int, optional
            The axes of the window, as `lrn` takes them. How many there are decides what a framework calls it; only
            OpenVINO's words say which. One axis is that of the channels, two are the height and width.

        Returns
        -------
        dict
            The framework's arguments under its names and in its order. They are exact, but for the last bit of an
            alpha that the framework divides by the size, if no float64 gives `scale` then.

        Raises
        ------
        ValueError
            If the framework has no such window, or refuses a value; or if there is no such convention.
        TypeError
            If `axis` is neither an int nor a tuple of ints.

        Examples
        --------
        >>> LRNSpec.torch(5, alpha=1e-4, k=2.0).to("tensorflow")
        {'depth_radius': 2, 'bias': 2.0, 'alpha': 2e-05, 'beta': 0.75}
        >>> LRNSpec(1, 1, scale=1e-5, beta=0.75, k=1.0).to("caffe", axis=(2, 3))
        {'local_size': 3, 'alpha': 9e-05, 'beta': 0.75, 'k': 1.0, 'norm_region': 'WITHIN_CHANNEL'}
        >>> LRNSpec.torch(4).to("onnx")
        Traceback (most recent call last):
            ...
        ValueError: onnx has no window of 2 channels before and 1 after: its even windows reach one further ahead
        """
        found = CONVENTIONS.get(convention)
        if found is None:
            raise ValueError(f"convention must be one of {', '.join(CONVENTIONS)}, got {convention!r}")
        return found.words(convention, (self.before, self.after, self.scale, self.beta, self.k), given_axes(axis))

    @classmethod
    def _of(cls, convention: str, size: int, alpha: float, beta: float, k: float, axes: int = 1) -> Self:
        """Make the spec of these arguments for windows along so many axes."""
        return cls(*CONVENTIONS[convention].fields(size, alpha, beta, k, axes))

    @classmethod
    def torch(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Self:
        """Make the spec of PyTorch's `torch.nn.LocalResponseNorm`.

        Alpha is divided by `size`; an even window reaches one channel further back than ahead.

        >>> LRNSpec.torch(4, alpha=1.0)
        LRNSpec(before=2, after=1, scale=0.25, beta=0.75, k=1.0)
        """
        return cls._of("torch", size, alpha, beta, k)

    @classmethod
    def paddle(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Self:
        """Make the spec of PaddlePaddle's `paddle.nn.LocalResponseNorm`, which means what `torch` does.

        Its documents leave out the division of alpha by `size`; the code has it.

        >>> LRNSpec.paddle(5) == LRNSpec.torch(5)
        True
        """
        return cls._of("paddle", size, alpha, beta, k)

    @classmethod
    def cuda_convnet(
        cls,
        size: int,
        scale: float,
        pow: float,  # noqa: A002
        minDiv: float = 1.0,  # noqa: N803
        type: str = "cmrnorm",  # noqa: A002
    ) -> Self:
        """Make the spec of cuda-convnet's response normalization, Krizhevsky's own code.

        Its `scale` is an alpha, and divided by `size`; `pow` is beta, and `minDiv` k. An even window reaches one
        channel further back than ahead. With `type` "rnorm", a box along height and width, `scale` is divided by
        the square of `size`.

        >>> LRNSpec.cuda_convnet(5, scale=1e-4, pow=0.75, minDiv=2.0) == LRNSpec.alexnet()
        True
        """
        return cls._of("cuda_convnet", size, scale, pow, minDiv, CONVENTIONS["cuda_convnet"].axes(type))

    @classmethod
    def onnx(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Self:
        """Make the spec of the ONNX operator LRN.

        Alpha is divided by `size`, and `bias` is k; an even window reaches one channel further ahead than back.

        >>> LRNSpec.onnx(4, alpha=1.0)
        LRNSpec(before=1, after=2, scale=0.25, beta=0.75, k=1.0)
        """
        return cls._of("onnx", size, alpha, beta, bias)

    @classmethod
    def cudnn(cls, lrnN: int = 5, lrnAlpha: float = 1e-4, lrnBeta: float = 0.75, lrnK: float = 2.0) -> Self:  # noqa: N803
        """Make the spec of cuDNN's LRN across channels.

        Alpha is divided by `lrnN`; an even window reaches one channel further ahead than back. Like cuDNN, it
        refuses an `lrnN` above 16, an `lrnBeta` below 0.01 and an `lrnK` below 1e-5.

        >>> LRNSpec.cudnn()
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=2.0)
        """
        return cls._of("cudnn", lrnN, lrnAlpha, lrnBeta, lrnK)

    @classmethod
    def matlab(cls, windowChannelSize: int, Alpha: float = 1e-4, Beta: float = 0.75, K: float = 2.0) -> Self:  # noqa: N803
        """Make the spec of MATLAB's `crossChannelNormalizationLayer`.

        Alpha is divided by `windowChannelSize`; an even window reaches one channel further ahead than back. Like
        MATLAB, it refuses a `Beta` below 0.01 and a `K` below 1e-5.

        >>> LRNSpec.matlab(5)
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=2.0)
        """
        return cls._of("matlab", windowChannelSize, Alpha, Beta, K)

    @classmethod
    def caffe(
        cls,
        local_size: int = 5,
        alpha: float = 1.0,
        beta: float = 0.75,
        k: float = 1.0,
        norm_region: str = "ACROSS_CHANNELS",
    ) -> Self:
        """Make the spec of Caffe's LRN layer; OpenCV takes the same windows, and onnxruntime those across channels.

        Alpha is divided by `local_size`, which has to be odd. With `norm_region` "WITHIN_CHANNEL", a box along
        height and width, it is divided by the square of that, and k is 1 whatever is given: Caffe ignores it there.

        >>> LRNSpec.caffe(alpha=1e-4)
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=1.0)
        >>> LRNSpec.caffe(3, alpha=9e-5, k=2.0, norm_region="WITHIN_CHANNEL")  # for lrn(..., axis=(2, 3))
        LRNSpec(before=1, after=1, scale=1e-05, beta=0.75, k=1.0)
        """
        return cls._of("caffe", local_size, alpha, beta, k, CONVENTIONS["caffe"].axes(norm_region))

    @classmethod
    def onednn(
        cls,
        local_size: int,
        alpha: float,
        beta: float,
        k: float,
        alg_kind: str = "lrn_across_channels",
        ndims: int = 4,
    ) -> Self:
        """Make the spec of oneDNN's LRN.

        Alpha is divided by `local_size`. An even window loses a channel: it is that of the odd size below, but
        alpha is divided by the even one. With `alg_kind` "lrn_within_channel", a box along all axes of an array of
        `ndims` dimensions but the first two, alpha is divided by ``local_size ** (ndims - 2)``; oneDNN's documents
        leave out the power, the code has it.

        >>> LRNSpec.onednn(4, 1.0, 0.75, 1.0)
        LRNSpec(before=1, after=1, scale=0.25, beta=0.75, k=1.0)
        >>> LRNSpec.onednn(5, 1.0, 0.75, 1.0, "lrn_within_channel")
        LRNSpec(before=2, after=2, scale=0.04, beta=0.75, k=1.0)
        """
        axes = CONVENTIONS["onednn"].axes(alg_kind, check_int(ndims, "ndims", 2))
        return cls._of("onednn", local_size, alpha, beta, k, axes)

    @classmethod
    def openvino(
        cls,
        axes: int | tuple[int, ...] | list[int],
        alpha: float = 1.0,
        beta: float = 0.5,
        bias: float = 1.0,
        size: int = 5,
    ) -> Self:
        """Make the spec of OpenVINO's operation LRN, for `lrn` along the same `axes`.

        Alpha is divided by ``size**d`` for d axes, and `bias` is k. Even windows are those of `onednn`, on which
        OpenVINO runs.

        >>> LRNSpec.openvino([1])
        LRNSpec(before=2, after=2, scale=0.2, beta=0.5, k=1.0)
        >>> LRNSpec.openvino((2, 3))
        LRNSpec(before=2, after=2, scale=0.04, beta=0.5, k=1.0)
        """
        along = given_axes(tuple(axes) if isinstance(axes, list) else axes, "axes")
        return cls._of("openvino", size, alpha, beta, bias, len(along))

    @classmethod
    def mxnet(cls, alpha: float = 1e-4, beta: float = 0.75, knorm: float = 2.0, *, nsize: int) -> Self:
        """Make the spec of MXNet's `LRN`.

        Alpha is divided by `nsize`, which has to be odd; `knorm` is k.

        >>> LRNSpec.mxnet(nsize=5)
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=2.0)
        """
        return cls._of("mxnet", nsize, alpha, beta, knorm)

    @classmethod
    def tensorflow(cls, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5) -> Self:
        """Make the spec of TensorFlow's `tf.nn.local_response_normalization`.

        The window is a radius of at least 0, and has ``2 * depth_radius + 1`` channels. Alpha is not divided, and
        `bias` is k. TFLite, TensorFlow.js and NNAPI mean the same.

        >>> LRNSpec.tensorflow()
        LRNSpec(before=5, after=5, scale=1.0, beta=0.5, k=1.0)
        """
        return cls._of("tensorflow", depth_radius, alpha, beta, bias)

    @classmethod
    def chainer(cls, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75) -> Self:
        """Make the spec of Chainer's `chainer.functions.local_response_normalization`.

        Alpha is not divided, and there are n // 2 channels on each side: n + 1 for an even n.

        >>> LRNSpec.chainer()
        LRNSpec(before=2, after=2, scale=0.0001, beta=0.75, k=2.0)
        """
        return cls._of("chainer", n, alpha, beta, k)

    @classmethod
    def paper(cls, n: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0) -> Self:
        """Make the spec of the formula as printed by Krizhevsky et al. (2012).

        Alpha is not divided, and there are n // 2 channels on each side: n + 1 for an even n. Their own code
        divides alpha by n: for what AlexNet was trained with, take `alexnet`.

        >>> LRNSpec.paper()
        LRNSpec(before=2, after=2, scale=0.0001, beta=0.75, k=2.0)
        """
        return cls._of("paper", n, alpha, beta, k)

    @classmethod
    def matconvnet(cls, N: int = 5, kappa: float = 1.0, alpha: float = 1e-4 / 5, beta: float = 0.75) -> Self:  # noqa: N803
        """Make the spec of MatConvNet's `vl_nnnormalize`.

        Alpha is not divided, and `kappa` is k; an even window reaches one channel further ahead than back.

        >>> LRNSpec.matconvnet()
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=1.0)
        """
        return cls._of("matconvnet", N, alpha, beta, kappa)

    @classmethod
    def lucid(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Self:
        """Make the spec of Lucid's functional LRN.

        Its names and defaults are those of `torch`, but alpha is not divided, and an even window reaches one
        channel further ahead than back.

        >>> LRNSpec.lucid(4)
        LRNSpec(before=1, after=2, scale=0.0001, beta=0.75, k=1.0)
        """
        return cls._of("lucid", size, alpha, beta, k)

    @classmethod
    def torch_js(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Self:
        """Make the spec of torch.js, a TypeScript port of PyTorch, by its documents.

        Alpha is divided by `size`, and there are size // 2 channels on each side: size + 1 for an even size.

        >>> LRNSpec.torch_js(4, alpha=1.0)
        LRNSpec(before=2, after=2, scale=0.25, beta=0.75, k=1.0)
        """
        return cls._of("torch_js", size, alpha, beta, k)

    @classmethod
    def ncnn(
        cls, local_size: int = 5, alpha: float = 1.0, beta: float = 0.75, bias: float = 1.0, region_type: int = 0
    ) -> Self:
        """Make the spec of ncnn's LRN layer, across channels from release 20261020 on.

        Alpha is divided by `local_size`, and `bias` is k; an even window reaches one channel further back than
        ahead. Earlier releases had ``local_size // 2`` channels on both sides. With `region_type` 1, a box along
        height and width, alpha is divided by the square of `local_size`.

        >>> LRNSpec.ncnn(4)
        LRNSpec(before=2, after=1, scale=0.25, beta=0.75, k=1.0)
        """
        return cls._of("ncnn", local_size, alpha, beta, bias, CONVENTIONS["ncnn"].axes(region_type))

    @classmethod
    def acl(
        cls,
        type: str,  # noqa: A002
        norm_size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.5,
        kappa: float = 1.0,
        is_scaled: bool = True,
    ) -> Self:
        """Make the spec of Arm Compute Library's `NormalizationLayerInfo`.

        `type` is "CROSS_MAP", across channels, "IN_MAP_1D", along the width, or "IN_MAP_2D", a box along height and
        width. Alpha is divided by `norm_size`, which has to be odd, or for a box by the square of that, unless
        `is_scaled` is False. `kappa` is k.

        >>> LRNSpec.acl("IN_MAP_2D", 3, alpha=9.0)
        LRNSpec(before=1, after=1, scale=1.0, beta=0.5, k=1.0)
        """
        axes = CONVENTIONS["acl"].axes(type)
        if not isinstance(is_scaled, bool):
            raise TypeError(f"is_scaled must be a bool, got {is_scaled!r} ({is_scaled.__class__.__name__})")
        return cls._of("acl", norm_size, alpha, beta, kappa, axes if is_scaled else 0)

    @classmethod
    def alexnet(cls) -> Self:
        """Make the spec of AlexNet (2012): n 5, alpha 1e-4, beta 0.75, k 2.

        The paper prints an undivided alpha, its author's code (cuda-convnet) divides it by n: the two differ by a
        factor of 5 in `scale`. This is the code's reading, with which the network was trained; `paper` the other's.

        >>> LRNSpec.alexnet()
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=2.0)
        >>> LRNSpec.paper().scale / LRNSpec.alexnet().scale
        5.0
        """
        return cls._of(*NETWORKS["alexnet"])

    @classmethod
    def caffenet(cls) -> Self:
        """Make the spec of Caffe's CaffeNet and bvlc_alexnet, and of R-CNN's ILSVRC13 model: k is 1.

        >>> LRNSpec.caffenet()
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=1.0)
        """
        return cls._of(*NETWORKS["caffenet"])

    @classmethod
    def googlenet(cls) -> Self:
        """Make the spec of GoogLeNet (Inception-v1) as in Caffe's bvlc_googlenet and the ONNX model zoo.

        >>> LRNSpec.googlenet()
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=1.0)
        """
        return cls._of(*NETWORKS["googlenet"])

    @classmethod
    def zfnet512(cls) -> Self:
        """Make the spec of ZFNet-512 as in the ONNX model zoo: alpha 5e-4 and bias 2.

        >>> LRNSpec.zfnet512()
        LRNSpec(before=2, after=2, scale=0.0001, beta=0.75, k=2.0)
        """
        return cls._of(*NETWORKS["zfnet512"])

    @classmethod
    def vgg_m(cls) -> Self:
        """Make the spec of VGG's CNN-M (VGG_CNN_M_1024 of Fast R-CNN): alpha 5e-4 and k 2.

        >>> LRNSpec.vgg_m()
        LRNSpec(before=2, after=2, scale=0.0001, beta=0.75, k=2.0)
        """
        return cls._of(*NETWORKS["vgg_m"])

    @classmethod
    def cifar10(cls) -> Self:
        """Make the spec of the CIFAR-10 networks of cuda-convnet (11 %) and TensorFlow's tutorial: 9 channels.

        >>> LRNSpec.cifar10() == LRNSpec.tensorflow(4, 1.0, 0.001 / 9, 0.75)
        True
        """
        return cls._of(*NETWORKS["cifar10"])


def torch_spec(size: int, alpha: float, beta: float, k: float, axis: object, name: str = "axis") -> LRNSpec:
    """Return `LRNSpec.torch` for windows along `axis`: alpha is divided by the number of elements in a full one."""
    return LRNSpec._of("torch", size, alpha, beta, k, len(given_axes(axis, name)))


def check_spec(spec: object) -> None:
    """Check that `spec` is an LRNSpec."""
    if not isinstance(spec, LRNSpec):
        raise TypeError(f"spec must be an LRNSpec, got {spec!r} ({type(spec).__name__})")
