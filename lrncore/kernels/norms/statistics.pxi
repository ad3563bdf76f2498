# From the sums of sets to their statistics.

cdef inline double eps_of(const Job* job, Py_ssize_t index) noexcept nogil:
    return job.params.eps[index] if job.params.eps else job.eps


cdef rare take_norm(Job* job) noexcept nogil:
    cdef Norm* norm = &job.norm
    norm.n = <double>job.elements
    norm.lowest = ldexp(1, -(EXPONENT_BIAS // 4 * 3))
    norm.highest = ldexp(1, EXPONENT_BIAS // 4 * 3)
    norm.h_lowest = ldexp(1, -(EXPONENT_BIAS // 2))
    norm.farthest = 2 if job.columns else 4
    norm.centred, norm.given, norm.outside = job.centred, job.given, job.outside


# Rows: places first to end - 1 of the table are those of sets from `index` on.
cdef inline void open_table(const Job* job, const Table* table, Py_ssize_t first, Py_ssize_t end,
                            Py_ssize_t index) noexcept nogil:
    cdef Py_ssize_t i, set
    for i in range(first, end):
        set = index + i - first
        doubles_of(table, EPS)[i] = eps_of(job, set)
        doubles_of(table, SHIFT)[i] = doubles_of(table, FIRST)[i] = doubles_of(table, OUT)[i] = 0
        reals_of(table, SCALE)[i] = reals_of(table, G_SCALE)[i] = 1
        reals_of(table, LOWER)[i] = reals_of(table, LOWER_TOO)[i] = 1
        if job.given:
            doubles_of(table, SHIFT)[i] = job.params.mean[set]
            doubles_of(table, SQUARES)[i] = job.params.var[set]


cdef inline bint finish_table(const Job* job, const Table* table, Py_ssize_t count, bint gradients) noexcept nogil:
    return finish_sets(table.doubles, table.reals, table.apart, count, &job.norm, gradients)


# The statistics and the gradient of eps of the set of column i
cdef inline void tell_statistics(const Job* job, const Table* table, Py_ssize_t i, Py_ssize_t index) noexcept nogil:
    cdef double n = <double>job.elements, off = doubles_of(table, FIRST)[i] / n, scale = at(table, SCALE, i)
    cdef double squares = doubles_of(table, SQUARES)[i] - doubles_of(table, FIRST)[i] * off, v, r, deviation
    if job.given:
        n, off, squares = 1, 0, job.params.var[index]
    squares = 0 if squares <= 0 else squares
    if job.params.mean and not job.given:
        tell_moments(table.doubles + i, table.reals + i, table.apart, 1, &job.norm, job.params.mean + index,
                     job.params.var + index)
    if job.params.deps:
        v = squares / n + (0 if job.outside else doubles_of(table, EPS)[i])
        deviation = sqrt(v)
        r = 1 / (deviation + doubles_of(table, EPS)[i] if job.outside else deviation)
        v = doubles_of(table, PRODUCTS)[i] - off * doubles_of(table, H)[i]      # sum of h (x - m)
        # powers of two: r is times 1 / scale, and the products are times scale
        job.params.deps[index] = (-v * r * r / (1 if job.outside else 2) * (1 if job.outside else r)
                                  / at(table, G_SCALE, i) * scale * (1 if job.outside else scale))


# The gradients of a weight, a bias and a threshold from sums over the g of a column of the table
cdef inline void add_gradients(const Job* job, const Table* table, Py_ssize_t i, double of_g, double products,
                               double cut, Room* room, Py_ssize_t param) noexcept nogil:
    cdef double n = 1 if job.given else <double>job.elements, eps = doubles_of(table, EPS)[i]
    cdef double off = doubles_of(table, FIRST)[i] / n
    cdef double squares = doubles_of(table, SQUARES)[i] - doubles_of(table, FIRST)[i] * off, deviation
    cdef double raised = at(table, G_SCALE, i)
    squares = 0 if squares <= 0 else squares
    deviation = sqrt(squares / n) + eps if job.outside else sqrt(squares / n + eps)
    products -= off * of_g
    if squares == 0 and not job.given:
        products = products - products
    room.dweight[param] += products / deviation / raised
    room.dbias[param] += of_g / raised
    if room.dtau:
        room.dtau[param] += cut / raised


# x is scaled by 2^exponent so that its largest element is about 1; where eps would overflow x matters no more.
cdef inline int exponent_for(double largest, double eps) noexcept nogil:
    cdef int exponent = -ilogb(largest)
    if eps > 0:
        exponent = min(exponent, (1000 - ilogb(eps)) // 2)
    # 2^exponent is a normal number
    return min(max(exponent, 2 - EXPONENT_BIAS), EXPONENT_BIAS)


# Chooses powers of two for column i of the table, whose largest elements these are, and its shift anew.
cdef rare choose_scale(const Job* job, const Table* table, Py_ssize_t i, Py_ssize_t index, double most, double g_most,
                       double weight) noexcept nogil:
    cdef const Norm* norm = &job.norm
    cdef int exponent = 0, raised = 0
    cdef double* shift = doubles_of(table, SHIFT) + i
    cdef double eps = eps_of(job, index), off = doubles_of(table, FIRST)[i] / norm.n
    cdef double v = (doubles_of(table, SQUARES)[i] - doubles_of(table, FIRST)[i] * off) / norm.n
    v = (sqrt(v) + eps) * (sqrt(v) + eps) if job.outside else v + eps
    if not (v >= norm.lowest and v <= norm.highest) and most > 0 and most - most == 0:
        exponent = exponent_for(most, eps)
    if job.gradients and g_most > 0 and g_most - g_most == 0:
        raised = -ilogb(g_most)
        if weight > 0 and weight - weight == 0:
            raised -= ilogb(weight)
        # g stays in range, and 2^raised is a normal number
        raised = min(raised, EXPONENT_BIAS - 8 - ilogb(g_most))
        raised = min(max(raised, 2 - EXPONENT_BIAS), EXPONENT_BIAS)
    reals_of(table, SCALE)[i] = <real>ldexp(1, exponent)
    reals_of(table, G_SCALE)[i] = <real>ldexp(1, raised)
    doubles_of(table, EPS)[i] = ldexp(eps, exponent if job.outside else 2 * exponent)
    reals_of(table, LOWER)[i] = <real>ldexp(1, (exponent - raised) // 2)
    reals_of(table, LOWER_TOO)[i] = <real>ldexp(1, (exponent - raised) - (exponent - raised) // 2)
    if off - off == 0:
        shift[0] += off
    shift[0] = <real>ldexp(shift[0], exponent)
