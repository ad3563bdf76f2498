# The forward: y = x s^-beta (powers.pxi).

# x s^-beta, at most scale^-1/2 s^(1/2 - beta) where scale > 0 and k >= 0, is finite: the loop does not look at results.
cdef rare narrow_for_forward(const Formula* f, Py_ssize_t size, Exponents* reach) noexcept nogil:
    cdef double room
    if f.exact_scale > 0 and f.exact_k >= 0:
        room = EXPONENT_BIAS - 2 + 0.5 * ilogb(f.exact_scale)
        if f.beta > 0.5:
            reach.lowest = max(reach.lowest, <int>max(ceil(room / (0.5 - f.beta)), -EXPONENT_BIAS))
        elif f.beta < 0.5:
            reach.highest = min(reach.highest, <int>min(floor(room / (0.5 - f.beta)), EXPONENT_BIAS + 1))
    # otherwise s says nothing of x: s^-beta is at most 1
    elif f.beta > 0:
        reach.lowest = max(reach.lowest, 1)
    elif f.beta < 0:
        reach.highest = min(reach.highest, -1)


cdef Operator FORWARD


cdef rare define_forward() noexcept nogil:
    global FORWARD
    FORWARD = Operator(
        enter=square, climb=climb, along=sum_along, pile=NULL, add=NULL, factors=NULL,
        ready=normalize, late=NULL, straight=forward_straight, exact=NULL, takes_entering=True,
        narrow=narrow_for_forward,
        entering=1, raised=0, steep_quotient=False, any_power=False, reads_g=False, g_enters=False, writes=True,
        parts=0,
    )
