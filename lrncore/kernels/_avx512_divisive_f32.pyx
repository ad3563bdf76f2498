# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, binding=False
# cython: freethreading_compatible=True
include "divisive/divisive.pxi"
