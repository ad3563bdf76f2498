"""LRNSpec's constructors for the networks that made LRN known."""

from __future__ import annotations

from typing import Self

from lrncore._constructors import Constructors


class Networks(Constructors):
    """The parameters of published networks."""

    @classmethod
    def alexnet(cls) -> Self:
        """Make the spec of AlexNet (2012): n 5, alpha 1e-4, beta 0.75, k 2.

        The paper prints an undivided alpha, its author's code (cuda-convnet) divides it by n: the two differ by a
        factor of 5 in `scale`. This is the code's reading, with which the network was trained; `paper` the other's.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.alexnet()
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=2.0)
        >>> LRNSpec.paper().scale / LRNSpec.alexnet().scale
        5.0
        """
        return cls.cuda_convnet(5, 1e-4, 0.75, 2.0)

    @classmethod
    def caffenet(cls) -> Self:
        """Make the spec of Caffe's CaffeNet and bvlc_alexnet, and of R-CNN's ILSVRC13 model: k is 1.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.caffenet()
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=1.0)
        """
        return cls.caffe(5, 1e-4)

    @classmethod
    def googlenet(cls) -> Self:
        """Make the spec of GoogLeNet (Inception-v1) as in Caffe's bvlc_googlenet and the ONNX model zoo.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.googlenet()
        LRNSpec(before=2, after=2, scale=2e-05, beta=0.75, k=1.0)
        """
        return cls.caffe(5, 1e-4)

    @classmethod
    def zfnet512(cls) -> Self:
        """Make the spec of ZFNet-512 as in the ONNX model zoo: alpha 5e-4 and bias 2.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.zfnet512()
        LRNSpec(before=2, after=2, scale=0.0001, beta=0.75, k=2.0)
        """
        return cls.onnx(5, 5e-4, 0.75, 2.0)

    @classmethod
    def vgg_m(cls) -> Self:
        """Make the spec of VGG's CNN-M (VGG_CNN_M_1024 of Fast R-CNN): alpha 5e-4 and k 2.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.vgg_m()
        LRNSpec(before=2, after=2, scale=0.0001, beta=0.75, k=2.0)
        """
        return cls.caffe(5, 5e-4, 0.75, 2.0)

    @classmethod
    def cifar10(cls) -> Self:
        """Make the spec of the CIFAR-10 networks of cuda-convnet (11 %) and TensorFlow's tutorial: 9 channels.

        Examples
        --------
        >>> from lrncore import LRNSpec
        >>> LRNSpec.cifar10() == LRNSpec.tensorflow(4, 1.0, 0.001 / 9, 0.75)
        True
        """
        return cls.cuda_convnet(9, 0.001, 0.75)
