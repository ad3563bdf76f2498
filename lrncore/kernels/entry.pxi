# The calls of the Python face: its arrays' buffers, checked, and its errors.

cdef enum:
    MOST_SHARES = 256       # that are told of


cdef int check_buffers(Py_buffer** views, Request* request) except -1:
    cdef bint same = True
    cdef int which, i, form = form_of(views[X], request.swapped & 1)
    for which in range(OPERANDS):
        if which == X or views[which] != views[X]:
            check_form(views[which], request.swapped >> which & 1, form)
            same = same and of_one_shape(views[which], views[X])
    for i in range(request.count):
        same = same and (request.axes[i - 1] if i else -1) < request.axes[i] < views[X].ndim
    if not same:
        raise of_another_shape(views, f" and axes {tuple([request.axes[i] for i in range(request.count)])}")
    request.form = <Form>form
    return 0


# Returns False, with nothing done, if `y` overlaps an input so that it cannot be written in place.
cdef bint apply(const Operator* op, x, g, y, Request request, Totals* totals) except -1:
    cdef Py_buffer buffers[OPERANDS]
    cdef Py_buffer* views[OPERANDS]
    cdef Shortage shortage
    cdef Outcome outcome
    cdef int which, wanted = PyBUF_STRIDES | PyBUF_FORMAT
    memset(buffers, 0, sizeof(buffers))     # releasing one that was not taken does nothing
    views[X] = &buffers[X]                  # and stands in for what the operator does not have
    views[G] = &buffers[G] if op.reads_g else views[X]
    views[Y] = &buffers[Y] if op.writes else views[X]
    try:
        PyObject_GetBuffer(x, &buffers[X], wanted)
        if op.reads_g:
            PyObject_GetBuffer(g, &buffers[G], wanted)
        if op.writes:
            PyObject_GetBuffer(y, &buffers[Y], wanted | PyBUF_WRITABLE)
        check_buffers(views, &request)
        with nogil:
            outcome = dispatch(op, views, request, totals, &shortage)
    finally:
        for which in range(OPERANDS):
            PyBuffer_Release(&buffers[which])
    if outcome == NO_MEMORY:
        raise MemoryError(f"{shortage.parts} times {shortage.bytes} bytes of scratch")
    if outcome == TOO_LONG:
        raise MemoryError("a window longer than any memory")
    return outcome == DONE


cdef Request request_of(tuple axes, tuple spec, int threads, int swapped) except *:
    cdef Request request
    request.count = 0
    for axis in axes[:MAX_DIMS]:
        request.axes[request.count] = axis
        request.count += 1
    request.before, request.after, request.scale, request.beta, request.k = spec
    request.threads = threads
    request.swapped = swapped
    request.results = NULL
    return request


# `spec` is (before, after, scale, beta, k). Bits 0, 1 and 2 of `swapped` say that the bytes of x, of the other input
# and of the output are.

def forward(x, y, tuple axes not None, tuple spec not None, int threads, int swapped, /):
    """Write ``x * (k + scale * sum x^2)^-beta`` into `y`; False if the two overlap, with nothing written."""
    return apply(&FORWARD, x, None, y, request_of(axes, spec, threads, swapped), NULL)


def backward(g, x, y, tuple axes not None, tuple spec not None, int threads, int swapped, /):
    """Write the gradient with respect to `x` into `y`; False if `y` overlaps `g` or `x`, with nothing written."""
    return apply(&BACKWARD, x, g, y, request_of(axes, spec, threads, swapped), NULL)


def tangent(dx, x, y, tuple axes not None, tuple spec not None, int threads, int swapped, /):
    """Write the forward's derivative along `dx` into `y`; False if `y` overlaps `dx` or `x`, with nothing written."""
    return apply(&TANGENT, x, dx, y, request_of(axes, spec, threads, swapped), NULL)


def parameters(g, x, tuple axes not None, tuple spec not None, int threads, int swapped, /):
    """Return the derivatives of ``sum(g * y)`` with respect to scale, beta and k."""
    cdef Totals totals[PARTIAL_TOTALS]
    cdef Totals whole
    cdef int i
    memset(totals, 0, sizeof(totals))
    memset(&whole, 0, sizeof(whole))
    apply(&PARAMETERS, x, g, None, request_of(axes, spec, threads, swapped), totals)
    for i in range(PARTIAL_TOTALS):
        add_total(&whole.scale, &totals[i].scale)
        add_total(&whole.beta, &totals[i].beta)
        add_total(&whole.k, &totals[i].k)
    return whole.scale.sum + whole.scale.rest, whole.beta.sum + whole.beta.rest, whole.k.sum + whole.k.rest


def shares(name, x, y, tuple axes not None, tuple spec not None, int threads, int swapped, /):
    """Return how many results each thread of a call of `name` with such arrays would have; nothing is computed."""
    cdef const Operator* op = &BACKWARD if name == "backward" else &TANGENT if name == "tangent" else &FORWARD
    cdef Request request = request_of(axes, spec, threads, swapped)
    cdef Py_ssize_t[MOST_SHARES] results
    memset(results, 0, sizeof(results))
    request.results = results
    request.threads = min(request.threads, <int>MOST_SHARES)
    apply(op, x, x, y, request, NULL)
    return [results[i] for i in range(MOST_SHARES) if results[i]]


def recomputed():
    """Return how many vectors of doubles were computed exactly, each with a power, since the import."""
    return vectors_so_far(&recomputed_vectors)


def summed():
    """Return how many vectors entered the sums of long windows since the import, for what was computed exactly."""
    return vectors_so_far(&summed_vectors)


#: Lanes of a vector of this build's element type, and of one of doubles
lanes = LANES
wide_lanes = WIDE_LANES

#: What C calls: see c_face.h
entry = PyCapsule_New(<void*>enter, "lrncore.kernels.entry", NULL)

define_operators()
