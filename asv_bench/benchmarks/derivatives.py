"""Times forward mode and the parameters' derivatives on one thread."""

from . import cases


class Dtypes(cases.Dtypes):
    """Each element type and layout, in cache and out of it."""

    def time_jvp(self, *_):
        self.call.jvp()

    def time_param_grads(self, *_):
        self.call.param_grads()
