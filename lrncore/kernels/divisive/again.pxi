# The second try of a block in which numbers left the range, line by line after the loops of the first. Infinities and
# NaNs give what IEEE arithmetic on the formula gives. What comes of finite numbers out of range becomes NaN and is left
# to wider numbers. Everything else has the bits of a first try.

cdef struct Trial:
    real* numerators    # a line of either try: N(x), and its slopes,
    real* kept          # and of the second: D, where t takes its place
    bint again
    bint infinite       # are there infinite x?
    bint large          # and powers of finite ones that may sum up to an infinite pool?
    bint endless        # are there infinite t?
    bint tiny           # and x that are not 0, but whose factor of the sums of t may be?
    bint left           # is anything left to wider numbers?


cdef inline void try_first(Trial* trial) noexcept nogil:
    trial.again = trial.infinite = trial.large = trial.endless = trial.tiny = trial.left = False


cdef inline void try_again(Trial* trial) noexcept nogil:
    trial.again = True


# Is a power of this number neither beyond the range nor a root that was taken for 0?
cdef inline bint in_reach(const Raising* to, double exponent, double own) noexcept nogil:
    return fabs(own) * to.ceiling <= LARGEST and (exponent >= 1 or own == 0 or fabs(own) >= to.floor)


# |x|^p
cdef void enter_again(const Formula* f, const real* x, real* to, Py_ssize_t length, Trial* trial) noexcept nogil:
    cdef double most = LARGEST / (4 * fmax(f.total, 1)), own
    cdef bint reached
    cdef Py_ssize_t i
    for i in range(length):
        own = real_of(x + i)
        reached = f.entering != POWERS or in_reach(&f.of_x, f.p, own)
        if fabs(to[i]) <= most and reached:
            continue
        if isnan(own):
            to[i] = NAN
        elif isinf(own):
            to[i] = INFINITY
            trial.infinite = True
        elif isinf(to[i]) or not reached:
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
        if in_reach(&f.of_n, f.n, own):
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


# Elements this near to 0 may have a factor of 0 before the sums of t, whose own is not 0.
cdef double lowest_factor(const Formula* f) noexcept nogil:
    cdef double lowest
    if f.p <= 1:
        return 0
    lowest = pow(ldexp(1, 1 - EXPONENT_BIAS) / fabs(f.slope), 1 / (f.p - 1))
    return fmax(lowest, f.of_x_less.floor) if f.entering == POWERS else lowest


# gp and t of D and N(x). What underflows is left to wider numbers where an infinity meets it, since it is not 0.
cdef void weigh_again(const Formula* f, const real* g, const real* x, const real* numerator, const real* d, real* t,
                      real* gp, Py_ssize_t length, Trial* trial) noexcept nogil:
    cdef double most = LARGEST / ceiling_of_t(), q = -f.q
    cdef double up = pow(INFINITY, q), down = pow(-INFINITY, q), none = pow(NAN, q)
    cdef double up_less = ldexp(pow(INFINITY, q - 1), RAISED), down_less = ldexp(pow(-INFINITY, q - 1), RAISED)
    cdef double none_less = ldexp(pow(NAN, q - 1), RAISED)
    cdef double lowest = lowest_factor(f), size
    cdef real own, own_g
    cdef Py_ssize_t i
    for i in range(length):
        own, own_g, size = real_of(numerator + i), real_of(g + i), fabs(real_of(x + i))
        if not isfinite(d[i]):
            gp[i] = <real>(own_g * (none if isnan(d[i]) else up if d[i] > 0 else down))
            t[i] = <real>(<double>own_g * own * (none_less if isnan(d[i]) else up_less if d[i] > 0 else down_less))
        elif not (isfinite(own_g) and isfinite(own)):
            if not isfinite(own_g):
                gp[i] = own_g
            t[i] = own_g * own
            if own == 0 and size > 0:
                trial.left = True
        elif not fabs(t[i]) <= most:
            t[i] = NAN
            trial.left = True
        if isinf(t[i]):
            trial.endless = True
        if 0 < size < lowest:
            trial.tiny = True
    if trial.endless and trial.tiny:
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
            set_real(dx + i, <real>(gp[i] - f.slope * copysign(1, own) * pow(INFINITY, f.p - 1) * sums[i]))


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
        weigh_again(f, g, x, numerator, trial.kept, t, gp, length, trial)
    if f.signed_power:
        numerator_slopes(f, x, trial.numerators, length)
        if trial.again:
            numerators_again(f, x, trial.numerators, length, True, trial)
        times_line(trial.numerators, gp, length)
