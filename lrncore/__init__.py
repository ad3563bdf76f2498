"""Local Response Normalization on the CPU: fast, right, and in every framework's dialect.

One formula, with the squares summed over the channels around ``c``::

    y[c] = x[c] * (k + scale * sum(x[c - before : c + after + 1] ** 2)) ** -beta

`LRNSpec` holds the parameters and has a constructor for each convention; `lrn` and `lrn_backward`
compute it and its gradient for any array, any channel axis; `lrn_jvp` and `lrn_param_grads` its derivatives in
forward mode and with respect to the parameters.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lrncore._config import get_include, show_config
from lrncore._conventions import conventions
from lrncore._threads import get_num_threads, set_num_threads
from lrncore._version import __version__ as __version__
from lrncore.derivatives import ParamGrads, lrn_jvp, lrn_param_grads
from lrncore.functional import local_response_norm, local_response_normalization, lrn, lrn_backward
from lrncore.module import LocalResponseNorm
from lrncore.spec import LRNSpec

if TYPE_CHECKING:
    from lrncore._gdn import GDNGrads, gdn, gdn_backward, nonnegative, nonnegative_inverse
    from lrncore.contrast import local_contrast_norm
    from lrncore.divisive import DivisiveGrads, divisive_norm, divisive_norm_backward, divisive_norm_param_grads
    from lrncore.divisive_spec import DivisiveSpec
    from lrncore.norms import (
        FilterGrads,
        Moments,
        NormGrads,
        RunningStats,
        ScaleGrads,
        batch_norm,
        batch_norm_backward,
        batch_norm_train,
        batch_norm_train_backward,
        filter_response_norm,
        filter_response_norm_backward,
        fold_batch_norm,
        group_norm,
        group_norm_backward,
        instance_norm,
        instance_norm_backward,
        layer_norm,
        layer_norm_backward,
        moments,
        rms_norm,
        rms_norm_backward,
        running_conventions,
    )

__all__ = [
    "DivisiveGrads",
    "DivisiveSpec",
    "FilterGrads",
    "GDNGrads",
    "LRNSpec",
    "LocalResponseNorm",
    "Moments",
    "NormGrads",
    "ParamGrads",
    "RunningStats",
    "ScaleGrads",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_train",
    "batch_norm_train_backward",
    "conventions",
    "divisive_norm",
    "divisive_norm_backward",
    "divisive_norm_param_grads",
    "filter_response_norm",
    "filter_response_norm_backward",
    "fold_batch_norm",
    "gdn",
    "gdn_backward",
    "get_include",
    "get_num_threads",
    "group_norm",
    "group_norm_backward",
    "instance_norm",
    "instance_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "local_contrast_norm",
    "local_response_norm",
    "local_response_normalization",
    "lrn",
    "lrn_backward",
    "lrn_jvp",
    "lrn_param_grads",
    "moments",
    "nonnegative",
    "nonnegative_inverse",
    "rms_norm",
    "rms_norm_backward",
    "running_conventions",
    "set_num_threads",
    "show_config",
]

#: What comes from elsewhere than `norms`, of the families beside LRN. Each module is loaded with the first of its
#: names: together they take as long to import as all the rest.
DIVISIVE = {
    "_gdn": ("GDNGrads", "gdn", "gdn_backward", "nonnegative", "nonnegative_inverse"),
    "contrast": ("local_contrast_norm",),
    "divisive": ("DivisiveGrads", "divisive_norm", "divisive_norm_backward", "divisive_norm_param_grads"),
    "divisive_spec": ("DivisiveSpec",),
}


def __getattr__(name: str) -> Any:
    if name in DIVISIVE or name == "norms":
        return import_module(f"lrncore.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'lrncore' has no attribute {name!r}")
    module = next((module for module, names in DIVISIVE.items() if name in names), "norms")
    found = globals()[name] = getattr(import_module(f"lrncore.{module}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
