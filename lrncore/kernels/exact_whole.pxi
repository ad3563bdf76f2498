# Elements out of range where every window holds every channel (walk_whole): a column has one sum for all its channels,
# so it is computed once, when the first element of a slab asks for it, and so is what op_whole.pxi calls its factors.
# With numbers of more room (wide.h), and S and Z the sums of x^2 and x g of a column,
#
#     s = k + scale S    p = s^-beta    r = -2 scale beta Z / s
#     y[c]  = x[c] p                                                                                        forward
#     dx[c] = (g[c] + x[c] r) p                                                            backward, and tangent
#
# Order of the additions, in every layout: those of channels PILED apart, one after the other, and then the PILED sums.

cdef enum:
    PILED = 8

# What is kept of a column
cdef enum:
    SUM         # S
    POWER       # p
    ALONG       # r
    FACTORS


# Of the slab at hand
cdef struct Columns:
    const real* slab        # its x, or NULL where there is none yet
    double* sums            # PILED of each column, in the order of a slab's positions,
    double* lost            # what they were rounded by,
    double* exponents       # and their exponents
    double* numbers[FACTORS]    # of each column, and behind the last of the first ones again, a vector of them
    Py_ssize_t apart        # from numbers to their exponents
    bint along              # r is wanted


cdef inline Py_ssize_t pile_of_sums(Py_ssize_t inner) noexcept nogil:
    return PILED * inner + WIDE_LANES


cdef inline Py_ssize_t line_of_columns(Py_ssize_t inner) noexcept nogil:
    return inner + 2 * WIDE_LANES


cdef Py_ssize_t columns_bytes(Py_ssize_t inner) noexcept nogil:
    cdef Py_ssize_t parts = sizeof(Wide) // sizeof(wide)
    return (3 * pile_of_sums(inner) + FACTORS * parts * line_of_columns(inner)) * <Py_ssize_t>sizeof(double)


# Lays them out for slabs of so many columns.
cdef void open_columns(Columns* columns, const Job* job, const Around* around) noexcept nogil:
    cdef Py_ssize_t inner = around.inner, parts = sizeof(Wide) // sizeof(wide)
    cdef int which
    columns.slab = NULL
    columns.along = job.op.reads_g and job.op.writes
    columns.sums = <double*>around.terms.kept
    columns.lost = columns.sums + pile_of_sums(inner)
    columns.exponents = columns.lost + pile_of_sums(inner)
    columns.apart = line_of_columns(inner)
    for which in range(FACTORS):
        columns.numbers[which] = columns.exponents + pile_of_sums(inner) + which * parts * columns.apart


# A slab's squares of x, where g is x, or products x g go to the PILED sums of its columns; or first their exponents.
cdef void pile_summands(const Around* around, const real* x, const real* g, const Neighbours* to_g,
                        bint exponents) noexcept nogil:
    cdef const Columns* columns = around.columns
    cdef Py_ssize_t inner = around.inner, adjacent = inner * <Py_ssize_t>sizeof(real), c = 0, some = 1, length, i, count
    cdef wide sum, lost, exponent = wide_splat(0)
    cdef wide_bits present
    cdef Py_ssize_t at
    cdef Wide v
    if around.x.step == adjacent and to_g.step == adjacent:
        some = PILED
    while c < around.channels:
        length = min(some, around.channels - c) * inner
        i = 0
        while i < length:
            count = min(length - i, <Py_ssize_t>WIDE_LANES)
            at = c % PILED * inner + i
            v = wide_of(load_wide(x + i, count))
            v = wide_times(v, v if g == x else wide_of(load_wide(g + i, count)))
            if NEEDS_SCALE:
                exponent = load_doubles(columns.exponents + at)
            if exponents:
                store_wide(columns.exponents + at, wide_larger_exponent(exponent, v))
            else:
                sum = load_doubles(columns.sums + at)
                lost = load_doubles(columns.lost + at)
                wide_accumulate(&sum, &lost, wide_at_exponent(v, exponent))
                if count < WIDE_LANES:
                    present = wide_first_lanes(count)
                    sum = wide_select(present, sum, load_doubles(columns.sums + at))
                    lost = wide_select(present, lost, load_doubles(columns.lost + at))
                store_wide(columns.sums + at, sum)
                if NEEDS_SCALE:
                    store_wide(columns.lost + at, lost)
            i += WIDE_LANES
        x = <const real*>(<const char*>x + some * around.x.step)
        g = <const real*>(<const char*>g + some * to_g.step)
        c += some


# The sums of a slab's columns go to `numbers`.
cdef void sum_columns(const Around* around, const real* x, const real* g, const Neighbours* to_g,
                      double* numbers) noexcept nogil:
    cdef const Columns* columns = around.columns
    cdef Py_ssize_t inner = around.inner, i
    cdef wide sum, lost, exponent = wide_splat(-100000)
    cdef Wide part
    cdef int j
    memset(columns.sums, 0, 2 * pile_of_sums(inner) * sizeof(double))
    if NEEDS_SCALE:
        i = 0
        while i <= PILED * inner:
            store_wide(columns.exponents + i, exponent)
            i += WIDE_LANES
        pile_summands(around, x, g, to_g, True)
    pile_summands(around, x, g, to_g, False)
    i = 0
    while i < inner:
        sum = lost = wide_splat(0)
        exponent = wide_splat(-100000)
        if NEEDS_SCALE:
            for j in range(PILED):
                part = wide_raised_sum(load_doubles(columns.sums + j * inner + i),
                                       load_doubles(columns.exponents + j * inner + i))
                exponent = wide_larger_exponent(exponent, part)
        for j in range(PILED):
            part = wide_raised_sum(load_doubles(columns.sums + j * inner + i),
                                   load_doubles(columns.exponents + j * inner + i))
            wide_accumulate(&sum, &lost, wide_at_exponent(part, exponent))
        store_numbers(numbers + i, columns.apart, wide_raised_sum(sum, exponent))
        i += WIDE_LANES


# The factors of the columns of the slab that begins at x and g
cdef void factor_columns(const Formula* f, const Around* around, const real* x, const real* g) noexcept nogil:
    cdef Columns* columns = around.columns
    cdef Py_ssize_t inner = around.inner, i = 0, j, parts = sizeof(Wide) // sizeof(wide)
    cdef double* line
    cdef Wide s
    cdef int which
    columns.slab = x
    sum_columns(around, x, x, &around.x, columns.numbers[SUM])
    if columns.along:
        sum_columns(around, x, g, &around.g, columns.numbers[ALONG])
    while i < inner:
        s = sum_of(f, load_numbers(columns.numbers[SUM] + i, columns.apart))
        around.work.recomputed += 1
        store_numbers(columns.numbers[POWER] + i, columns.apart, wide_times_power(number(1), s, &f.exact_beta))
        if columns.along:
            store_numbers(columns.numbers[ALONG] + i, columns.apart,
                          wide_times(slope_of(f, s), load_numbers(columns.numbers[ALONG] + i, columns.apart)))
        i += WIDE_LANES
    for which in range(FACTORS):
        for i in range(parts):
            line = columns.numbers[which] + i * columns.apart
            for j in range(WIDE_LANES):
                line[inner + j] = line[j]


# A factor of the columns of some elements
cdef inline Wide factor_at(const Formula* f, const Site* site, int which) noexcept nogil:
    cdef const Around* around = site.around
    cdef const Columns* columns = around.columns
    cdef Py_ssize_t column = site.position - site.lowest * around.inner
    cdef const real* slab = <const real*>(<const char*>(site.x - column) - site.lowest * around.x.step)
    if slab != columns.slab:
        factor_columns(f, around, slab,
                       <const real*>(<const char*>(site.g - column) - site.lowest * around.g.step))
    return load_numbers(columns.numbers[which] + column, columns.apart)
