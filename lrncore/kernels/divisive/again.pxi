# The second try of a block in which numbers left the range, line by line after the loops of the first. Infinities and
# NaNs give what IEEE arithmetic on the formula gives. What comes of finite numbers out of range becomes NaN and is left
# to wider numbers. Everything else has the bits of a first try.

cdef struct Trial:
    bint again
    bint infinite       # are there infinite x?
    bint large          # and powers of finite ones that may sum up to an infinite pool?
    bint left           # is anything left to wider numbers?


cdef inline void try_first(Trial* trial) noexcept nogil:
    trial.again = trial.infinite = trial.large = trial.left = False


cdef inline void try_again(Trial* trial) noexcept nogil:
    trial.again = True


# |x|^p
cdef void enter_again(const Formula* f, const real* x, real* to, Py_ssize_t length, Trial* trial) noexcept nogil:
    cdef double most = LARGEST / (4 * fmax(f.total, 1))
    cdef Py_ssize_t i
    for i in range(length):
        if fabs(to[i]) <= most and (f.entering != POWERS or fabs(x[i]) * f.of_x.ceiling <= LARGEST):
            continue
        if isnan(x[i]):
            to[i] = NAN
        elif isinf(x[i]):
            to[i] = INFINITY
            trial.infinite = True
        elif isinf(to[i]) or (f.entering == POWERS and not fabs(x[i]) * f.of_x.ceiling <= LARGEST):
            to[i] = NAN
            trial.left = True
        else:
            trial.large = True


# sign(x) |x|^n, and with `slopes` n |x|^(n - 1)
cdef void numerators_again(const Formula* f, const real* x, real* to, Py_ssize_t length, bint slopes,
                           Trial* trial) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(length):
        if fabs(x[i]) * f.of_n.ceiling <= LARGEST:
            continue
        if isinf(x[i]):
            to[i] = <real>(f.n * pow(INFINITY, f.n - 1) if slopes else x[i])
            continue
        to[i] = NAN
        if not isnan(x[i]):
            trial.left = True


# D
cdef void pools_again(const Formula* f, real* d, Py_ssize_t length, Trial* trial) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(length):
        if lane_within(d[i], f.inside) or isnan(d[i]) or (isinf(d[i]) and trial.infinite and not trial.large):
            continue
        d[i] = NAN
        trial.left = True


# y of infinite and NaN D, and of infinite N(x), whose power with D is NaN in the loops
cdef void leave_again(const Formula* f, const real* x, const real* d, real* y, Py_ssize_t length) noexcept nogil:
    cdef double up = pow(INFINITY, -f.q), down = pow(-INFINITY, -f.q), none = pow(NAN, -f.q)
    cdef Py_ssize_t i
    for i in range(length):
        if not isfinite(d[i]):
            y[i] = <real>(x[i] * (none if isnan(d[i]) else up if d[i] > 0 else down))
        elif not isfinite(x[i]):
            y[i] = x[i]


# gp and t of D
cdef void weigh_again(const Formula* f, const real* g, const real* x, const real* d, real* t, real* gp,
                      Py_ssize_t length, Trial* trial) noexcept nogil:
    cdef double most = LARGEST / ceiling_of_t(), q = -f.q
    cdef double up = pow(INFINITY, q), down = pow(-INFINITY, q), none = pow(NAN, q)
    cdef double up_less = ldexp(pow(INFINITY, q - 1), RAISED), down_less = ldexp(pow(-INFINITY, q - 1), RAISED)
    cdef double none_less = ldexp(pow(NAN, q - 1), RAISED)
    cdef Py_ssize_t i
    for i in range(length):
        if not isfinite(d[i]):
            gp[i] = <real>(g[i] * (none if isnan(d[i]) else up if d[i] > 0 else down))
            t[i] = <real>(<double>g[i] * x[i] * (none_less if isnan(d[i]) else up_less if d[i] > 0 else down_less))
        elif not (isfinite(g[i]) and isfinite(x[i])):
            if not isfinite(g[i]):
                gp[i] = g[i]
            t[i] = g[i] * x[i]
        elif not fabs(t[i]) <= most:
            t[i] = NAN
            trial.left = True


# dx of infinite and NaN x
cdef void gradient_again(const Formula* f, const real* x, const real* sums, const real* gp, real* dx,
                         Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i
    if f.entering != POWERS:
        return
    for i in range(length):
        if isnan(x[i]):
            dx[i] = NAN
        elif isinf(x[i]):
            dx[i] = <real>(gp[i] - copysign(f.slope, x[i]) * pow(INFINITY, f.p - 1) * sums[i])


# dx that overflows, or whose terms do
cdef void overflow_again(const real* g, const real* x, const real* sums, const real* gp, real* dx, Py_ssize_t length,
                         Trial* trial) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(length):
        if isfinite(g[i]) and isfinite(x[i]) and not isfinite(dx[i]):
            if isinf(gp[i]) or (isfinite(gp[i]) and isfinite(sums[i])):
                dx[i] = NAN
                trial.left = True
