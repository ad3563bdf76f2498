"""Times the backward on one thread, over the layers and parameters of `forward`.

It recomputes the sums of squares and adds a reflected window, so a slowdown here alone points at that window.
"""

from . import cases


class _Timed:
    def time_backward(self, *_):
        self.call.backward()


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
