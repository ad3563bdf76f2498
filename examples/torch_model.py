"""A PyTorch model with Local Response Normalization, made faster by one line.

Builds a network of AlexNet's layers with random weights, replaces its LRN, checks that outputs and gradients agree,
and prints what share of the time LRN takes and how much faster the whole model became. The share is what a model
takes longer than its other layers alone, so a small one may come out as less than nothing. Nothing is downloaded.
Needs PyTorch.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

try:
    import torch
except ImportError:
    print("This example needs PyTorch: pip install torch", file=sys.stderr)
    sys.exit(2)

from torch import Tensor, nn

import lrncore.torch

IMAGES, SIDE, CLASSES = 2, 224, 100
ROUNDS = 11
# of the largest value, in float32
TOLERANCE = 1e-4
WIDTH = 78


def main() -> None:
    """Replace the layers, compare, measure and print the table."""
    model = alexnet()
    faster = lrncore.torch.replace(model)  # the one line
    images = torch.randn(IMAGES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    rule("A network of AlexNet's layers with random weights")
    print(f" measured with           PyTorch {torch.__version__}, {IMAGES} images of 3 x {SIDE} x {SIDE}, float32")
    for name, run in PASSES.items():
        print(f" {name:23} results differ by {apart(run, model, faster, images):.0e} of the largest at most")
    rule(f"medians of {ROUNDS} calls, taking turns")
    print(f" {'':23} {'share of LRN: PyTorch':>22} {'lrncore':>9} {'whole model':>18}")
    models = {"PyTorch": model, "lrncore": faster, "no LRN": without_lrn(model)}
    for threads in sorted({1, min(2, torch.get_num_threads())}):
        torch.set_num_threads(threads)
        for name, run in PASSES.items():
            seconds = medians({kind: partial(run, each, images) for kind, each in models.items()})
            before, after = (1 - seconds["no LRN"] / seconds[kind] for kind in ("PyTorch", "lrncore"))
            title = f"{name}, {threads} thread{'s' * (threads > 1)}"
            factor = seconds["PyTorch"] / seconds["lrncore"]
            print(f" {title:23} {before:22.0%} {after:9.0%} {factor:9.2f} x faster")
    rule()


def alexnet() -> nn.Sequential:
    """Return the layers of AlexNet in one tower, with a smaller classifier and seeded random weights."""
    torch.manual_seed(0)
    lrn = partial(nn.LocalResponseNorm, size=5, alpha=1e-4, beta=0.75, k=2.0)
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 11, stride=4, padding=2), nn.ReLU(), lrn(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), lrn(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Flatten(), nn.Linear(256 * 6 * 6, CLASSES)),
    )


def without_lrn(model: nn.Sequential) -> nn.Sequential:
    """Return the same layers but for LRN: what remains of the time is not its part."""
    return nn.Sequential(*(layer for layer in model if not isinstance(layer, nn.LocalResponseNorm)))


@torch.inference_mode()
def inference(model: nn.Sequential, images: Tensor) -> Tensor:
    """Return the outputs."""
    outputs: Tensor = model(images)
    return outputs


def gradients(model: nn.Sequential, images: Tensor) -> Tensor:
    """Return the gradient of a loss with respect to the first layer's weights, having computed all others too."""
    labels = torch.arange(len(images)) % CLASSES
    loss = nn.functional.cross_entropy(model(images), labels)
    return torch.autograd.grad(loss, list(model.parameters()))[0]


PASSES = {"inference": inference, "gradients": gradients}


def apart(run: Callable[..., Tensor], model: nn.Sequential, faster: nn.Sequential, images: Tensor) -> float:
    """Return how far the results of both models are apart, in parts of the largest; exit if that is too far."""
    expected, found = run(model, images), run(faster, images)
    difference = float((found - expected).abs().max() / expected.abs().max())
    if not difference <= TOLERANCE:
        sys.exit(f"the models differ: {difference:.0e} of the largest value")
    return difference


def rule(title: str = "") -> None:
    """Print a line across the table, with a title."""
    print(f"── {title} ".ljust(WIDTH, "─") if title else "─" * WIDTH)


def medians(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median seconds of each call, the calls taking turns, after a round that is not timed."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(values[1:]) for name, values in seconds.items()}


if __name__ == "__main__":
    main()
