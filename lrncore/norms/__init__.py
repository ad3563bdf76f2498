"""The moment norms: batch, group, layer, instance, RMS and filter response normalization, right at any mean."""

from lrncore.norms._averages import running_conventions
from lrncore.norms._batch import batch_norm, batch_norm_backward, batch_norm_train, batch_norm_train_backward
from lrncore.norms._filter import filter_response_norm, filter_response_norm_backward
from lrncore.norms._fold import fold_batch_norm
from lrncore.norms._grads import FilterGrads, NormGrads, ScaleGrads
from lrncore.norms._group import group_norm, group_norm_backward, instance_norm, instance_norm_backward
from lrncore.norms._layer import layer_norm, layer_norm_backward, rms_norm, rms_norm_backward
from lrncore.norms._moments import Moments, moments
from lrncore.norms._running import RunningStats

__all__ = [
    "FilterGrads",
    "Moments",
    "NormGrads",
    "RunningStats",
    "ScaleGrads",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_train",
    "batch_norm_train_backward",
    "filter_response_norm",
    "filter_response_norm_backward",
    "fold_batch_norm",
    "group_norm",
    "group_norm_backward",
    "instance_norm",
    "instance_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "moments",
    "rms_norm",
    "rms_norm_backward",
    "running_conventions",
]
