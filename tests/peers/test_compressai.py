"""CompressAI's own layers and models with lrncore's in their place, as docs/howto/from_compressai.md says."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
from comparison import peer

import lrncore

torch = peer("torch", "torch")
layers = peer("compressai.layers", "compressai")
from compressai.models import ScaleHyperprior  # noqa: E402  (after the skip)

import lrncore.torch  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs/howto/from_compressai.md"


@pytest.fixture
def faster():
    """Return the page's function."""
    (program,) = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names = {}
    exec(program, names)  # noqa: S102
    return names["faster"]


def trained(layer):
    """Give a layer other parameters than its first ones, some beyond their bounds."""
    torch.manual_seed(0)
    with torch.no_grad():
        layer.gamma += 0.4 * torch.rand_like(layer.gamma) - 0.1
        layer.beta -= torch.linspace(0, 1.2, len(layer.beta))
    return layer


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("name", ["GDN", "GDN1"])
def test_a_layer_keeps_its_numbers_and_gradients(faster, name, inverse):
    theirs = torch.nn.Sequential(trained(getattr(layers, name)(8, inverse, beta_min=1e-3))).double().eval()
    ours = faster(copy.deepcopy(theirs))
    assert type(ours[0]) is lrncore.torch.GDN
    assert not ours[0].training
    x = torch.randn(2, 8, 6, 5, dtype=torch.float64, requires_grad=True)
    y, expected = ours(x), theirs(x)
    # its bounds are floats
    torch.testing.assert_close(y, expected, rtol=3e-8, atol=3e-8)
    g = torch.randn_like(y)
    found = torch.autograd.grad(y, (x, *ours.parameters()), g)
    right = torch.autograd.grad(expected, (x, *theirs.parameters()), g)
    for a, b in zip(found, right, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-7)


def test_an_array_has_the_numbers_of_a_layer():
    layer = trained(layers.GDN(6))
    gamma, beta = layer.gamma_reparam(layer.gamma), layer.beta_reparam(layer.beta)
    spec = lrncore.DivisiveSpec.compressai(gamma.detach().numpy(), beta.detach().numpy())
    x = torch.randn(1, 6, 4, 4)
    y = layer(x).detach().numpy()
    np.testing.assert_allclose(lrncore.divisive_norm(x.numpy(), spec), y, rtol=1e-5, atol=1e-6)
    for stored, effective, least in ((layer.gamma, gamma, 0.0), (layer.beta, beta, 1e-6)):
        found = lrncore.nonnegative(stored.detach().numpy(), least)
        np.testing.assert_allclose(found, effective.detach().numpy(), rtol=1e-6, atol=1e-12)


def test_a_model_of_theirs_codes_the_same(faster):
    torch.manual_seed(0)
    theirs = ScaleHyperprior(8, 12).eval()
    for layer in theirs.modules():
        if type(layer) is layers.GDN:
            trained(layer)
    ours = faster(copy.deepcopy(theirs))
    assert not any(type(layer) is layers.GDN for layer in ours.modules())
    x = torch.rand(1, 3, 64, 64)
    for found, expected in ((ours.g_a(x), theirs.g_a(x)), (ours(x)["x_hat"], theirs(x)["x_hat"])):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict(), strict=False)
