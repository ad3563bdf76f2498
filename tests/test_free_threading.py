"""Python threads with no lock between them: nothing shared changes, and all at once compute the same bits."""

import itertools
import random
import re
import sys
import sysconfig
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cases
import numpy as np
import pytest

import lrncore
from lrncore import LRNSpec, _processors

KERNELS = Path(__file__).parents[1] / "lrncore" / "kernels"
MODULES = sorted(KERNELS.glob("*.pyx"))
CYTHON = [*MODULES, *sorted(KERNELS.glob("*.pxi"))]
HEADERS = sorted(KERNELS.glob("*.h"))


def name_of(path):
    return path.name


# ---- what is declared -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_says_that_it_needs_no_lock(path):
    directives = re.findall(r"^# cython:(.*)", path.read_text(), re.MULTILINE)
    assert "freethreading_compatible=True" in ",".join(directives).replace(" ", "").split(",")


@pytest.mark.parametrize("path", CYTHON, ids=name_of)
def test_cython_has_no_global_variable(path):
    """Rows of operators are no variables: they are written before the first call."""
    declared = re.findall(
        r"^cdef (?!struct|enum|extern|packed|class|Operator [A-Z_]+$).*", path.read_text(), re.MULTILINE
    )
    assert [line for line in declared if "(" not in line] == []


@pytest.mark.parametrize("path", CYTHON, ids=name_of)
def test_cython_function_changes_no_attribute_of_its_module(path):
    """But for those that write the row of an operator: `define_operators` calls them at load."""
    source = path.read_text()
    rows = re.findall(r"^cdef rare define_(\w+)\(\) noexcept nogil:\n    global (\w+)\n", source, re.MULTILINE)
    assert len(re.findall(r"^\s+global .*", source, re.MULTILINE)) == len(rows)
    assert all(function == row.lower() for function, row in rows)


def test_operators_are_defined_before_any_call():
    calls = [path.name for path in CYTHON for _ in re.findall(r"\bdefine_\w+\(\)$", path.read_text(), re.MULTILINE)]
    assert calls.count("call.pxi") == len(calls) - 1, "define_operators calls them"
    assert calls.count("c_entry.pxi") == 1, "which all faces call"


@pytest.mark.parametrize("path", HEADERS, ids=name_of)
def test_c_has_no_static_variable_but_constants_and_atomic_ones(path):
    source = path.read_text()
    declared = re.findall(r"^(?!#).*\bstatic\b.*", source, re.MULTILINE)
    for line in declared:
        if "(" not in line and "static const " not in line:
            name = re.search(r"(\w+);", line)[1]
            uses = [use for use in source.splitlines() if re.search(rf"\b{name}\b", use) and use != line]
            assert all("__atomic_" in use for use in uses), line


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a global lock")
def test_import_does_not_bring_the_lock_back(python):
    assert python("import sys, lrncore; print(sys._is_gil_enabled())", PYTHON_GIL="") == "False"


# ---- many at once -----------------------------------------------------------------------------------------


@pytest.fixture
def _hurried():
    """Let Python switch threads as often as it can, and forget the threads that a test sets."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
    lrncore.set_num_threads(None)


def param_grads(x, spec, axis, **keywords):
    return lrncore.lrn_param_grads(x[::-1], x, spec, axis, **keywords)


FUNCTIONS = {
    "lrn": lrncore.lrn,
    "lrn_backward": lambda x, spec, axis, **keywords: lrncore.lrn_backward(x[::-1], x, spec, axis, **keywords),
    "lrn_jvp": lambda x, spec, axis, **keywords: lrncore.lrn_jvp(x[::-1], x, spec, axis, **keywords),
    "lrn_param_grads": lambda *arguments, **keywords: np.array(param_grads(*arguments, **keywords)),
}
# The last two are large enough for several threads by default.
SHAPES = [*cases.LAYOUTS.values(), cases.Shape((5, 60, 300), 1), cases.Shape((1500, 64), -1)]
PARAMETERS = [(2, 2, 1.0, 0.75, 0.5), (1, 2, 3.0, 0.6, 1e-3), (9, 14, 0.2, 1.0, 2.0), (1000, 0, 0.1, 0.5, 1.0)]


@pytest.mark.usefixtures("_hurried")
def test_mixed_calls_give_the_serial_bits():
    calls = list(itertools.product(FUNCTIONS.values(), cases.DTYPES, SHAPES, PARAMETERS))
    arrays = {(case, dtype): cases.normal(case.shape, dtype) for case in SHAPES for dtype in cases.DTYPES}

    def compute(call, num_threads):
        function, dtype, case, parameters = call
        return function(arrays[case, dtype], LRNSpec(*parameters), case.axis, num_threads=num_threads)

    serial = [compute(call, 1) for call in calls]
    order = random.Random(0).choices(range(len(calls)), k=3 * len(calls))  # noqa: S311
    wanted = itertools.cycle([None, 1, 2, 3])
    done = threading.Event()

    def change_the_default():
        for n in itertools.cycle([1, 2, 3, None]):
            lrncore.set_num_threads(n)
            if done.wait(1e-4):
                return

    with ThreadPoolExecutor(17) as pool:
        pool.submit(change_the_default)
        try:
            results = list(pool.map(compute, [calls[i] for i in order], wanted))
        finally:
            done.set()
    wrong = [calls[i] for i, y in zip(order, results, strict=True) if not np.array_equal(y, serial[i])]
    assert wrong == []


def together(function, count=16):
    """Call `function` with 0, 1, ... in as many threads at the same moment, and return what they returned."""
    start = threading.Barrier(count)

    def wait_and_call(i):
        start.wait()
        return function(i)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(wait_and_call, range(count)))


@pytest.mark.usefixtures("_hurried")
def test_first_use_of_a_spec_and_of_an_array():
    for seed in range(30):
        x = cases.normal((3, 20, 30), seed=seed)
        spec = LRNSpec(2, 2, 1.0 + seed, 0.6, 1.0)
        results = together(lambda _, x=x, spec=spec: lrncore.lrn(x, spec))
        assert all(np.array_equal(y, results[0]) for y in results)
        assert np.array_equal(results[0], lrncore.lrn(x.copy(), LRNSpec(2, 2, 1.0 + seed, 0.6, 1.0)))


@pytest.mark.usefixtures("_hurried")
def test_parts_of_one_out():
    x = cases.normal((50, 24, 100))
    out = np.empty_like(x)
    together(lambda i: lrncore.lrn(x[i::16], cases.STRONG, out=out[i::16], num_threads=2), 16)
    assert np.array_equal(cases.bits(out), cases.bits(lrncore.lrn(x, cases.STRONG)))


@pytest.mark.usefixtures("_hurried")
def test_first_look_for_a_quota():
    _processors.quota.cache_clear()
    assert len(set(together(lambda _: lrncore.get_num_threads()))) == 1
