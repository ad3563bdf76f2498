"""The soak program itself: a few of its calls, and that it finds what it is there to find."""

import sys

import numpy as np
import pytest
import soak

import lrncore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the soak program reads /proc")


def test_random_calls_are_right():
    random = np.random.default_rng(0)
    calls = [call for call in (soak.draw(random) for _ in range(100)) if np.prod(call.shape) < 1e4]
    assert [soak.failure(call, judged=call.spec.size < 20) for call in calls] == [None] * len(calls)


def wrong_where(threads):
    """Return `lrn` with one wrong bit when it is called with another number of threads, or with any for None."""

    def compute(x, spec, axis, num_threads, out=None):
        y = lrncore.lrn(x, spec, axis, out)
        if threads != num_threads:
            y.flat[0] = np.nextafter(y.flat[0], 9, dtype=y.dtype) if threads else y.flat[0] * 1.001
        return y

    return compute


@pytest.mark.parametrize(
    ("threads", "said"),
    [(1, "other bits than one thread has from contiguous arrays"), (None, "too far from the exact result")],
)
def test_wrong_result_is_found(threads, said, monkeypatch):
    function = soak.FUNCTIONS[0]._replace(compute=wrong_where(threads))
    monkeypatch.setattr(soak, "FUNCTIONS", [function])
    call = soak.draw(np.random.default_rng(0))._replace(threads=2)
    assert soak.failure(call, judged=True) == said


def test_same_seed_draws_the_same_calls():
    assert soak.draw(np.random.default_rng(7)) == soak.draw(np.random.default_rng(7))


@pytest.mark.parametrize(("growth", "found"), [(0, False), (0.1, False), (1, True)])
def test_growth_is_found(growth, found):
    assert soak.grew([100 + growth * i for i in range(20)]) is found
