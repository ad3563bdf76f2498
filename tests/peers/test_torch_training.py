"""Networks with lrncore.torch: `replace` changes the LRN and nothing else, and training goes the same way."""

import copy
import pickle

import pytest
from comparison import peer

torch = peer("torch", "torch")
from torch import nn  # noqa: E402  (after the skip)

import lrncore.torch  # noqa: E402

STEPS = 20


def cifar():
    """Return a small network in the style of the CIFAR-10 tutorials: LRN once after, once before pooling."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 12, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.LocalResponseNorm(9, alpha=1.0, beta=0.75, k=1.0),
        nn.Conv2d(12, 16, 5, padding=2),
        nn.ReLU(),
        nn.LocalResponseNorm(4, alpha=0.5, beta=0.5, k=2.0),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 4 * 4, 10),
    ).double()


def examples():
    """Return images of noise on ten patterns, and which pattern it is."""
    generator = torch.Generator().manual_seed(1)
    patterns = torch.randn(10, 3, 16, 16, generator=generator, dtype=torch.float64)
    labels = torch.arange(32) % 10
    noise = torch.randn(32, 3, 16, 16, generator=generator, dtype=torch.float64)
    return patterns[labels] + noise, labels


def losses(model):
    """Train for some steps, and return the loss before each."""
    images, labels = examples()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    found = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def kinds(model):
    return [type(module) for module in model.modules() if isinstance(module, nn.LocalResponseNorm)]


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_losses_of_torch_step_by_step(memory_format):
    model = cifar().to(memory_format=memory_format)
    found, expected = losses(lrncore.torch.replace(model)), losses(model)
    assert found == pytest.approx(expected, rel=1e-9)
    assert expected[-1] < 0.5 * expected[0]


def test_every_parameter_gets_its_gradient():
    images, labels = examples()
    model = cifar()
    replaced = lrncore.torch.replace(model)
    for network in (model, replaced):
        nn.functional.cross_entropy(network(images), labels).backward()
    for expected, found in zip(model.parameters(), replaced.parameters(), strict=True):
        assert expected.grad.abs().max() > 0
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-10, atol=1e-12)


def test_replace_changes_a_copy():
    model = cifar()
    replaced = lrncore.torch.replace(model)
    assert kinds(replaced) == [lrncore.torch.LocalResponseNorm] * 2
    assert kinds(model) == [nn.LocalResponseNorm] * 2


def test_replace_in_place():
    model = cifar()
    parameters = list(model.parameters())
    assert lrncore.torch.replace(model, inplace=True) is model
    assert kinds(model) == [lrncore.torch.LocalResponseNorm] * 2
    assert all(after is before for after, before in zip(model.parameters(), parameters, strict=True))


def test_replace_when_the_model_is_the_layer():
    layer = lrncore.torch.replace(nn.LocalResponseNorm(3, alpha=1.0, beta=0.5, k=2.0))
    assert type(layer) is lrncore.torch.LocalResponseNorm
    assert repr(layer) == "lrncore.LocalResponseNorm(3, alpha=1.0, beta=0.5, k=2.0)"


def test_replace_finds_layers_at_any_depth():
    model = nn.ModuleDict({"outer": nn.ModuleList([nn.Sequential(nn.LocalResponseNorm(3))])})
    assert kinds(lrncore.torch.replace(model)) == [lrncore.torch.LocalResponseNorm]


def test_replace_twice():
    model = lrncore.torch.replace(cifar())
    assert kinds(lrncore.torch.replace(model)) == kinds(model)


def test_replace_keeps_the_state():
    model = cifar()
    state = lrncore.torch.replace(model).state_dict()
    assert list(state) == list(model.state_dict())
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


def test_replace_keeps_buffers_and_attributes_of_the_layer():
    model = cifar()
    model[3].register_buffer("calls", torch.tensor(3))
    model[3].label = "norm1"
    layer = lrncore.torch.replace(model)[3]
    assert (layer.calls, layer.label) == (3, "norm1")


@pytest.mark.parametrize("training", [True, False])
def test_replace_keeps_the_training_flag(training):
    model = cifar().train(training)
    assert {module.training for module in lrncore.torch.replace(model).modules()} == {training}


def test_replace_keeps_hooks():
    seen = []
    model = cifar()
    model[3].register_forward_pre_hook(lambda _layer, _inputs: seen.append("before"))
    model[3].register_forward_hook(lambda _layer, _inputs, _output: seen.append("after"))
    model[3].register_full_backward_hook(lambda _layer, _to, _from: seen.append("backward"))
    lrncore.torch.replace(model)(examples()[0]).sum().backward()
    assert seen == ["before", "after", "backward"]


def test_replace_keeps_what_is_shared():
    layer, convolution = nn.LocalResponseNorm(3), nn.Conv2d(4, 4, 1)
    model = lrncore.torch.replace(nn.Sequential(convolution, layer, convolution, layer))
    assert model[1] is model[3]
    assert model[0].weight is model[2].weight
    assert model[0] is not convolution


class Doubled(nn.LocalResponseNorm):
    """What someone else makes of the layer."""

    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize("layer", [Doubled(3), nn.CrossMapLRN2d(3), nn.BatchNorm2d(3)], ids=repr)
def test_replace_leaves_other_layers(layer):
    assert type(lrncore.torch.replace(nn.Sequential(layer))[0]) is type(layer)


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])  # noqa: S301
def test_replaced_model_can_be_copied(twin):
    model, (images, _) = lrncore.torch.replace(cifar()), examples()
    assert torch.equal(twin(model)(images), model(images))
