# The second try of a block in which numbers left the range, line by line after the loops of the first. Infinities and
# NaNs give what IEEE arithmetic on the formula gives. What comes of finite numbers out of range becomes NaN and is left
# to wider numbers. Everything else has the bits of a first try.

cdef struct Trial:
    real* numerators    # a line of either try: N(x), and its slopes,
    real* kept          # and of the second: D, where t takes its place
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
    cdef double most = LARGEST / (4 * fmax(f.total, 1)), own
    cdef Py_ssize_t i
    for i in range(length):
        own = real_of(x + i)
        if fabs(to[i]) <= most and (f.entering != POWERS or fabs(own) * f.of_x.ceiling <= LARGEST):
            continue
        if isnan(own):
            to[i] = NAN
        elif isinf(own):
            to[i] = INFINITY
            trial.infinite = True
        elif isinf(to[i]) or (f.entering == POWERS and not fabs(own) * f.of_x.ceiling <= LARGEST):
            to[i] = NAN
            trial.left = True
        else:
            trial.large = True


# sign(x) |x|^n, and with `slopes` n |x|^(n - 1)
cdef void numerators_again(const Formula* f, const real* x, real* to, Py_ssize_t length, bint slopes,
                           Trial* trial) noexcept nogil:
    cdef Py_ssize_t i
    cdef double own
    for i in range(length):
        own = real_of(x + i)
        if fabs(own) * f.of_n.ceiling <= LARGEST:
            continue
        if isinf(own):
            to[i] = <real>(f.n * pow(INFINITY, f.n - 1) if slopes else own)
            continue
        to[i] = NAN
        if not isnan(own):
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
    cdef double up = pow(INFINITY, -f.q), down = pow(-INFINITY, -f.q), none = pow(NAN, -f.q), own
    cdef Py_ssize_t i
    for i in range(length):
        own = real_of(x + i)
        if not isfinite(d[i]):
            set_real(y + i, <real>(own * (none if isnan(d[i]) else up if d[i] > 0 else down)))
        elif not isfinite(own):
            set_real(y + i, <real>own)


# gp and t of D
cdef void weigh_again(const Formula* f, const real* g, const real* x, const real* d, real* t, real* gp,
                      Py_ssize_t length, Trial* trial) noexcept nogil:
    cdef double most = LARGEST / ceiling_of_t(), q = -f.q
    cdef double up = pow(INFINITY, q), down = pow(-INFINITY, q), none = pow(NAN, q)
    cdef double up_less = ldexp(pow(INFINITY, q - 1), RAISED), down_less = ldexp(pow(-INFINITY, q - 1), RAISED)
    cdef double none_less = ldexp(pow(NAN, q - 1), RAISED)
    cdef real own, own_g
    cdef Py_ssize_t i
    for i in range(length):
        own, own_g = real_of(x + i), real_of(g + i)
        if not isfinite(d[i]):
            gp[i] = <real>(own_g * (none if isnan(d[i]) else up if d[i] > 0 else down))
            t[i] = <real>(<double>own_g * own * (none_less if isnan(d[i]) else up_less if d[i] > 0 else down_less))
        elif not (isfinite(own_g) and isfinite(own)):
            if not isfinite(own_g):
                gp[i] = own_g
            t[i] = own_g * own
        elif not fabs(t[i]) <= most:
            t[i] = NAN
            trial.left = True


# dx of infinite and NaN x
cdef void gradient_again(const Formula* f, const real* x, const real* sums, const real* gp, real* dx,
                         Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i
    cdef real own
    if f.entering != POWERS:
        return
    for i in range(length):
        own = real_of(x + i)
        if isnan(own):
            set_real(dx + i, NAN)
        elif isinf(own):
            set_real(dx + i, <real>(gp[i] - copysign(f.slope, own) * pow(INFINITY, f.p - 1) * sums[i]))


# dx that overflows, or whose terms do
cdef void overflow_again(const real* g, const real* x, const real* sums, const real* gp, real* dx, Py_ssize_t length,
                         Trial* trial) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(length):
        if isfinite(real_of(g + i)) and isfinite(real_of(x + i)) and not isfinite(real_of(dx + i)):
            if isinf(gp[i]) or (isfinite(gp[i]) and isfinite(sums[i])):
                set_real(dx + i, NAN)
                trial.left = True


# ---- the same of either try

# N(x), where n is not 1
cdef const real* numerators_of(const Formula* f, const real* x, Py_ssize_t length, Trial* trial,
                               vec* seen) noexcept nogil:
    numerators(f, x, trial.numerators, length, seen)
    if trial.again:
        numerators_again(f, x, trial.numerators, length, False, trial)
    return trial.numerators


# gp and t of a line, t in the place of D
cdef void weigh_elements(const Formula* f, const real* g, const real* x, real* t, real* gp, Py_ssize_t length,
                         Trial* trial, vec* seen) noexcept nogil:
    cdef const real* numerator = numerators_of(f, x, length, trial, seen) if f.signed_power else x
    if trial.again:
        memcpy(trial.kept, t, length * sizeof(real))
    weigh_line(f, g, numerator, t, gp, length, seen)
    if trial.again:
        weigh_again(f, g, numerator, trial.kept, t, gp, length, trial)
    if f.signed_power:
        numerator_slopes(f, x, trial.numerators, length)
        if trial.again:
            numerators_again(f, x, trial.numerators, length, True, trial)
        times_line(trial.numerators, gp, length)
