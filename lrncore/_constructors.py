"""LRNSpec's constructors: one for each convention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from lrncore._conventions import CONVENTIONS


class Constructors:
    """The arguments, order and defaults of each framework.

    Wherever a size, an alpha, a beta and a k appear, under whatever name, the size is an int of at least 1, and the
    others are finite real numbers; otherwise a TypeError or a ValueError says so.
    """

    if TYPE_CHECKING:

        def __init__(self, before: int, after: int, scale: float, beta: float, k: float) -> None: ...

    @classmethod
    def _of(cls, convention: str, size: int, alpha: float, beta: float, k: float) -> Self:
        return cls(*CONVENTIONS[convention].parameters(size, alpha, beta, k))

    @classmethod
    def torch(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Self:
        """Make the spec of PyTorch's `torch.nn.LocalResponseNorm`.

        Alpha is divided by `size`; an even window reaches one channel further back than ahead.

        Parameters
        ----------
        size : int
            Channels in the window, at least 1.
        alpha, beta, k : float, optional
            As in the formula, alpha before its division by `size`.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.torch(4, alpha=1.0)
        LRNSpec(before=2, after=1, scale=0.25, beta=0.75, k=1.0)
        """
        return cls._of("torch", size, alpha, beta, k)

    @classmethod
    def paddle(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Self:
        """Make the spec of PaddlePaddle's `paddle.nn.LocalResponseNorm`, which means what `torch` does.

        Its documents leave out the division of alpha by `size`; the code has it.

        Parameters
        ----------
        size : int
            Channels in the window, at least 1.
        alpha, beta, k : float, optional
            As in the formula, alpha before its division by `size`.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.paddle(5) == LRNSpec.torch(5)
        True
        """
        return cls._of("paddle", size, alpha, beta, k)

    @classmethod
    def cuda_convnet(cls, size: int, scale: float, pow: float, minDiv: float = 1.0) -> Self:  # noqa: A002, N803
        """Make the spec of cuda-convnet's cross-map normalization, Krizhevsky's own code.

        Its `scale` is an alpha, and divided by `size`; an even window reaches one channel further back than ahead.

        Parameters
        ----------
        size : int
            Channels in the window, at least 1.
        scale, pow, minDiv : float
            Alpha before its division by `size`, beta and k.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.cuda_convnet(5, scale=1e-4, pow=0.75, minDiv=2.0) == LRNSpec.alexnet()
        True
        """
        return cls._of("cuda_convnet", size, scale, pow, minDiv)

    @classmethod
    def onnx(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Self:
        """Make the spec of the ONNX operator LRN.

        Alpha is divided by `size`; an even window reaches one channel further ahead than back.

        Parameters
        ----------
        size : int
            Channels in the window, at least 1.
        alpha, beta, bias : float, optional
            As in the formula, alpha before its division by `size`, bias being its k.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.onnx(4, alpha=1.0)
        LRNSpec(before=1, after=2, scale=0.25, beta=0.75, k=1.0)
        """
        return cls._of("onnx", size, alpha, beta, bias)

    @classmethod
    def cudnn(cls, lrnN: int = 5, lrnAlpha: float = 1e-4, lrnBeta: float = 0.75, lrnK: float = 2.0) -> Self:  # noqa: N803
        """Make the spec of cuDNN's LRN across channels.

        The window and alpha are those of `onnx`. Like cuDNN, it refuses an `lrnN` above 16, an `lrnBeta` below 0.01
        and an `lrnK` below 1e-5.

        Parameters
        ----------
        lrnN : int, optional
            Channels in the window, 1 to 16.
        lrnAlpha, lrnBeta, lrnK : float, optional
            As in the formula, alpha before its division by `lrnN`.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.cudnn()
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=2.0)
        """
        return cls._of("cudnn", lrnN, lrnAlpha, lrnBeta, lrnK)

    @classmethod
    def matlab(cls, windowChannelSize: int, Alpha: float = 1e-4, Beta: float = 0.75, K: float = 2.0) -> Self:  # noqa: N803
        """Make the spec of MATLAB's `crossChannelNormalizationLayer`.

        The window and alpha are those of `onnx`. Like MATLAB, it refuses a `Beta` below 0.01 and a `K` below 1e-5.

        Parameters
        ----------
        windowChannelSize : int
            Channels in the window, at least 1.
        Alpha, Beta, K : float, optional
            As in the formula, alpha before its division by `windowChannelSize`.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.matlab(5)
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=2.0)
        """
        return cls._of("matlab", windowChannelSize, Alpha, Beta, K)

    @classmethod
    def caffe(cls, local_size: int = 5, alpha: float = 1.0, beta: float = 0.75, k: float = 1.0) -> Self:
        """Make the spec of Caffe's LRN layer across channels; OpenCV and onnxruntime take the same windows.

        Alpha is divided by `local_size`, which has to be odd.

        Parameters
        ----------
        local_size : int, optional
            Channels in the window, odd.
        alpha, beta, k : float, optional
            As in the formula, alpha before its division by `local_size`.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.caffe(alpha=1e-4)
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=1.0)
        """
        return cls._of("caffe", local_size, alpha, beta, k)

    @classmethod
    def onednn(cls, local_size: int, alpha: float, beta: float, k: float) -> Self:
        """Make the spec of oneDNN's LRN across channels, and of OpenVINO's, which runs on it.

        Alpha is divided by `local_size`. An even window loses a channel: it is that of the odd size below, but
        alpha is divided by the even one.

        Parameters
        ----------
        local_size : int
            Channels in an odd window, one more than in an even one, at least 1.
        alpha, beta, k : float
            As in the formula, alpha before its division by `local_size`.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.onednn(4, 1.0, 0.75, 1.0)
        LRNSpec(before=1, after=1, scale=0.25, beta=0.75, k=1.0)
        """
        return cls._of("onednn", local_size, alpha, beta, k)

    @classmethod
    def mxnet(cls, alpha: float = 1e-4, beta: float = 0.75, knorm: float = 2.0, *, nsize: int) -> Self:
        """Make the spec of MXNet's `LRN`.

        Alpha is divided by `nsize`, which has to be odd.

        Parameters
        ----------
        alpha, beta, knorm : float, optional
            As in the formula, alpha before its division by `nsize`, knorm being its k.
        nsize : int
            Channels in the window, odd.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.mxnet(nsize=5)
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=2.0)
        """
        return cls._of("mxnet", nsize, alpha, beta, knorm)

    @classmethod
    def tensorflow(cls, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5) -> Self:
        """Make the spec of TensorFlow's `tf.nn.local_response_normalization`.

        The window is a radius, and alpha is not divided. TFLite, TensorFlow.js and NNAPI mean the same.

        Parameters
        ----------
        depth_radius : int, optional
            Channels on each side, at least 0: the window has ``2 * depth_radius + 1``.
        bias, alpha, beta : float, optional
            As in the formula, bias being its k.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.tensorflow()
        LRNSpec(before=5, after=5, scale=1.0, beta=0.5, k=1.0)
        """
        return cls._of("tensorflow", depth_radius, alpha, beta, bias)

    @classmethod
    def chainer(cls, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75) -> Self:
        """Make the spec of Chainer's `chainer.functions.local_response_normalization`.

        Alpha is not divided, and there are n // 2 channels on each side: n + 1 for an even n.

        Parameters
        ----------
        n : int, optional
            Channels in an odd window, one fewer than in an even one, at least 1.
        k, alpha, beta : float, optional
            As in the formula.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.chainer()
        LRNSpec(before=2, after=2, scale=0.0001, beta=0.75, k=2.0)
        """
        return cls._of("chainer", n, alpha, beta, k)

    @classmethod
    def paper(cls, n: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0) -> Self:
        """Make the spec of the formula as printed by Krizhevsky et al. (2012).

        Alpha is not divided, and there are n // 2 channels on each side. Their own code divides alpha by n: for
        what AlexNet was trained with, take `alexnet`.

        Parameters
        ----------
        n : int, optional
            The paper's n, at least 1. An even n gives a window of n + 1 channels, as printed.
        alpha, beta, k : float, optional
            As in the formula.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.paper()
        LRNSpec(before=2, after=2, scale=0.0001, beta=0.75, k=2.0)
        """
        return cls._of("paper", n, alpha, beta, k)

    @classmethod
    def matconvnet(cls, N: int = 5, kappa: float = 1.0, alpha: float = 1e-4 / 5, beta: float = 0.75) -> Self:  # noqa: N803
        """Make the spec of MatConvNet's `vl_nnnormalize`.

        Alpha is not divided; an even window reaches one channel further ahead than back.

        Parameters
        ----------
        N : int, optional
            Channels in the window, at least 1.
        kappa, alpha, beta : float, optional
            As in the formula, kappa being its k.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.matconvnet()
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=1.0)
        """
        return cls._of("matconvnet", N, alpha, beta, kappa)

    @classmethod
    def lucid(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Self:
        """Make the spec of Lucid's functional LRN.

        Its names and defaults are those of `torch`, but alpha is not divided, and an even window reaches one
        channel further ahead than back.

        Parameters
        ----------
        size : int
            Channels in the window, at least 1.
        alpha, beta, k : float, optional
            As in the formula.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.lucid(4)
        LRNSpec(before=1, after=2, scale=0.0001, beta=0.75, k=1.0)
        """
        return cls._of("lucid", size, alpha, beta, k)

    @classmethod
    def torch_js(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Self:
        """Make the spec of torch.js, a TypeScript port of PyTorch, by its documents.

        Alpha is divided by `size`, and there are size // 2 channels on each side: size + 1 for an even size.

        Parameters
        ----------
        size : int
            Channels in an odd window, one fewer than in an even one, at least 1.
        alpha, beta, k : float, optional
            As in the formula, alpha before its division by `size`.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.torch_js(4, alpha=1.0)
        LRNSpec(before=2, after=2, scale=0.25, beta=0.75, k=1.0)
        """
        return cls._of("torch_js", size, alpha, beta, k)

    @classmethod
    def ncnn(cls, local_size: int = 5, alpha: float = 1.0, beta: float = 0.75, bias: float = 1.0) -> Self:
        """Make the spec of ncnn's LRN layer across channels, from release 20261020 on.

        Alpha is divided by `local_size`; an even window reaches one channel further back than ahead. Earlier
        releases had ``local_size // 2`` channels on both sides.

        Parameters
        ----------
        local_size : int, optional
            Channels in the window, at least 1.
        alpha, beta, bias : float, optional
            As in the formula, alpha before its division by `local_size`, bias being its k.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.ncnn(4)
        LRNSpec(before=2, after=1, scale=0.25, beta=0.75, k=1.0)
        """
        return cls._of("ncnn", local_size, alpha, beta, bias)
