# A window of n channels as a sum of taps on trailing sums.
#
# T_m[r] is the sum of the m newest squares up to row r; T_1 are the squares themselves, and each level holds three of
# the one below: T_3m[r] = T_m[r] + T_m[r - m] + T_m[r - 2m]. The window of n rows ending at r is
#     n <= 9      T_1[r] + T_1[r - 1] + ... + T_1[r - n + 1]
#     otherwise   on level 3^i as many taps as digit i of n in base 3 (0, 1 or 2), the smallest level nearest:
#                 32 = 2 * 1 + 1 * 3 + 0 * 9 + 1 * 27 is T_1[r] + T_1[r - 1] + T_3[r - 2] + T_27[r - 5]
# so n costs at most 4 log3(n) additions and log3(n) stores, each row enters only the windows that hold it, and the
# order of the additions depends on n alone. A tap on level T_m lies fewer than 2m rows back, and the farthest row of a
# climb exactly 2m: a level needs no more than 2m + 1 rows.

cdef enum:
    DIRECT_TAPS = 9
    MAX_LEVELS = 26         # windows of up to 3^26 channels
    MAX_TAPS = 52
    LONGEST_WINDOW = 2541865828328  # 3^26 - 1


cdef struct Window:
    int levels
    int taps
    int level[MAX_TAPS]           # of each tap
    Py_ssize_t lag[MAX_TAPS]      # of each tap, in rows
    Py_ssize_t span[MAX_LEVELS]   # rows summed in a level
    Py_ssize_t depth[MAX_LEVELS]  # rows a level has to remember, the newest included
    Py_ssize_t rows               # all levels together


cdef rare plan_window(Window* window, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t lag = 0, span = 1
    cdef int level = 0, i
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
    while size >= span:
        window.span[level] = span
        window.depth[level] = 2 * span + 1
        for i in range(size // span % 3):
            window.level[window.taps] = level
            window.lag[window.taps] = lag
            window.taps += 1
            lag += span
        span *= 3
        if size < span:
            window.depth[level] = window.lag[window.taps - 1] + 1
        window.rows += window.depth[level]
        level += 1
    window.levels = level
    if window.taps == 3:
        # two small taps first, then the largest: one rounding less of the whole
        window.level[1], window.level[2] = window.level[2], window.level[1]
        window.lag[1], window.lag[2] = window.lag[2], window.lag[1]
