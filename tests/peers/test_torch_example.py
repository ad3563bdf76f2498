"""examples/torch_model.py: it runs, its results agree, and it says what it needs."""

from pathlib import Path

from comparison import peer

torch = peer("torch", "torch")

EXAMPLE = Path(__file__).parents[2] / "examples" / "torch_model.py"


def test_it_measures_a_model_whose_results_agree(python):
    program = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"
    printed = python(program, str(EXAMPLE))
    assert printed.count("results differ by") == 2
    assert "x faster" in printed


def test_it_says_what_to_install(python):
    program = """
import runpy, sys
sys.modules["torch"] = None  # as where it is not installed
sys.stderr = sys.stdout
try:
    runpy.run_path(sys.argv[1], run_name="__main__")
except SystemExit as stop:
    print(stop.code)
"""
    assert python(program, str(EXAMPLE)).splitlines() == ["This example needs PyTorch: pip install torch", "2"]
