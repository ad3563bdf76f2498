"""Draw docs/large_means.svg: how far the norms of several libraries are from their formulas as the mean grows.

It draws what large_means.json holds. `--measure` measures that again before, with the libraries that are installed.
"""

import importlib.util
import math
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from _style import MUTED, PEERS, blank, machine, measured_on, note, recorded, save
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

import lrncore

SHAPE, GROUPS = (4, 32, 32, 32), 8
MEANS = (0.0, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)
#: A norm, and the axes that its sets span; of groups, of images of groups
NORMS = {"batch": (0, 2, 3), "group": (2, 3, 4), "layer": (1, 2, 3), "instance": (2, 3)}
#: Below everything, and where NaN is drawn
LOWEST, HIGHEST = 3e-8, 3e4
LABELS = {
    "lrncore": "lrncore, either layout",
    "numpy": "NumPy, x.mean and x.var",
    "torch": "torch",
    "onnxruntime": "onnxruntime",
    "jax": "flax, default",
}
LAYOUTS = ("planar", "packed")


def main() -> None:
    """Draw the picture."""
    draw(recorded("large_means", measured))


def measured(shape: tuple[int, ...] = SHAPE) -> dict[str, Any]:
    """Return a row for each norm, library and layout: the largest error at each mean, of the largest element."""
    libraries = {"numpy": (), "torch": ("torch",), "onnxruntime": ("onnxruntime", "onnx"), "jax": ("jax", "flax")}
    names = [name for name, modules in libraries.items() if all(map(importlib.util.find_spec, modules))]
    rows = []
    for name in ["lrncore", *names]:
        call = globals()[f"with_{name}"]
        for norm in NORMS:
            for layout in LAYOUTS:
                errors = [error(call, norm, layout, shape, mean) for mean in MEANS]
                if errors[0] is not None:
                    found = [each if each is not None and math.isfinite(each) else None for each in errors]
                    rows.append({"norm": norm, "peer": name, "layout": layout, "errors": found})
    versions = [f"flax {version('flax')}"] if "jax" in names else []
    on = machine([name for name in names if name != "numpy"])
    return {**on, "versions": on["versions"] + versions, "shape": shape, "means": MEANS, "rows": rows}


def error(call: Callable[..., Any], norm: str, layout: str, shape: tuple[int, ...], mean: float) -> float | None:
    """Return an error, infinite for NaN; None where there is nothing to call."""
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32) + np.float32(mean)
    axes = NORMS[norm]
    split = x.reshape(shape[0], GROUPS, -1, *shape[2:]) if norm == "group" else x
    wide = split.astype(np.longdouble)
    wide = wide - wide.mean(axes, keepdims=True)
    exact = (wide / np.sqrt((wide * wide).mean(axes, keepdims=True) + 1e-5)).reshape(shape)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        y = call(norm, layout, x)
    if y is None:
        return None
    found = float(abs(np.asarray(y) - exact).max() / abs(exact).max())
    return float(f"{found:.3g}") if math.isfinite(found) else math.inf


def in_memory(x: np.ndarray, layout: str) -> np.ndarray:
    """Return x with its channels nearest in memory, if they are, on axis 1 all the same."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if layout == "packed" else x


def with_lrncore(norm: str, layout: str, x: np.ndarray) -> Any:
    """Call lrncore's functions."""
    x = in_memory(x, layout)
    calls = {
        "batch": lambda: lrncore.batch_norm_train(x)[0],
        "group": lambda: lrncore.group_norm(x, GROUPS),
        "layer": lambda: lrncore.layer_norm(x, (1, 2, 3)),
        "instance": lambda: lrncore.instance_norm(x),
    }
    return calls[norm]()


def with_numpy(norm: str, layout: str, x: np.ndarray) -> Any:
    """Call NumPy, as one writes it down."""
    if layout == "packed":
        return None
    axes = NORMS[norm]
    split = x.reshape(x.shape[0], GROUPS, -1, *x.shape[2:]) if norm == "group" else x
    y = (split - split.mean(axes, keepdims=True)) / np.sqrt(split.var(axes, keepdims=True) + np.float32(1e-5))
    return y.reshape(x.shape)


def with_torch(norm: str, layout: str, x: np.ndarray) -> Any:
    """Call PyTorch's functions."""
    import torch  # noqa: PLC0415  (optional, as all peers are)

    tensor = torch.from_numpy(in_memory(x, layout))
    functional = torch.nn.functional
    calls = {
        "batch": lambda: functional.batch_norm(tensor, None, None, training=True),
        "group": lambda: functional.group_norm(tensor, GROUPS),
        "layer": lambda: functional.layer_norm(tensor, tensor.shape[1:]),
        "instance": lambda: functional.instance_norm(tensor),
    }
    return calls[norm]().numpy()


def with_onnxruntime(norm: str, layout: str, x: np.ndarray) -> Any:
    """Call the operators of ONNX that need no statistics."""
    import onnx  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415

    if layout == "packed" or norm == "batch":
        return None
    channels = x.shape[1]
    one, zero = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    whole = np.ones(x.shape[1:], np.float32)
    operator, parameters, attributes = {
        "group": ("GroupNormalization", [one, zero], {"num_groups": GROUPS}),
        "layer": ("LayerNormalization", [whole, 0 * whole], {"axis": 1}),
        "instance": ("InstanceNormalization", [one, zero], {}),
    }[norm]
    names = ["x", "w", "b"]
    node = onnx.helper.make_node(operator, names, ["y"], **attributes)
    inputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names]
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph([node], "norm", inputs, [output])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(names, [x, *parameters], strict=True)))[0]


def with_jax(norm: str, layout: str, x: np.ndarray) -> Any:
    """Call Flax's layers as they are made by default, channels last."""
    import jax  # noqa: PLC0415
    from flax import linen  # noqa: PLC0415

    if layout == "planar":
        return None
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    layers = {
        "batch": linen.BatchNorm(use_running_average=False),
        "group": linen.GroupNorm(GROUPS, epsilon=1e-5),
        "layer": linen.LayerNorm(reduction_axes=(1, 2, 3), feature_axes=-1, epsilon=1e-5),
        "instance": linen.InstanceNorm(epsilon=1e-5),
    }
    y, _ = layers[norm].init_with_output(jax.random.PRNGKey(0), last)
    return np.moveaxis(np.asarray(y), -1, 1)


def draw(data: dict[str, Any]) -> None:
    """Draw a panel for each norm."""
    figure = blank(6.2)
    grid = figure.subplots(2, 2, sharex=True, sharey=True)
    for axes, norm in zip(grid.flat, NORMS, strict=True):
        axes.set_title(f"{norm} norm")
        show(axes, data["means"], [row for row in data["rows"] if row["norm"] == norm])
    for axes in grid[1]:
        axes.set_xlabel("mean, deviation 1")
    for axes in grid[:, 0]:
        axes.set_ylabel("largest error of y")
    names = [name for name in LABELS if any(row["peer"] == name for row in data["rows"])]
    handles = [Line2D([], [], color=PEERS[name][0], marker=PEERS[name][1], label=LABELS[name]) for name in names]
    handles.append(Line2D([], [], color=MUTED, ls="--", label="channels last"))
    figure.legend(handles=handles, loc="outside upper left", ncols=3, fontsize=9.5)
    size = " x ".join(map(str, data["shape"]))
    text = (
        f"{size}, float32, of the largest element; {GROUPS} groups. Exact is the formula in 80 bits; on top: NaN."
    )
    note(figure, text, measured_on(data))
    save(figure, "large_means")


def show(axes: Axes, means: list[float], rows: list[dict[str, Any]]) -> None:
    """Show a line for each library and layout."""
    places = range(len(means))
    for row in rows:
        colour, marker = PEERS[row["peer"]]
        heights = [HIGHEST if each is None else max(each, LOWEST) for each in row["errors"]]
        own = row["peer"] == "lrncore"
        dashed = "--" if row["layout"] == "packed" and not own else "-"
        axes.plot(
            places, heights, dashed, color=colour, marker=marker, ms=5, lw=2.2 if own else 1.3, zorder=2 + own
        )
    labels = [f"{mean:g}" if mean < 1e3 else f"1e{round(math.log10(mean))}" for mean in means]
    axes.set_xticks(places, labels)
    axes.set(yscale="log", ylim=(LOWEST, 2 * HIGHEST))


if __name__ == "__main__":
    main()
