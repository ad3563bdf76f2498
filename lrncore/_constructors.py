"""LRNSpec's constructors: how each framework says an LRN, and the parameters of published networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from lrncore._checks import check_int, given_axes
from lrncore._conventions import CONVENTIONS, NETWORKS
from lrncore._signatures import naming


@naming
class Constructors:
    """What LRNSpec is made by, in the words of its makers; `_conventions` has what they mean, as data."""

    if TYPE_CHECKING:

        def __init__(self, before: int, after: int, scale: float, beta: float, k: float) -> None:
            """Take what LRNSpec does."""

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
