# Sums as exact as twice the precision: what each addition rounds away is added up apart.
cdef struct Total:
    double sum
    double rest


cdef struct Totals:
    Total k
    Total scale
    Total beta


cdef inline void add(Total* total, double v) noexcept nogil:
    cdef double sum = total.sum + v, part = sum - total.sum
    if isfinite(sum):
        total.rest += (total.sum - (sum - part)) + (v - part)
    total.sum = sum


cdef inline void add_total(Total* total, const Total* other) noexcept nogil:
    add(total, other.sum)
    total.rest += other.rest
