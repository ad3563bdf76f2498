# An operator is a row of hooks that the walks call line by line. Each has a file, op_<name>.pxi, which ends in its row.

ctypedef void (*Hook)(const Formula* f, const Lines* lines) noexcept nogil
ctypedef void (*Climb)(const Lines* lines, int first, int last, Py_ssize_t length) noexcept nogil
ctypedef void (*Pile)(const Lines* lines, real* const* piles, Py_ssize_t length, Py_ssize_t rows,
                      Py_ssize_t apart) noexcept nogil
ctypedef void (*Add)(real* const* piles, int sets, Py_ssize_t length, Py_ssize_t behind) noexcept nogil
ctypedef Py_ssize_t (*Straight)(const Formula* f, const Lines* lines, bint packed) noexcept nogil
ctypedef bint (*Factors)(const Formula* f, const Lines* lines) noexcept nogil
ctypedef void (*Narrow)(const Formula* f, Py_ssize_t size, Exponents* reach) noexcept nogil


# A row of hooks, which the walks call line by line, and what they have to know of the operator.
cdef struct Operator:
    Hook enter          # a line of the inputs is here: makes the newest line of the sets that enter
    Climb climb         # makes those of their levels
    Climb along         # walk_box: sums windows within a line
    Pile pile           # walk_whole: adds `rows` rows of what enters, `apart` elements apart, to sums,
    Add add             # and to sums those `behind` elements behind them
    Factors factors     # makes p, and more, of the sums; False if some are out of range. NULL: `ready` takes the sums
    Hook ready          # the windows of a line are complete
    Hook late           # its reflected windows are; NULL if there are none. `ready` makes the newest line of their set
    Straight straight   # the results of whole slabs, or of columns, if they need none of the hooks above. NULL: never
    Hook exact          # recomputes rows that waited for the end of a piece; NULL if there is nothing to recompute then
    Narrow narrow       # which sums the fast powers hold for
    int entering        # sets that `enter` makes
    bint takes_entering     # `ready` can do the work of `enter` too, and recompute squares from x (ENTERING, FAR)
    int raised          # powers of 2^RAISED in what is multiplied with the slope
    bint steep_quotient     # multiplies x / s by s^-beta
    bint any_power      # one loop for all powers
    bint reads_g
    bint g_enters       # with x, or when the windows of its line are complete
    bint writes         # an output like x
    int parts           # into which a call is cut whatever the number of threads; 0 for as many as threads


cdef inline int sets_of(const Operator* op) noexcept nogil:
    return op.entering + (op.late != NULL)


# `size` elements are in a window at most.
cdef rare set_formula(Formula* f, const Request* request, const Operator* op, Py_ssize_t size,
                      int levels) noexcept nogil:
    cdef Exponents reach
    f.scale = <real>request.scale
    f.k = <real>request.k
    f.slope = <real>ldexp(2 * request.scale * request.beta, -RAISED * op.raised)
    f.exact_scale = exactly(request.scale)
    f.exact_k = exactly(request.k)
    f.beta = request.beta
    f.exact_beta = wide_exponent(f.beta)
    f.kind = ANY if op.any_power else kind_of(f.beta)
    f.addition = APART if levels > 1 else COMPENSATED if f.kind == TWO else TOGETHER
    reach = reach_of_powers(f, size)
    op.narrow(f, size, &reach)
    set_lossless(f, reach, 1 + f.beta if op.steep_quotient else 1, size)
    if f.kind == ANY:
        f.exponent = exponent_of(f.beta, reach.lowest, reach.highest)
    if TESTS_SQUARE and f.kind == THREE_QUARTERS:
        # the loops test s^2
        reach.lowest *= 2
        reach.highest *= 2
        f.lossless *= 2
    f.holds = range_of(reach.lowest, reach.highest)
