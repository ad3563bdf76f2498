# What is computed, and the formula's parameters as the loops take them.

cdef enum Task:
    FORWARD
    BACKWARD
    TANGENT     # the forward's derivative along dx, which is the operand g
    PARAMETERS  # the derivatives with respect to scale, beta and k


cdef enum Kind:
    HALF
    THREE_QUARTERS
    ONE
    TWO
    ANY


cdef struct Formula:
    real scale
    real k
    real slope          # 2 * scale * beta, taken back by what t, or x dx too, is raised
    double beta
    Kind kind
    Exponent exponent   # of kind ANY
    Range holds         # of the sums that the fast powers hold for: of s, or of its square
    double exact_scale  # the parameters of elements that are made again: those above,
    double exact_k      # or what was given where it leaves the range of `real`


# The parameter as it is rounded, if it is a normal number
cdef inline double exactly(double given) noexcept nogil:
    cdef double rounded = <real>given
    if given == 0 or -EXPONENT_BIAS < ilogb(rounded) <= EXPONENT_BIAS:
        return rounded
    return given


# Which sums are in reach of the fast path, as exponents of two: both s and s^-beta have to be normal, and the squares
# that vanished below the smallest number must not be missed. The forward's x s^-beta has to be finite, and the
# derivatives, whose results are looked at, need room for t.
cdef void set_range(Formula* f, Py_ssize_t size, Task task) noexcept nogil:
    cdef int lowest = 1 - EXPONENT_BIAS, highest = EXPONENT_BIAS + 1, scale = 0, most
    cdef double least, room
    if f.exact_scale != 0:
        scale = ilogb(f.exact_scale) + 1
        lowest = max(lowest, scale + ilogb(<double>size) + 5 - EXPONENT_BIAS)
        if scale <= 1 - EXPONENT_BIAS:
            highest = lowest
    if f.k != f.exact_k or (f.k != 0 and ilogb(f.exact_k) < 1 - EXPONENT_BIAS):
        lowest += 30
    if f.kind >= TWO and fabs(f.beta) * EXPONENT_BIAS > EXPONENT_BIAS - 2:
        most = <int>((EXPONENT_BIAS - 2) / fabs(f.beta))
        lowest = max(lowest, -most)
        highest = min(highest, most)
    if task == FORWARD and f.exact_scale > 0 and f.exact_k >= 0:
        # x s^-beta <= scale^-1/2 s^(1/2 - beta)
        room = EXPONENT_BIAS - 2 + 0.5 * ilogb(f.exact_scale)
        if f.beta > 0.5:
            lowest = max(lowest, <int>max(ceil(room / (0.5 - f.beta)), -EXPONENT_BIAS))
        elif f.beta < 0.5:
            highest = min(highest, <int>min(floor(room / (0.5 - f.beta)), EXPONENT_BIAS + 1))
    elif task == FORWARD and f.beta > 0:
        lowest = max(lowest, 1)
    elif task == FORWARD and f.beta < 0:
        highest = min(highest, -1)
    if task == TANGENT and f.exact_scale != 0 and f.beta > 0:
        # what vanishes of the products x dx is less than their share's last bit
        least = log2(2 * f.beta * sqrt(fabs(f.exact_scale)) * size) - 2 - RAISED
        lowest = max(lowest, <int>ceil(least / (f.beta + 0.5)))
    if task != FORWARD:
        # 2^-RAISED s stays normal, and t that vanishes is less than its share's last bit
        lowest = max(lowest, RAISED + 4 - EXPONENT_BIAS)
        highest = min(highest, 2 * RAISED - 6 - scale)
        if f.exact_scale != 0 and f.beta != 0 and not -EXPONENT_BIAS < ilogb(f.slope) < EXPONENT_BIAS:
            highest = lowest
    if FORMS_SQUARE and f.kind == THREE_QUARTERS:
        lowest = max(lowest, -(EXPONENT_BIAS + 1) // 2)
        highest = min(highest, (EXPONENT_BIAS + 1) // 2)
    if f.kind == ANY:
        f.exponent = exponent_of(f.beta, lowest, highest)
    if TESTS_SQUARE and f.kind == THREE_QUARTERS:
        lowest *= 2
        highest *= 2
    f.holds = range_of(lowest, highest)


cdef void set_formula(Formula* f, double scale, double beta, double k, Py_ssize_t size, Task task) noexcept nogil:
    f.scale = <real>scale
    f.k = <real>k
    f.slope = <real>ldexp(2 * scale * beta, -2 * RAISED if task == TANGENT else -RAISED)
    f.exact_scale = exactly(scale)
    f.exact_k = exactly(k)
    f.beta = beta
    if task >= TANGENT:
        f.kind = ANY    # one loop for all of them
    elif beta == 0.75:
        f.kind = THREE_QUARTERS
    elif beta == 0.5:
        f.kind = HALF
    elif beta == 1:
        f.kind = ONE
    elif beta == 2:
        f.kind = TWO
    else:
        f.kind = ANY
    set_range(f, size, task)
