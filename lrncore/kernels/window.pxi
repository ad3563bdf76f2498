# A window of n channels as a sum of taps on trailing sums.
#
# T_m[r] is the sum of the m newest squares up to row r; T_1 are the squares themselves, and each level holds three of
# the one below: T_3m[r] = T_m[r] + T_m[r - m] + T_m[r - 2m]. The window of n rows ending at r is
#     n <= 9      T_1[r] + T_1[r - 1] + ... + T_1[r - n + 1]
#     otherwise   two to five taps on the largest level 3^i, and on each smaller one as many as its digit of n in base 3
#                 (0, 1 or 2), the smallest level nearest: 32 = 2 * 1 + 1 * 3 + 3 * 9 is
#                 T_1[r] + T_1[r - 1] + T_3[r - 2] + T_9[r - 5] + T_9[r - 14] + T_9[r - 23]
# so n costs about 4 log3(n) additions and log3(n) stores, each row enters only the windows that hold it, and the order
# of the additions depends on n alone. (Instead of three taps, one on a level more would take as many additions and a
# store.) A tap below the largest level lies fewer than 2m rows back, and the farthest row of a climb exactly 2m: such a
# level needs no more than 2m + 1 rows.

cdef enum:
    DIRECT_TAPS = 9
    MOST_TAPS = 5           # on the largest of several levels
    MAX_LEVELS = 26
    MAX_TAPS = 55
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
    cdef Py_ssize_t lag = 0, span = 1, left = size, digit
    cdef int level = 0, i
    cdef bint largest = False
    window.taps = 0
    window.rows = 0
    while not largest:
        largest = size <= DIRECT_TAPS or left <= MOST_TAPS
        digit = left if largest else left % 3
        window.span[level] = span
        window.depth[level] = 2 * span + 1
        for i in range(digit):
            window.level[window.taps] = level
            window.lag[window.taps] = lag
            window.taps += 1
            lag += span
        if largest:
            window.depth[level] = lag - span + 1
        window.rows += window.depth[level]
        left //= 3
        span *= 3
        level += 1
    window.levels = level
