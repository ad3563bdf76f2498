"""`lrncore.torch.replace` and `restore`: the layers of a whole model."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any, TypeVar, cast

from torch import nn

from lrncore._public import public
from lrncore._torch_function import local_response_norm
from lrncore._torch_layers import LearnableLocalResponseNorm, LocalResponseNorm
from lrncore._torch_norm_layers import TWINS

Model = TypeVar("Model", bound=nn.Module)
Maker = Callable[[Any], nn.Module]
Makers = Mapping[type[nn.Module], Maker]

LIKE_LRN = re.compile(r"LRN|Lrn|^lrn|[Rr]esponse_?[Nn]orm|[Cc]ross_?[Mm]ap")
OURS = LocalResponseNorm, LearnableLocalResponseNorm


@public("lrncore.torch")
def replace(model: Model, classes: Makers | None = None, *, inplace: bool = False, norms: bool = False) -> Model:
    """Let every `torch.nn.LocalResponseNorm` of a model compute with lrncore, and its other norms too if wanted.

    Parameters
    ----------
    model : torch.nn.Module
        The model, or such a layer itself.
    classes : mapping of class to function, optional
        What else to replace: a layer of exactly that class becomes what the function, given the layer, returns.
    inplace : bool, optional
        Change `model` itself, not a copy of it.
    norms : bool, optional
        Replace ``BatchNorm1d`` to ``3d``, ``GroupNorm``, ``InstanceNorm1d`` to ``3d``, ``LayerNorm`` and
        ``RMSNorm`` of `torch.nn` as well.

    Returns
    -------
    torch.nn.Module
        A deep copy of `model`, or `model` itself, in which those layers are lrncore's. Parameters,
        buffers, hooks, training flags and modules that have several owners stay as they are. A layer that a
        function of `classes` makes gets the training flag of the old one and its hooks for both passes.

    Raises
    ------
    TypeError
        If `model` is not a module, `classes` is not such a mapping, or a function returns something else.

    Warns
    -----
    UserWarning
        If there was nothing to replace, or something was left that looks like an LRN: by the name of its class, or
        since it calls `torch.nn.functional.local_response_norm`.

    See Also
    --------
    restore : The way back.

    Notes
    -----
    What may compute something else is left alone, unless `classes` names it: subclasses of
    `torch.nn.LocalResponseNorm`, and the older `torch.nn.CrossMapLRN2d`. The sums of that are wrong: the square of
    the first channel stays in those of all later channels. So the outputs of these change when it is replaced, from
    channel ``(size + 1) // 2`` on; a network that was trained with it may need some more training.

    Examples
    --------
    >>> import torch, lrncore.torch
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5), torch.nn.ReLU(), torch.nn.LocalResponseNorm(5))
    >>> model = lrncore.torch.replace(model)
    >>> model[2]
    lrncore.LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)

    >>> def corrected(old):
    ...     return lrncore.torch.LocalResponseNorm(old.size, old.alpha, old.beta, old.k)
    >>> older = torch.nn.Sequential(torch.nn.CrossMapLRN2d(5))
    >>> lrncore.torch.replace(older, {torch.nn.CrossMapLRN2d: corrected})
    Sequential(
      (0): lrncore.LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)
    )
    """
    _check_model(model)
    makers = _check_classes(classes)
    if not inplace:
        model = copy.deepcopy(model)
    model, changed = _exchanged(model, lambda module: makers.get(type(module)))
    twins = {nn.LocalResponseNorm: LocalResponseNorm, **(TWINS if norms else {})}
    for module in model.modules():
        if type(module) in twins:
            # whoever refers to it keeps it, and it keeps its hooks: only the forward is another
            module.__class__ = twins[type(module)]
            changed += 1
    ours = (*OURS, *TWINS.values()) if norms else OURS
    if not changed and not any(isinstance(module, ours) for module in model.modules()):
        wanted = " or ".join(
            ["torch.nn.LocalResponseNorm", *(each.__name__ for each in makers), *["other norm"] * norms]
        )
        warnings.warn(f"replace found no {wanted} in {type(model).__name__}", stacklevel=2)
    if left := list(_left(model)):
        warnings.warn(
            f"replace left what looks like an LRN: {', '.join(left)}; `classes` says what to make of a class",
            stacklevel=2,
        )
    return model


@public("lrncore.torch")
def restore(model: Model, *, inplace: bool = False) -> Model:
    """Let the layers of a model that compute with lrncore be `torch.nn.LocalResponseNorm` again.

    Parameters
    ----------
    model : torch.nn.Module
        The model, or such a layer itself.
    inplace : bool, optional
        Change `model` itself, not a copy of it.

    Returns
    -------
    torch.nn.Module
        A deep copy of `model`, or `model` itself, without lrncore: it can be saved and loaded where that is not
        installed. A `LearnableLocalResponseNorm` is fixed at its present alpha, beta and k.

    Raises
    ------
    TypeError
        If `model` is not a module.

    Warns
    -----
    UserWarning
        If a layer was left, since PyTorch has none along those dimensions.

    See Also
    --------
    replace : The way there.

    Examples
    --------
    >>> import torch, lrncore.torch
    >>> model = torch.nn.Sequential(torch.nn.ReLU(), lrncore.torch.LearnableLocalResponseNorm(5, k=2.0))
    >>> lrncore.torch.restore(model)[1].k
    2.0
    """
    _check_model(model)
    if not inplace:
        model = copy.deepcopy(model)
    names = {twin: each for each, twin in TWINS.items()}
    for module in model.modules():
        if type(module) in names:
            module.__class__ = names[type(module)]
    layers = [module for module in model.modules() if type(module) in OURS]
    left = [layer for layer in layers if layer.dim not in {1, (1,)}]
    for layer in layers:
        if type(layer) is LocalResponseNorm and layer not in left:
            layer.__dict__.pop("dim", None)
            layer.__class__ = nn.LocalResponseNorm
    learned = {layer for layer in layers if type(layer) is LearnableLocalResponseNorm} - set(left)
    model, _ = _exchanged(model, lambda module: _fixed if module in learned else None)
    if left:
        warnings.warn(
            f"restore left {', '.join(map(str, left))}: torch.nn.LocalResponseNorm has no `dim`", stacklevel=2
        )
    return model


def _check_model(model: object) -> None:
    """Check that a model is a module."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")


def _check_classes(classes: Makers | None) -> Makers:
    """Return `classes`, a mapping from modules' classes to functions."""
    if classes is None:
        return {}
    if not isinstance(classes, Mapping):
        raise TypeError(f"classes must be a mapping from a class to a function, got {classes!r}")
    for each, make in classes.items():
        if not (isinstance(each, type) and issubclass(each, nn.Module)):
            raise TypeError(f"classes must map subclasses of torch.nn.Module, got {each!r}")
        if not callable(make):
            raise TypeError(f"classes must map {each.__name__} to a function, got {make!r}")
    return classes


def _exchanged(model: Model, maker_of: Callable[[nn.Module], Maker | None]) -> tuple[Model, int]:
    """Return a model in which each module that has a maker is what that makes, and how many were made."""
    made: dict[nn.Module, nn.Module] = {}

    def exchanged(module: nn.Module) -> nn.Module:
        make = maker_of(module)
        if make is not None and module not in made:
            made[module] = _made(module, make)
        return made.get(module, module)

    modules = list(model.modules())
    model = cast("Model", exchanged(model))
    for parent in modules:
        for name, child in parent._modules.items():
            if child is not None:
                parent._modules[name] = exchanged(child)
    return model, len(made)


def _made(old: nn.Module, make: Maker) -> nn.Module:
    """Return the layer that is made of an old one, in the same mode and with the same hooks."""
    new = make(old)
    if not isinstance(new, nn.Module):
        raise TypeError(f"classes[{type(old).__name__}] must return a torch.nn.Module, got {type(new).__name__}")
    new.train(old.training)
    for name, hooks in vars(old).items():
        if isinstance(hooks, dict) and hooks and re.match("_(forward|backward).*_hooks", name):
            vars(new)[name].update(hooks)
            new._is_full_backward_hook = old._is_full_backward_hook
    return new


def _fixed(layer: LearnableLocalResponseNorm) -> nn.Module:
    """Return PyTorch's layer with the present parameters of one that learns."""
    return nn.LocalResponseNorm(layer.size, layer.alpha.item(), layer.beta.item(), layer.k.item())


def _left(model: nn.Module) -> Iterator[str]:
    """Say which modules look like an LRN and are not lrncore's."""
    for name, module in model.named_modules():
        if any(isinstance(each, OURS) for each in module.modules()):
            title = ""  # of what holds one, the name says nothing
        else:
            title = getattr(module, "original_name", type(module).__name__)  # the first: of scripted ones
        where = " ".join([name, f"({type(module).__name__})"] if name else [type(module).__name__])
        if LIKE_LRN.search(title) or (isinstance(module, nn.LocalResponseNorm) and not isinstance(module, OURS)):
            yield where
        elif not isinstance(module, OURS) and any(map(_calls_lrn, _methods(type(module)))):
            yield f"{where}, which calls torch.nn.functional.local_response_norm"


def _methods(kind: type) -> Iterator[FunctionType]:
    """Return the functions of a class that are not PyTorch's."""
    for each in kind.__mro__:
        if not each.__module__.startswith("torch.nn."):
            yield from (method for method in vars(each).values() if isinstance(method, FunctionType))


def _calls_lrn(method: FunctionType) -> bool:
    """Return whether a method calls a function of that name which is not lrncore's."""
    names = method.__code__.co_names
    if local_response_norm.__name__ not in names or "lrncore" in names:
        return False
    found = [method.__globals__.get(name) for name in names]
    modules = (getattr(each, "__module__", getattr(each, "__name__", "")) for each in found)
    return "lrncore.torch" not in modules
