"""Times the forward on one thread, over real layers and along each parameter that selects code of its own.

One thread, because that is what a change of a kernel moves; `threads` has the rest.
"""

import numpy as np

import lrncore

from . import cases

SCATTERED = {
    "stepped 1000x96x2": lambda: cases.normal((1000, 96, 4), np.float32, 1)[..., ::2],
    "reversed 1000x96x2": lambda: cases.normal((1000, 96, 2), np.float32, 1)[..., ::-1],
    "big-endian 100000x2": lambda: cases.normal((100000, 2), np.float32, 1).astype(">f4"),
    "17 axes": lambda: cases.normal((2,) * 17, np.float32, 1).transpose(
        5, 16, 9, *range(5), 15, 14, *range(6, 9), *range(10, 14)
    ),
}


class _Timed:
    def time_forward(self, *_):
        self.call.forward()


class Layers(_Timed, cases.Layers):
    """The layers of published networks, and three with other extremes of size."""


class Powers(_Timed, cases.Powers):
    """Each way to raise the sum to a power."""


class Windows(_Timed, cases.Windows):
    """Each way to sum a window."""


class LongWindows(_Timed, cases.LongWindows):
    """Windows of many channels, and of all."""


class Boxes(_Timed, cases.Boxes):
    """Windows along height and width, within a channel."""


class Dtypes(_Timed, cases.Dtypes):
    """Each element type and layout, in cache and out of it."""


class Scattered:
    """Arrays that have no rows of more than a few elements: at most 8 times Layers' time per element."""

    param_names = ("array",)
    params = (list(SCATTERED),)

    def setup(self, name):
        self.x = SCATTERED[name]()
        self.out = np.empty(self.x.shape, np.float32)

    def time_forward(self, _):
        lrncore.lrn(self.x, cases.ALEXNET, out=self.out, num_threads=1)
