# The calls of the Python face.

cdef enum:
    # threads, explicit: a thread wakes in some 10 us, the time of this many elements
    ELEMENTS_PER_THREAD = 4096


# What the face says of a call besides the arrays
cdef struct Request:
    int axes
    bint kept[MAX_DIMS]             # axes of sets
    Py_ssize_t params[MAX_DIMS]     # strides of the parameters
    int threads
    int swapped
    Form form                       # of the arrays' elements


# The buffers after those of OPERANDS
cdef enum:
    WEIGHT = OPERANDS
    BIAS
    TAU
    DWEIGHT
    DBIAS
    DTAU
    DEPS
    MEAN
    VAR
    EACH_EPS
    BUFFERS


# Those with sums of their own depend on the shape alone: the same bits for any threads.
cdef int parts_of(const Job* job, Py_ssize_t elements, int threads) noexcept:
    cdef Py_ssize_t parts = threads
    if job.gradients:
        parts = min(<Py_ssize_t>MOST_PARTS, SUMS_BYTES // (24 * job.params.count), elements // ELEMENTS_PER_THREAD)
        if job.within and not job.columns:      # a part has its own sums to clear and to add up
            parts = min(parts, job.tasks // FLUSH)
        parts = max(<Py_ssize_t>1, parts)
    return <int>min(parts, job.tasks)


# Returns False, with nothing done, if `y` overlaps an input so that it cannot be written in place.
cdef bint dispatch(Job* job, Py_buffer** views, const Request* request) except -1:
    cdef Call call
    cdef void* memory = NULL
    cdef Py_ssize_t elements = 1
    cdef int i, threads
    cdef bint chunks
    cdef Room room
    for i in range(views[X].ndim):
        elements *= views[X].shape[i]
    if elements == 0:
        return True
    if not job.measures and (repeats(views[Y]) or not compatible(views[X], views[Y])
                             or not compatible(views[G], views[Y])):
        return False
    threads = <int>min(<Py_ssize_t>request.threads, max(<Py_ssize_t>1, elements // ELEMENTS_PER_THREAD))
    for i in range(OPERANDS):
        call.data[i] = <char*>views[i].buf
        job.operand[i].form, job.operand[i].item, job.operand[i].ahead = request.form, views[i].itemsize, 0
        job.operand[i].swapped = request.swapped >> i & 1
        job.operand[i].overwritten = False
    lay_out(job, views, request)
    if job.params.tau and (changes_in_sets(views[X], request) or (job.gradients and job.given)):
        raise ValueError("a threshold that changes within a set, or gradients with one where the statistics are given")

    set_stores(job, elements * views[X].itemsize >= FAR_BYTES and aligned(views[Y]))
    call.job = job[0]
    chunks = job.split and threads > 1
    call.parts = threads if chunks else 1 if job.split else parts_of(job, elements, threads)
    call.scratch = furnish(job, &room, NULL) - <char*>NULL
    call.tables = furnish_table(job, &room, NULL, job.chunks) - <char*>NULL
    if call.scratch <= (PY_SSIZE_T_MAX - ALIGNMENT) // 2 // call.parts:
        memory = malloc(call.parts * call.scratch + (job.tasks * call.tables if chunks else 0) + ALIGNMENT)
    if memory == NULL:
        raise MemoryError(f"{call.parts} times {call.scratch} bytes of scratch")
    call.memory = <char*>round_up(<Py_ssize_t>memory, ALIGNMENT)
    with nogil:
        if chunks:
            run_split(&call)
        else:
            run(&call, min(threads, call.parts))
    free(memory)
    return True


cdef bint changes_in_sets(const Py_buffer* x, const Request* request) noexcept:
    cdef int i
    for i in range(x.ndim):
        if x.shape[i] > 1 and not request.kept[i] and request.params[i] != 0:
            return True
    return False


cdef int check_buffers(Py_buffer** views, Request* request) except -1:
    cdef bint same = request.axes == views[X].ndim
    cdef int which, form = form_of(views[X], request.swapped & 1)
    for which in range(OPERANDS):
        check_form(views[which], request.swapped >> which & 1, form)
        same = same and of_one_shape(views[which], views[X])
    if not same:
        raise of_another_shape(views, "")
    request.form = <Form>form
    return 0


# Do the strides of the parameters stay within them?
cdef int check_strides(const Py_buffer* x, const Request* request, Py_ssize_t params) except -1:
    cdef Py_ssize_t last = 0, elements = 1
    cdef bint backward = False
    cdef int i
    for i in range(x.ndim):
        elements *= x.shape[i]
        backward = backward or request.params[i] < 0 or request.params[i] > params
        last += 0 if backward else (x.shape[i] - 1) * request.params[i]
    if elements > 0 and (backward or last >= params):
        raise ValueError(f"an array's memory has another shape than its attributes said: {params} parameters do not "
                         f"reach as far as its axes")
    return 0


cdef int check_parameters(const Py_buffer* view, Py_ssize_t item, Py_ssize_t count) except -1:
    if view.itemsize != item or view.len != item * count:
        raise ValueError(f"{count} elements of {item} bytes expected, got {view.len} bytes of {view.itemsize}")
    return 0


cdef Request request_of(tuple axes, int threads, int swapped) except *:
    cdef Request request
    request.axes = 0
    for kept, param in axes[:MAX_DIMS]:
        request.kept[request.axes] = kept
        request.params[request.axes] = param
        request.axes += 1
    request.threads = threads
    request.swapped = swapped
    return request


cdef Py_ssize_t sets_of(const Py_buffer* x, const Request* request) noexcept:
    cdef Py_ssize_t sets = 1
    cdef int i
    for i in range(x.ndim):
        sets *= x.shape[i] if request.kept[i] else 1
    return sets


cdef void take_parameters(Parameters* to, const Py_buffer* buffers) noexcept:
    to.weight, to.bias, to.tau = (<const real*>buffers[WEIGHT].buf, <const real*>buffers[BIAS].buf,
                                  <const real*>buffers[TAU].buf)
    to.dweight, to.dbias, to.dtau = (<double*>buffers[DWEIGHT].buf, <double*>buffers[DBIAS].buf,
                                     <double*>buffers[DTAU].buf)
    to.deps, to.mean, to.var = (<double*>buffers[DEPS].buf, <double*>buffers[MEAN].buf, <double*>buffers[VAR].buf)
    to.eps = <const double*>buffers[EACH_EPS].buf


# Takes the buffers that there are (None: there is none), and calls `dispatch`. The arrays are in the order of the
# enums.
cdef bint apply(Job* job, tuple arrays, Request* request) except -1:
    cdef Py_buffer buffers[BUFFERS]
    cdef Py_buffer* views[OPERANDS]
    cdef int which, wanted
    memset(buffers, 0, sizeof(buffers))     # releasing one that was not taken does nothing
    try:
        for which in range(BUFFERS):
            if arrays[which] is None:
                continue
            wanted = PyBUF_STRIDES if which < OPERANDS else 0
            if which == Y and not job.measures or which >= DWEIGHT and which <= VAR and not (
                    job.given and which >= MEAN):
                wanted |= PyBUF_WRITABLE
            PyObject_GetBuffer(arrays[which], &buffers[which], wanted | PyBUF_FORMAT)
        for which in range(OPERANDS):
            views[which] = &buffers[which]
        check_buffers(views, request)
        check_strides(views[X], request, job.params.count)
        for which in range(WEIGHT, BUFFERS):
            if arrays[which] is not None:
                check_parameters(&buffers[which], sizeof(double) if which >= DWEIGHT else sizeof(real),
                                 sets_of(views[X], request) if which >= DEPS else job.params.count)
        take_parameters(&job.params, buffers)
        return dispatch(job, views, request)
    finally:
        for which in range(BUFFERS):
            PyBuffer_Release(&buffers[which])


cdef int take_norm(Job* job, tuple norm) except -1:
    eps, job.centred, job.given, job.outside = norm
    job.eps = eps if isinstance(eps, float) else 0
    return 0


cdef object each_eps(tuple norm):
    return None if isinstance(norm[0], float) else norm[0]


# `axes` has a pair for each axis, from the farthest strides of x to the nearest: is it one of sets, and how many
# elements are the parameters apart? `params` is how many there are. Sets are numbered in C order of their axes.
# `norm` is (eps, centred, given, outside): eps a float, or an array of float64 of each set's; whether `statistics`,
# each set's mean and biased variance (or None), are given or written; and whether eps is added outside the root. Bits
# 0, 1 and 2 of `swapped` say that the bytes of x, of the other input and of the output are.

def forward(x, y, tuple parameters not None, tuple statistics not None, tuple axes not None, Py_ssize_t params,
            tuple norm not None, int threads, int swapped, /):
    """Write the normalized `x` into `y`, or only measure it where that is None.

    `parameters` are weight, bias and tau. False if `x` and `y` overlap, with nothing written.
    """
    cdef Job job
    cdef Request request = request_of(axes, threads, swapped | (swapped & 1) << G)
    job.gradients, job.measures, job.params.count = False, y is None, params
    if y is None:
        y = x
        request.swapped |= (swapped & 1) << Y
    take_norm(&job, norm)
    return apply(&job, (x, x, y, *parameters, None, None, None, None, *statistics, each_eps(norm)), &request)


def backward(g, x, y, tuple parameters not None, tuple grads not None, tuple statistics not None,
             tuple axes not None, Py_ssize_t params, tuple norm not None, int threads, int swapped, /):
    """Write the gradient with respect to `x` into `y`, and add those of the parameters to arrays of float64.

    `grads` are those of weight, bias, tau and eps (of each set, written). False if `y` overlaps `g` or `x`, with
    nothing done.
    """
    cdef Job job
    cdef Request request = request_of(axes, threads, swapped)
    job.gradients, job.measures, job.params.count = True, False, params
    take_norm(&job, norm)
    return apply(&job, (x, g, y, *parameters, *grads, *statistics, each_eps(norm)), &request)


#: Lanes of a vector of this build's element type
lanes = LANES
