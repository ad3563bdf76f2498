"""Times forward mode and the parameters' derivatives on one thread."""

import lrncore

from . import cases


class _Timed:
    def setup(self, *params):
        if not hasattr(lrncore, "lrn_jvp"):
            raise NotImplementedError("this commit has no derivatives beside the backward")
        super().setup(*params)

    def time_jvp(self, *_):
        self.call.jvp()

    def time_param_grads(self, *_):
        self.call.param_grads()


class Boxes(_Timed, cases.Boxes):
    """Windows along height and width, within a channel."""


class Dtypes(_Timed, cases.Dtypes):
    """Each element type and layout, in cache and out of it."""
