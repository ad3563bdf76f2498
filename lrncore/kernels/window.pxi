# A window of n channels as a sum of taps on trailing sums.
#
# T_m[r] is the sum of the m newest squares up to row r; T_1 are the squares themselves, and
# T_2m[r] = T_m[r] + T_m[r - m] doubles a level by one addition. The window of n rows ending at r is
#     n <= 9      T_1[r] + T_1[r - 1] + ... + T_1[r - n + 1]
#     otherwise   one tap for each binary digit of n, the smallest level nearest: 13 = 1 + 4 + 8 is
#                 T_1[r] + T_4[r - 1] + T_8[r - 5]
# so n costs about 2 log2(n) additions, each row enters only the windows that hold it, and the order of the
# additions depends on n alone. A tap of level T_m lies fewer than m rows back, and so does the other half of
# a climb (exactly m): a level needs no more than m + 1 rows.

cdef enum:
    DIRECT_TAPS = 9
    MAX_LEVELS = 40         # windows of up to 2^40 channels
    MAX_TAPS = 40


cdef struct Window:
    int levels
    int taps
    int level[MAX_TAPS]           # of each tap
    Py_ssize_t lag[MAX_TAPS]      # of each tap, in rows
    Py_ssize_t depth[MAX_LEVELS]  # rows a level has to remember, the newest included
    Py_ssize_t rows               # all levels together


cdef void plan_window(Window* window, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t lag = 0
    cdef int level
    window.levels = 1
    window.taps = 0
    if size <= DIRECT_TAPS:
        for lag in range(size):
            window.level[lag] = 0
            window.lag[lag] = lag
        window.taps = <int>size
        window.depth[0] = size
        window.rows = size
        return
    window.rows = 0
    level = 0
    while size >> level:
        window.depth[level] = (<Py_ssize_t>1 << level) + 1
        if (size >> level) & 1:
            window.level[window.taps] = level
            window.lag[window.taps] = lag
            window.taps += 1
            lag += <Py_ssize_t>1 << level
            if not size >> (level + 1):
                window.depth[level] = window.lag[window.taps - 1] + 1
        window.rows += window.depth[level]
        level += 1
    window.levels = level
