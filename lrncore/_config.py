"""What lrncore runs on."""

from __future__ import annotations

import os
import platform
from typing import Literal

import numpy as np

from lrncore import _threads, kernels
from lrncore._version import __version__
from lrncore.kernels import _platform


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, object] | None:
    """Show lrncore's version, instruction sets and threads, and whether its calls find processors busy now.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, optional
        Print it, or return it as a dict.

    Returns
    -------
    dict or None
        With ``mode="dicts"``, the same as a dict.

    Raises
    ------
    ValueError
        If `mode` is neither.

    Examples
    --------
    >>> import lrncore
    >>> sorted(lrncore.show_config(mode="dicts"))
    ['available', 'instruction_set', 'lrncore', 'numpy', 'openmp', 'processor', 'python', 'teams', 'threads']
    """
    config: dict[str, object] = {
        "lrncore": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "processor": platform.machine(),
        "instruction_set": kernels.isa,
        "available": list(kernels.available()),
        "openmp": _platform.openmp() or None,
        "threads": _threads.get_num_threads(),
        "teams": _threads.state(),
    }
    if mode == "dicts":
        return config
    if mode != "stdout":
        raise ValueError(f"mode must be 'stdout' or 'dicts', got {mode!r}")
    for name, value in config.items():
        print(f"{name:16} {', '.join(value) if isinstance(value, list) else value}")
    return None


def get_include() -> str:
    """Return the folder of the C headers: lrncore_api.h for extension modules, lrncore.h for the C library.

    Returns
    -------
    str
        An absolute path, to be given to the compiler as an include directory.

    Examples
    --------
    >>> import os, lrncore
    >>> sorted(os.listdir(lrncore.get_include()))
    ['lrncore.h', 'lrncore_api.h']
    """
    # pathlib would take a third of the import's time
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "include")  # noqa: PTH100, PTH118, PTH120
