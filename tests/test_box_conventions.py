"""LRNSpec of windows along several axes: what each framework divides alpha by, and which words it has for them."""

import numpy as np
import pytest
from test_conventions import ALPHA, BETA, BOXES, REFUSES_EVEN, SIZE, TABLE, TWO_WAYS, earlier

import lrncore
from lrncore import LRNSpec

TWO_AXES = BOXES | {"openvino": {"axes": [2, 3]}}


def box(name, size, k=1.0, **more):
    """Return the spec of a framework's box along two axes, and the arguments that mean it."""
    roles = {**dict.fromkeys(SIZE, size), **dict.fromkeys(ALPHA, 0.3), **dict.fromkeys(BETA, 0.6)}
    arguments = {argument: roles.get(argument, k) for argument in TABLE[name][2]} | TWO_AXES[name] | more
    return getattr(LRNSpec, name)(**arguments), arguments


@pytest.mark.parametrize("name", TWO_AXES)
def test_boxes_divide_alpha_by_their_size(name):
    for size in (1, 2, 3, 4, 5, 8):
        if size % 2 or name not in REFUSES_EVEN:
            assert box(name, size)[0] == LRNSpec(*TABLE[name][0](size), 0.3 / size**2, 0.6, 1.0)


@pytest.mark.parametrize("name", TWO_AXES)
def test_a_box_says_itself_in_its_own_words(name):
    for size in (1, 3, 5):
        spec, arguments = box(name, size)
        assert spec.to(name, (2, 3)) == arguments
    if name not in REFUSES_EVEN | TWO_WAYS:
        spec, arguments = box(name, 4)
        assert spec.to(name, (-1, 2)) == arguments


def test_a_box_is_said_in_other_words():
    within = LRNSpec.caffe(3, alpha=5e-5, norm_region="WITHIN_CHANNEL")
    assert within.to("openvino", (2, 3)) == {"axes": [2, 3], "alpha": 5e-5, "beta": 0.75, "bias": 1.0, "size": 3}
    assert within.to("ncnn", (1, 2)) == {
        "local_size": 3,
        "alpha": 5e-5,
        "beta": 0.75,
        "bias": 1.0,
        "region_type": 1,
    }


def test_caffe_ignores_k_within_a_channel():
    assert LRNSpec.caffe(3, k=2.0, norm_region="WITHIN_CHANNEL").k == 1
    with pytest.raises(ValueError, match=r"^k must be finite, got inf$"):
        LRNSpec.caffe(3, k=np.inf, norm_region="WITHIN_CHANNEL")


@pytest.mark.parametrize("axes", [(), (1,), (0, -1), (2, 3, 4)], ids=str)
def test_any_number_of_axes(axes):
    spec = LRNSpec.openvino(axes, 0.3, 0.6, 2.0, size=3)
    assert spec == LRNSpec(1, 1, 0.3 / 3 ** len(axes), 0.6, 2.0) == LRNSpec.openvino(list(axes), 0.3, 0.6, 2.0, 3)
    assert LRNSpec.openvino(**spec.to("openvino", axes)) == spec
    if len(axes) != 1:
        within = spec.to("onednn", axes)
        assert within.pop("ndims", 4) == len(axes) + 2
        assert LRNSpec.onednn(**within, ndims=len(axes) + 2) == spec


def test_one_axis_of_openvino_is_an_int_too():
    assert LRNSpec.openvino(1) == LRNSpec.openvino([1])


def test_arm_compute_library_may_leave_alpha_undivided():
    for region in ("CROSS_MAP", "IN_MAP_1D", "IN_MAP_2D"):
        assert LRNSpec.acl(region, 3, alpha=0.3, is_scaled=False).scale == 0.3
    assert LRNSpec.acl("IN_MAP_1D") == LRNSpec.acl("CROSS_MAP")


def test_the_scale_of_a_box_beyond_all_floats():
    assert LRNSpec.openvino([0, 1], size=10**200).scale == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: LRNSpec.caffe(norm_region="WITHIN"),
            "norm_region must be 'ACROSS_CHANNELS' or 'WITHIN_CHANNEL', got 'WITHIN'",
        ),
        (lambda: LRNSpec.caffe(4, norm_region="WITHIN_CHANNEL"), "local_size must be odd, got 4"),
        (lambda: LRNSpec.ncnn(region_type=2), "region_type must be 0 or 1, got 2"),
        (lambda: LRNSpec.acl("MAP"), "type must be 'CROSS_MAP' or 'IN_MAP_1D' or 'IN_MAP_2D', got 'MAP'"),
        (lambda: LRNSpec.onednn(5, 1.0, 1.0, 1.0, "lrn_within_channel", 1), "ndims must be an int >= 2, got 1"),
        (lambda: LRNSpec.openvino((2, 2)), "axes must not repeat an axis, got (2, 2)"),
        (lambda: LRNSpec.torch(3).to("torch", (2, 3)), "torch has no window along 2 axes, but along 1"),
        (lambda: LRNSpec.torch(3).to("caffe", (1, 2, 3)), "caffe has no window along 3 axes, but along 1 or 2"),
        (
            lambda: LRNSpec.torch(3, k=2.0).to("caffe", (2, 3)),
            "caffe cannot mean this spec: k of a box is 1.0, got 2.0",
        ),
        (
            lambda: LRNSpec.torch(4).to("openvino", (2, 3)),
            "openvino has no window of 2 channels before and 1 after: its windows have as many before as after",
        ),
    ],
)
def test_what_a_box_cannot_be(make, message):
    with pytest.raises(ValueError) as refused:
        make()
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LRNSpec.openvino("23"), "axes must be an int or a tuple of ints, got '23' (str)"),
        (lambda: LRNSpec.acl("IN_MAP_2D", is_scaled=1), "is_scaled must be a bool, got 1 (int)"),
        (
            lambda: LRNSpec.torch(3).to("openvino", [2, 3]),
            "axis must be an int or a tuple of ints, got [2, 3] (list)",
        ),
    ],
)
def test_types_of_the_arguments_for_axes(make, message):
    with pytest.raises(TypeError) as refused:
        make()
    assert str(refused.value) == message


@pytest.mark.parametrize("size", [1, 4, 5])
def test_twins_and_layers_of_boxes_divide_alpha_by_their_size(size):
    x = np.random.default_rng(0).standard_normal((2, 3, 6))
    spec = LRNSpec(*earlier(size), 0.3 / size**2, 0.75, 1.0)
    assert lrncore.LocalResponseNorm(size, 0.3, axis=(1, 2)).spec == spec
    assert np.array_equal(
        lrncore.local_response_norm(x, size, 0.3, axis=(-1,)), lrncore.local_response_norm(x, size, 0.3, axis=2)
    )
