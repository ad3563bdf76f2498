"""Times the forward on one thread, over real layers and along each parameter that selects code of its own.

One thread, because that is what a change of a kernel moves; `threads` has the rest.
"""

from . import cases


class _Timed:
    def time_forward(self, *_):
        self.call.forward()


class Layers(_Timed, cases.Layers):
    """The layers of published networks, and three with other extremes of size."""


class Powers(_Timed, cases.Powers):
    """Each way to raise the sum to a power."""


class Windows(_Timed, cases.Windows):
    """Each way to sum a window."""


class Dtypes(_Timed, cases.Dtypes):
    """Each element type and layout, in cache and out of it."""
