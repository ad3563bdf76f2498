"""Another thread assigns attributes of the arrays during calls: none ends the process."""

import os
import sysconfig
from pathlib import Path

import interpreters
import pytest
import races

import lrncore


def start(name, attribute):
    """Return how many calls there were while another thread assigned an attribute, refused or served."""
    program = "import sys, races; print(*races.counted(*sys.argv[1:]))"
    place = os.pathsep.join([str(Path(lrncore.__file__).parents[1]), str(Path(__file__).parent)])
    return [int(word) for word in interpreters.run(program, name, attribute, PYTHONPATH=place).split()]


@pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    reason="without a global lock NumPy itself does not survive attributes that are assigned during a call",
)
@pytest.mark.parametrize("attribute", races.ASSIGNED)
@pytest.mark.parametrize("name", races.CALLS)
def test_race_with_an_assigned_attribute(name, attribute, begun):
    assert sum(begun(name=name, attribute=attribute)) > 0
