# One call, as the calls of Python ask for it (_norms.pyx). Nothing here is Python.

cdef enum:
    # threads, explicit: a thread wakes in some 10 us, the time of this many elements
    ELEMENTS_PER_THREAD = 4096


# Those with sums of their own depend on the shape alone: the same bits for any threads.
cdef int parts_of(const Job* job, Py_ssize_t elements, int threads) noexcept nogil:
    cdef Py_ssize_t parts = threads
    if adds_apart(job):
        parts = min(<Py_ssize_t>MOST_PARTS, SUMS_BYTES // (24 * job.params.count), elements // ELEMENTS_PER_THREAD)
        if job.within and not job.columns:      # a part has its own sums to clear and to add up
            parts = min(parts, min(job.tasks // SETS_PER_PART, elements // ELEMENTS_PER_PART))
        parts = max(<Py_ssize_t>1, parts)
    return <int>min(parts, job.tasks)


# Bytes for a copy of a weight or a bias that many rows read: there its vectors do not cross cache lines, and
# there is a weight for all gradients.
cdef Py_ssize_t params_apart(const Job* job) noexcept nogil:
    cdef bint some = job.tasks >= BUNDLE and (job.params.weight != NULL or job.params.bias != NULL)
    if job.bundle == 1 or not job.along or job.params.tau != NULL or not (some or job.gradients):
        return 0
    return round_up((job.params.count + LANES) * <Py_ssize_t>sizeof(real), ALIGNMENT)


# A row of parameters, or of ones; before it, up to the cache line, its last ones, for what two rows share.
cdef const real* copy_row(const Job* job, const real* row, char** memory) noexcept nogil:
    cdef real* to = reserve_row(job, memory)
    cdef Py_ssize_t count = job.params.count, i
    if row:
        memcpy(to, row, count * sizeof(real))
    for i in range(0 if row else count):
        to[i] = 1
    memcpy(to - job.behind, to + count - job.behind, job.behind * sizeof(real))
    return to


# `weight` is 1 where there is none.
cdef void copy_params(Job* job, char** memory) noexcept nogil:
    job.params.weight = copy_row(job, job.params.weight, memory)
    if job.params.bias:
        job.params.bias = copy_row(job, job.params.bias, memory)


cdef int dispatch(Job* job, Py_buffer** views, const norm_call* asked, norm_answer* answer) noexcept nogil:
    cdef Call call
    cdef void* memory = NULL
    cdef Py_ssize_t elements = 1, params
    cdef int i, threads
    cdef bint chunks, far
    cdef Room room
    for i in range(asked.ndim):
        elements *= asked.shape[i]
    if elements == 0:
        return NORM_DONE
    if not job.measures and (repeats(views[Y]) or not compatible(views[X], views[Y])
                             or not compatible(views[G], views[Y])):
        return NORM_OVERLAPS
    threads = <int>min(<Py_ssize_t>asked.threads, max(<Py_ssize_t>1, elements // ELEMENTS_PER_THREAD))
    for i in range(OPERANDS):
        call.data[i] = asked.data[i]
        job.operand[i].form, job.operand[i].item, job.operand[i].ahead = <Form>asked.form, views[i].itemsize, 0
        job.operand[i].swapped = asked.swapped >> i & 1
        job.operand[i].overwritten = False
    lay_out(job, views, asked)
    if job.params.tau and (changes_in_sets(asked) or (job.gradients and job.given)):
        return NORM_VARIED_THRESHOLD
    far = elements * views[X].itemsize >= FAR_BYTES
    set_strips(job, far)
    set_stores(job, call.data[Y], far and aligned(views[Y]))
    call.job = job[0]
    chunks = job.split and threads > 1
    call.parts = threads if chunks else 1 if job.split else parts_of(job, elements, threads)
    call.scratch = furnish(job, &room, NULL) - <char*>NULL
    call.tables = furnish_table(job, &room, NULL, job.chunks) - <char*>NULL
    params = params_apart(job)
    if call.scratch <= (PY_SSIZE_T_MAX - ALIGNMENT) // 2 // call.parts:
        memory = malloc(call.parts * call.scratch + (job.tasks * call.tables if chunks else 0) + 2 * params + ALIGNMENT)
    if memory == NULL:
        answer.parts, answer.bytes = call.parts, call.scratch
        return NORM_NO_MEMORY
    call.memory = <char*>round_up(<Py_ssize_t>memory, ALIGNMENT)
    if params:
        copy_params(&call.job, &call.memory)
    if chunks:
        run_split(&call)
    else:
        run(&call, min(threads, call.parts))
    free(memory)
    return NORM_DONE


cdef bint changes_in_sets(const norm_call* asked) noexcept nogil:
    cdef int i
    for i in range(asked.ndim):
        if asked.shape[i] > 1 and not asked.kept[i] and asked.apart[i] != 0:
            return True
    return False


cdef void take_numbers(Job* job, const norm_call* asked) noexcept nogil:
    cdef Parameters* to = &job.params
    to.count = asked.params
    to.weight, to.bias, to.tau = (<const real*>asked.numbers[NORM_WEIGHT], <const real*>asked.numbers[NORM_BIAS],
                                  <const real*>asked.numbers[NORM_TAU])
    to.dweight, to.dbias, to.dtau = (<double*>asked.numbers[NORM_DWEIGHT], <double*>asked.numbers[NORM_DBIAS],
                                     <double*>asked.numbers[NORM_DTAU])
    to.deps, to.mean, to.var = (<double*>asked.numbers[NORM_DEPS], <double*>asked.numbers[NORM_MEAN],
                                <double*>asked.numbers[NORM_VAR])
    to.eps = <const double*>asked.numbers[NORM_EACH_EPS]


cdef public int enter "lrn_enter_norms"(const norm_call* asked, norm_answer* answer) noexcept nogil:
    cdef Py_buffer view[OPERANDS]
    cdef Py_buffer* views[OPERANDS]
    cdef Job job
    cdef int i
    answer.lanes, answer.item = LANES, sizeof(real)
    if asked == NULL:
        return NORM_DONE
    for i in range(OPERANDS):
        view[i].buf = asked.data[i]
        view[i].itemsize = sizeof(real) if asked.form == REALS else sizeof(half)
        view[i].ndim = asked.ndim
        view[i].shape = <Py_ssize_t*>asked.shape
        view[i].strides = <Py_ssize_t*>asked.strides[i]
        views[i] = &view[i]
    job.gradients, job.measures, job.given = asked.gradients, asked.measures, asked.given
    job.centred, job.outside, job.eps = asked.centred, asked.outside, asked.eps
    take_numbers(&job, asked)
    return dispatch(&job, views, asked, answer)
