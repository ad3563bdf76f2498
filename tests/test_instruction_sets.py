"""Which instruction set runs, and that this machine's ones are built and tested."""

import itertools
from pathlib import Path

import cases
import pytest

import lrncore
from lrncore import _checks, kernels
from lrncore.kernels import _platform, builds

CHOSEN = "import lrncore.kernels; print(lrncore.kernels.isa)"


@pytest.mark.parametrize("isa", kernels.INSTRUCTION_SETS)
def test_instruction_set_of_this_processor_is_built(isa):
    if not _platform.supports(isa):
        pytest.skip(f"this processor has no {isa}: its kernels are not tested here")
    assert isa in kernels.available()


def test_baseline_is_always_available():
    assert kernels.available()[-1] == "baseline"


def test_unknown_instruction_set_is_not_supported():
    assert not _platform.supports("avx10")


@pytest.mark.parametrize("isa", kernels.available())
def test_kernels_have_lanes(isa):
    lanes = {name: module.lanes for name, module in kernels.load(isa).items()}
    for load in (kernels.load_norms, kernels.load_divisive):
        assert lanes == {name: module.lanes for name, module in load(isa).items()}
    (widest,) = (each.lanes for each in builds.INSTRUCTION_SETS if each.name == isa)
    expected = {each.name: widest // 2 if each.name == "float64" else widest for each in builds.ELEMENTS}
    assert lanes in (expected, dict.fromkeys(lanes, 1))


def test_each_instruction_set_family_and_type_of_numbers_has_a_source():
    rows = itertools.product(builds.INSTRUCTION_SETS, builds.FAMILIES, builds.REALS)
    expected = {f"{builds.library(isa.name, family, real)}.pyx" for isa, family, real in rows}
    sources = Path(__file__).parents[1] / "lrncore" / "kernels"  # a wheel has none
    assert {path.name for path in sources.glob("_*_*.pyx")} == expected


def test_public_functions_use_the_chosen_kernels():
    found = kernels.load(kernels.isa)
    for dtype in (*cases.DTYPES, *cases.HALVES):
        assert _checks.element_of(dtype).kernels is found[dtype.name]


def test_best_is_chosen(python):
    assert python(CHOSEN) == kernels.available()[0]


def test_empty_cap_is_no_cap(python):
    assert python(CHOSEN, LRNCORE_ISA="") == kernels.available()[0]


@pytest.mark.parametrize("cap", kernels.INSTRUCTION_SETS)
def test_cap(cap, python):
    rank = kernels.INSTRUCTION_SETS.index(cap)
    expected = next(isa for isa in kernels.available() if kernels.INSTRUCTION_SETS.index(isa) >= rank)
    assert python(CHOSEN, LRNCORE_ISA=cap) == expected


def test_show_config_as_dicts():
    config = lrncore.show_config(mode="dicts")
    assert config["lrncore"] == lrncore.__version__
    assert config["instruction_set"] == kernels.isa
    assert config["available"] == list(kernels.available())
    assert config["threads"] == lrncore.get_num_threads()


def test_show_config_prints_each_entry_on_a_line(capsys):
    assert lrncore.show_config() is None
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == list(lrncore.show_config(mode="dicts"))


def test_show_config_prints_the_instruction_set_in_use(python):
    printed = python("import lrncore; lrncore.show_config()", LRNCORE_ISA="baseline").splitlines()
    assert ["instruction_set", "baseline"] in [line.split() for line in printed]
