"""LRNSpec's constructors for runtimes, and for frameworks of the past; _conventions has their sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from lrncore._checks import check_int
from lrncore._constructors import Constructors
from lrncore._conventions import CONVENTIONS
from lrncore._signatures import naming


@naming
class FurtherConstructors(Constructors):
    """What LRNSpec is made by in the words of runtimes and of older frameworks."""

    @classmethod
    def pytorch(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Self:
        """Make the spec of PyTorch's `torch.nn.LocalResponseNorm`: another name of `torch`.

        >>> LRNSpec.pytorch(4) == LRNSpec.torch(4)
        True
        """
        return cls.torch(size, alpha, beta, k)

    @classmethod
    def tf(cls, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5) -> Self:
        """Make the spec of TensorFlow's `tf.nn.local_response_normalization`: another name of `tensorflow`.

        >>> LRNSpec.tf() == LRNSpec.tensorflow()
        True
        """
        return cls.tensorflow(depth_radius, bias, alpha, beta)

    @classmethod
    def tflite(cls, radius: int, bias: float, alpha: float, beta: float) -> Self:
        """Make the spec of TensorFlow Lite's LOCAL_RESPONSE_NORMALIZATION, which means what `tensorflow` does.

        >>> LRNSpec.tflite(radius=2, bias=2.0, alpha=2e-5, beta=0.75) == LRNSpec.alexnet()
        True
        """
        return cls._of("tflite", radius, alpha, beta, bias)

    @classmethod
    def nnapi(cls, radius: int, bias: float, alpha: float, beta: float) -> Self:
        """Make the spec of Android's ANEURALNETWORKS_LOCAL_RESPONSE_NORMALIZATION.

        It means what `tensorflow` does.

        >>> LRNSpec.nnapi(2, 2.0, 2e-5, 0.75) == LRNSpec.alexnet()
        True
        """
        return cls._of("nnapi", radius, alpha, beta, bias)

    @classmethod
    def opencv(
        cls,
        local_size: int = 5,
        alpha: float = 1.0,
        beta: float = 0.75,
        bias: float = 1.0,
        norm_region: str = "ACROSS_CHANNELS",
        norm_by_size: bool = True,
    ) -> Self:
        """Make the spec of the LRN layer of OpenCV's module dnn.

        Alpha is divided by `local_size`, which has to be odd, or with `norm_region` "WITHIN_CHANNEL", a box along
        height and width, by the square of that; unless `norm_by_size` is False. `bias` is k, in a box too.

        >>> LRNSpec.opencv(alpha=1e-4) == LRNSpec.caffe(alpha=1e-4)
        True
        """
        axes = CONVENTIONS["opencv"].axes(norm_region)
        if not isinstance(norm_by_size, bool):
            raise TypeError(f"norm_by_size must be a bool, got {norm_by_size!r} ({type(norm_by_size).__name__})")
        return cls._of("opencv", local_size, alpha, beta, bias, axes if norm_by_size else 0)

    @classmethod
    def keras(cls, alpha: float = 1e-4, k: float = 2.0, beta: float = 0.75, n: int = 5) -> Self:
        """Make the spec of LRN2D, a layer that Keras had in 2015, after pylearn2's.

        Alpha is not divided, and `n` has to be odd. Keras has had no LRN since; see `tensorflow`.

        >>> LRNSpec.keras() == LRNSpec.paper()
        True
        """
        return cls._of("keras", n, alpha, beta, k)

    @classmethod
    def caffe2(cls, size: int, alpha: float, beta: float, bias: float = 1.0) -> Self:
        """Make the spec of Caffe2's operator LRN.

        Alpha is divided by `size`, which has to be odd; `bias` is k.

        >>> LRNSpec.caffe2(5, 1e-4, 0.75) == LRNSpec.caffenet()
        True
        """
        return cls._of("caffe2", size, alpha, beta, bias)

    @classmethod
    def coreml(cls, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Self:
        """Make the spec of Core ML's `local_response_norm`, called localSize in a LRNLayerParams.

        Alpha is divided by `size`. Its documents do not say where an even window lies: it is refused here.

        >>> LRNSpec.coreml(5) == LRNSpec.caffenet()
        True
        """
        return cls._of("coreml", size, alpha, beta, k)

    @classmethod
    def tensorrt(cls, window: int, alpha: float, beta: float, k: float) -> Self:
        """Make the spec of TensorRT's `INetworkDefinition::addLRN`.

        Alpha is divided by `window`, which has to be odd and at most 15; the operator's page has a formula that
        does not, and an example that does. Like TensorRT, it refuses a `beta` below 0.01 and a `k` below 1e-5.

        >>> LRNSpec.tensorrt(3, alpha=3.0, beta=1.0, k=0.1)
        LRNSpec(before=1, after=1, scale=1.0, beta=1.0, k=0.1)
        """
        return cls._of("tensorrt", window, alpha, beta, k)

    @classmethod
    def directml(cls, LocalSize: int, Alpha: float = 1e-4, Beta: float = 0.75, Bias: float = 1.0) -> Self:  # noqa: N803
        """Make the spec of DirectML's local response normalization with CrossChannel TRUE.

        Alpha is divided by `LocalSize`, and `Bias` is k; the defaults are those that are recommended. Its documents
        do not say where an even window lies: it is refused here.

        >>> LRNSpec.directml(5) == LRNSpec.caffenet()
        True
        """
        return cls._of("directml", LocalSize, Alpha, Beta, Bias)

    @classmethod
    def darknet(cls, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, kappa: float = 1.0) -> Self:
        """Make the spec of Darknet's layer normalization, as it is meant.

        Alpha is not divided, and `kappa` is k; an even window reaches one channel further ahead than back. Darknet
        leaves the last channel out of its first window, and as it makes each sum of the one before, out of all of
        them: its numbers are others.

        >>> LRNSpec.darknet()
        LRNSpec(before=2, after=2, scale=0.0001, beta=0.75, k=1.0)
        """
        return cls._of("darknet", size, alpha, beta, kappa)

    @classmethod
    def dl4j(cls, k: float = 2.0, n: int = 5, alpha: float = 1e-4, beta: float = 0.75) -> Self:
        """Make the spec of Deeplearning4j's LocalResponseNormalization.

        Alpha is not divided, and there are n // 2 channels on each side: n + 1 for an even n.

        >>> LRNSpec.dl4j() == LRNSpec.paper()
        True
        """
        return cls._of("dl4j", n, alpha, beta, k)

    @classmethod
    def nnef(cls, size: int | Sequence[int], alpha: float = 1.0, beta: float = 0.5, bias: float = 1.0) -> Self:
        """Make the spec of NNEF's `local_response_normalization`, for `lrn` along the axes where size is not 1.

        `size` has a number for each dimension, those that are not 1 all the same; a single number is the channels'.
        Alpha is divided by their product, and `bias` is k; an even window reaches one element further ahead than
        back.

        >>> LRNSpec.nnef([1, 5, 1, 1], alpha=1e-4, beta=0.75) == LRNSpec.caffenet()
        True
        >>> LRNSpec.nnef([1, 1, 3, 3], alpha=9.0)  # for lrn(..., axis=(2, 3))
        LRNSpec(before=1, after=1, scale=1.0, beta=0.5, k=1.0)
        """
        if not isinstance(size, list | tuple):
            return cls._of("nnef", size, alpha, beta, bias)  # type: ignore[arg-type]
        sides = [side for each in size if (side := check_int(each, "size", 1)) > 1] or [1]
        if len(set(sides)) > 1:
            raise ValueError(f"size must be the same along every axis of the window, got {list(size)}")
        return cls._of("nnef", sides[0], alpha, beta, bias, len(sides))
