"""What `lrncore.jax` exports."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from lrncore import functional
from lrncore._also import also
from lrncore._arrays import WANTED, advice, as_array, check_whole, native
from lrncore._checks import KERNELS, check_axes
from lrncore._public import public
from lrncore.spec import LRNSpec, check_spec, torch_spec


@public("lrncore.jax")
def lrn(x: jax.typing.ArrayLike, spec: LRNSpec, axis: int | tuple[int, ...] = 1) -> jax.Array:
    """Normalize each element by the squares of its neighbours along the channel axis, or along several.

    Works eagerly and inside `jax.jit`, `jax.vmap`, `jax.grad` and their compositions.

    Parameters
    ----------
    x : jax.Array or array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension. What is no jax.Array becomes one, which is float32 at most unless
        ``jax_enable_x64`` is set.
    spec : LRNSpec
        The window and the parameters. It is static: it has no gradient, and another spec compiles anew.
    axis : int or tuple of int, optional
        The channel axis, or the axes of a box; negative counts from the end. Inside `jax.vmap` the mapped axis does
        not count.

    Returns
    -------
    jax.Array
        Of x's shape and dtype. float16 and bfloat16 are computed in float32 and rounded once.

    Raises
    ------
    TypeError
        If `x` has another dtype, or an argument has the wrong type.
    ValueError
        If `axis` does not fit.

    See Also
    --------
    lrncore.lrn : The same for NumPy arrays, with the formula.

    Notes
    -----
    Both passes are calls back from XLA to the host (`jax.pure_callback`): an array on an accelerator is copied
    there and back, and one that is sharded over devices is gathered, unless `jax.shard_map` keeps its parts
    apart. On the CPU, XLA lets subnormal numbers be flushed to zero, here and on the way to a result, too; where
    there are none, the bits are those of `lrncore.lrn`.

    The gradient is that of `lrncore.lrn_backward`, in reverse mode, once. Forward mode (`jax.jvp`, `jax.jacfwd`)
    ends in JAX's TypeError "can't apply forward-mode autodiff (jvp) to a custom_vjp function", and a second
    derivative (`jax.grad` of `jax.grad`, `jax.hessian`) in its ValueError "Pure callbacks do not support JVP".

    Examples
    --------
    >>> import jax, jax.numpy as jnp, lrncore.jax
    >>> spec = lrncore.LRNSpec(before=0, after=0, scale=1.0, beta=1.0, k=1.0)  # y = x / (1 + x**2)
    >>> jax.jit(lambda x: lrncore.jax.lrn(x, spec))(jnp.array([[0.0, 2.0]]))
    Array([[0. , 0.4]], dtype=float32)
    >>> jax.grad(lambda x: lrncore.jax.lrn(x, spec).sum())(jnp.array([[0.0, 2.0]])).round(3)
    Array([[ 1.  , -0.12]], dtype=float32)
    """
    check_spec(spec)
    x = _as_array(x)
    # counted from the end, it stays right when vmap puts axes in front
    return _lrn(x, spec, tuple(each - x.ndim for each in check_axes(axis, x.ndim)))


@public("lrncore.jax")
@also("x", "input")
def local_response_norm(
    input: jax.typing.ArrayLike,  # noqa: A002  (PyTorch's name)
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    *,
    axis: int | tuple[int, ...] = 1,
) -> jax.Array:
    """Call `lrn` with the arguments and defaults of `torch.nn.functional.local_response_norm`.

    Parameters
    ----------
    input : jax.Array or array_like, float32, float64, float16 or bfloat16
        Any shape of at least one dimension. `x` is another name of it.
    size : int
        Channels in the window, at least 1. An even window reaches one channel further back than ahead.
    alpha, beta, k : float, optional
        As in PyTorch, which divides alpha by `size`. Like `size` they are static.
    axis : int or tuple of int, optional
        The channel axis, or the axes of a box: alpha is divided by ``size ** d`` over d axes.

    Returns
    -------
    jax.Array
        The normalized array, of x's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        As `lrn` and `lrncore.LRNSpec.torch` do.

    Examples
    --------
    >>> import jax.numpy as jnp, lrncore.jax
    >>> lrncore.jax.local_response_norm(jnp.full((1, 3), 2.0), 3, alpha=3.0, beta=1.0, k=0.0)
    Array([[0.25      , 0.16666667, 0.25      ]], dtype=float32)
    """
    return lrn(input, torch_spec(size, alpha, beta, k, axis), axis)


def _as_array(x: Any) -> jax.Array:
    """Return `x` as an array of JAX's, if that can be normalized."""
    if not isinstance(x, jax.Array):
        check_whole(x, "x")
        if not isinstance(x, list | tuple) and not hasattr(x, "__jax_array__"):
            x = native(as_array(x, "x"))
            _check(x.dtype)
        x = jnp.asarray(x)
    _check(x.dtype)
    return x


def _check(dtype: Any) -> None:
    """Check that arrays of a dtype can be normalized."""
    if dtype.name not in KERNELS:
        raise TypeError(f"x must be {WANTED}, got {dtype}; {advice(dtype, 'x', 'x.astype(jnp.float32)')}")


def _apply(function: Callable[..., Any], spec: LRNSpec, axes: tuple[int, ...], *arrays: jax.Array) -> jax.Array:
    """Call `function` of lrncore on the host; the last of `arrays` is x."""
    x = arrays[-1]
    result = jax.ShapeDtypeStruct(x.shape, x.dtype)
    return jax.pure_callback(partial(function, spec=spec, axis=axes), result, *arrays, vmap_method="broadcast_all")


# An eager call is compiled once for each spec and shape, too; a bare callback would be at every call.
_compiled = jax.jit(_apply, static_argnums=(0, 1, 2))


def _forward(x: jax.Array, spec: LRNSpec, axes: tuple[int, ...]) -> jax.Array:
    return _compiled(functional.lrn, spec, axes, x)


def _forward_and_residual(x: jax.Array, spec: LRNSpec, axes: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    return _forward(x, spec, axes), x


def _backward(spec: LRNSpec, axes: tuple[int, ...], x: jax.Array, g: jax.Array) -> tuple[jax.Array]:
    return (_compiled(functional.lrn_backward, spec, axes, g, x),)


_lrn = jax.custom_vjp(_forward, nondiff_argnums=(1, 2))
_lrn.defvjp(_forward_and_residual, _backward)
