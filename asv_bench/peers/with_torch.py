"""PyTorch: `local_response_norm` and its autograd, as they are and through torch.compile.

Packed data is a view with its channels permuted to axis 1, which is what "channels last" is in PyTorch.
"""

import torch
from torch.nn.functional import local_response_norm

from .plan import BOTH, FORWARD


def eager(problem):
    return prepare(problem, local_response_norm)


def compiled(problem):
    torch.compiler.reset()
    return prepare(problem, torch.compile(local_response_norm, dynamic=False))


def prepare(problem, function):
    torch.set_num_threads(problem.threads)
    parameters = (problem.size, problem.alpha, problem.beta, problem.k)
    x, g = (channels_first(torch.from_numpy(array), problem.packed) for array in (problem.x, problem.g))
    leaf = x.detach().requires_grad_()

    @torch.no_grad()
    def forward():
        return restored(function(x, *parameters), problem.packed)

    def both():
        y = function(leaf, *parameters)
        (dx,) = torch.autograd.grad(y, leaf, g)
        return restored(y.detach(), problem.packed), restored(dx, problem.packed)

    return {FORWARD: forward, BOTH: both}


def channels_first(array, packed):
    return array.permute(0, 3, 1, 2) if packed else array


def restored(array, packed):
    return array.permute(0, 2, 3, 1) if packed else array
