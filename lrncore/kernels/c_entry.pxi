# What the faces call (c_face.h, _lrn.pyx). Nothing here is Python.


cdef inline const Operator* operator_of(int kind) noexcept nogil:
    if kind == LRN_BACKWARD:
        return &BACKWARD
    if kind == LRN_TANGENT:
        return &TANGENT
    return &FORWARD


cdef rare tell(lrn_build* build) noexcept nogil:
    build.lanes = LANES
    build.wide_lanes = WIDE_LANES
    build.item = sizeof(real)
    build.recomputed = vectors_so_far(&recomputed_vectors)
    build.summed = vectors_so_far(&summed_vectors)


cdef Outcome find_derivatives(Py_buffer** views, const Request* request, double* found,
                              Shortage* shortage) noexcept nogil:
    cdef Totals totals[PARTIAL_TOTALS]
    cdef Totals whole
    cdef Outcome outcome
    cdef int i
    memset(totals, 0, sizeof(totals))
    memset(&whole, 0, sizeof(whole))
    outcome = dispatch(&PARAMETERS, views, request[0], totals, shortage)
    for i in range(PARTIAL_TOTALS):
        add_total(&whole.scale, &totals[i].scale)
        add_total(&whole.beta, &totals[i].beta)
        add_total(&whole.k, &totals[i].k)
    found[0] = whole.scale.sum + whole.scale.rest
    found[1] = whole.beta.sum + whole.beta.rest
    found[2] = whole.k.sum + whole.k.rest
    return outcome


# NULL makes it ready; that comes first.
cdef public int enter "LRN_ENTRY"(const lrn_pass* asked) noexcept nogil:
    cdef Py_buffer view[OPERANDS]
    cdef Py_buffer* views[OPERANDS]
    cdef Request request
    cdef Shortage shortage
    cdef Outcome outcome
    cdef int i
    if asked == NULL:
        define_operators()
        return DONE
    if asked.build:
        tell(asked.build)
        return DONE
    for i in range(OPERANDS):
        view[i].buf = asked.data[i]
        view[i].itemsize = sizeof(real) if asked.form == REALS else sizeof(half)
        view[i].ndim = asked.ndim
        view[i].shape = <Py_ssize_t*>asked.shape
        view[i].strides = <Py_ssize_t*>asked.strides[i]
        views[i] = &view[i]
    request.count = asked.windows
    for i in range(asked.windows):
        request.axes[i] = asked.axes[i]
    request.before = asked.before
    request.after = asked.after
    request.scale = asked.scale
    request.beta = asked.beta
    request.k = asked.k
    request.threads = asked.threads
    request.swapped = asked.swapped
    request.results = asked.results
    request.form = <Form>asked.form
    if asked.kind == LRN_PARAMETERS:
        outcome = find_derivatives(views, &request, asked.derivatives, &shortage)
    else:
        outcome = dispatch(operator_of(asked.kind), views, request, NULL, &shortage)
    if asked.shortage:
        asked.shortage.parts = shortage.parts
        asked.shortage.bytes = shortage.bytes
    return outcome
