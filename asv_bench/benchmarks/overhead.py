"""Times what surrounds the arithmetic: a call on 1024 elements, making a spec, importing lrncore.

The arrays are made on import and there is no `setup`, after which asv would time each of these short calls alone.
"""

import numpy as np

import lrncore

from . import cases

X = cases.normal((1, 16, 8, 8), np.float32, 1)
G = cases.normal(X.shape, np.float32, 2)
OUT = X.copy()
MODULE = lrncore.LocalResponseNorm(5, k=2.0)


class SmallCall:
    rounds = 2
    repeat = (10, 50, 0.3)
    warmup_time = 0.05

    def time_forward_into_out(self):
        lrncore.lrn(X, cases.ALEXNET, out=OUT)

    def time_forward_into_new_array(self):
        lrncore.lrn(X, cases.ALEXNET)

    def time_backward_into_out(self):
        lrncore.lrn_backward(G, X, cases.ALEXNET, out=OUT)

    def time_torch_words(self):
        lrncore.local_response_norm(X, 5, k=2.0, out=OUT)

    def time_module(self):
        MODULE(X)

    def time_spec(self):
        lrncore.LRNSpec.torch(5, alpha=1e-4, beta=0.75, k=2.0)


WEIGHT = np.full(16, 1.5, np.float32)
MEAN, VAR = np.zeros(16), np.ones(16)


class SmallNorm:
    """The moment norms on the same array; commits without them show failed."""

    rounds = 2
    repeat = (10, 50, 0.3)
    warmup_time = 0.05

    def time_batch_norm(self):
        lrncore.batch_norm(X, MEAN, VAR, WEIGHT, WEIGHT, out=OUT)

    def time_group_norm(self):
        lrncore.group_norm(X, 4, WEIGHT, WEIGHT, out=OUT)

    def time_instance_norm(self):
        lrncore.instance_norm(X, WEIGHT, WEIGHT, out=OUT)

    def time_layer_norm(self):
        lrncore.layer_norm(X, out=OUT)

    def time_rms_norm(self):
        lrncore.rms_norm(X, out=OUT)

    def time_instance_norm_backward(self):
        lrncore.instance_norm_backward(G, X, WEIGHT, out=OUT)


class Import:
    rounds = 1
    number = 1
    repeat = 15
    warmup_time = 0

    def timeraw_with_numpy(self):
        return "import lrncore"

    def timeraw_after_numpy(self):
        return "import lrncore", "import numpy"
