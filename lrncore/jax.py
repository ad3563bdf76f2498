"""JAX: LRN of jax.Array under jit, vmap and grad. The arithmetic is that of lrncore, on the host."""

try:
    import jax
except ImportError as error:
    raise ImportError("lrncore.jax needs JAX: pip install jax") from error

from lrncore._jax import local_response_norm, lrn

__all__ = ["local_response_norm", "lrn"]

del jax
