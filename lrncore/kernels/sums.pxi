# Sums: lines of trailing sums, and from their taps the sums of windows.
#
# A loop over vectors calls `sum_vector` for each of them, which finds the way of its sum anew: those branches are
# always predicted, and cost less than a line of s between two loops (on AVX-512 five cycles a vector). In loops whose
# `How` is a constant they vanish; powers.pxi has the table of those.

cdef enum:
    MOST_LANES = 16
    HELD_TAPS = 5           # more pointers than registers would pass through vectors
    CLIMBED = 16            # vectors that climb one level at a time: packed, n = 31 (Zen 4, November 2026)


# A way to sum
cdef struct How:
    Source source
    int taps
    Addition addition


# What a loop needs of a set of windows
cdef struct Windows:
    How how
    const Taps* taps
    int held                        # taps, where their number is constant, are in registers:
    const real* line[HELD_TAPS]
    const real* masks
    Py_ssize_t mask_pitch
    Py_ssize_t period
    const real* entering
    real* squares                   # where the squares of `entering` go
    Py_ssize_t ahead
    bint outer                      # FAR: x is prefetched into the second-level cache
    vec scale
    vec k


# A vector's place: in the lines of scratch, and in x where the taps lie on it, for there is one line only then
cdef struct Spot:
    Py_ssize_t i
    Py_ssize_t mask
    Py_ssize_t part


# How `ready` sums the squares
cdef inline How how_of(const Formula* f, const Lines* lines) noexcept nogil:
    return How(source=lines.source, taps=lines.taps[SQUARES].count, addition=f.addition)


# The same, after those that entered are stored
cdef inline How how_again(const Formula* f, const Lines* lines) noexcept nogil:
    cdef How how = how_of(f, lines)
    if how.source == ENTERING:
        how.source = STORED
    return how


# The same for operators that do not take what enters (`takes_entering`): fewer ways to compile
cdef inline How how_stored(const Formula* f, const Lines* lines) noexcept nogil:
    return How(source=MASKED if lines.period else STORED, taps=lines.taps[SQUARES].count, addition=f.addition)


# How the second set of windows is summed
cdef inline How how_second(const Lines* lines) noexcept nogil:
    return How(source=MASKED if lines.period else STORED, taps=lines.taps[SECOND].count, addition=PLAIN)


cdef inline void open_windows(Windows* windows, const Formula* f, const Lines* lines, int which, How how,
                              int constant_taps) noexcept nogil:
    cdef int j
    windows.how = how
    windows.taps = &lines.taps[which]
    windows.held = min(constant_taps, <int>HELD_TAPS)
    for j in range(windows.held):
        windows.line[j] = lines.taps[which].line[j]
    windows.masks = lines.taps[which].masks
    windows.mask_pitch = lines.taps[which].mask_pitch
    windows.period = lines.period
    windows.entering = lines.entering
    windows.squares = lines.taps[which].level[0]
    windows.ahead = lines.ahead
    windows.outer = False
    windows.scale = splat(f.scale)
    windows.k = splat(f.k)


cdef inline vec term(const Windows* windows, int j, Source source, Spot at) noexcept nogil:
    cdef const real* line = windows.line[j] if j < windows.held else windows.taps.line[j]
    cdef vec v
    if source == FAR:
        v = fetch(line + at.i, at.part)
        return v * v
    v = load(line + at.i)
    if source == MASKED:
        v = keep(v, load(windows.masks + at.mask + j * windows.mask_pitch))
    return v


# Two more taps of a sum in two halves
cdef inline void add_two(const Windows* windows, int j, Source source, Spot at, vec* even, vec* odd) noexcept nogil:
    even[0] = even[0] + term(windows, j, source, at)
    odd[0] = odd[0] + term(windows, j + 1, source, at)


# The sum of the taps, the newest of which is given, in two halves: two chains of additions in place of one. One order
# of additions for every source and both walks.
cdef inline void half_sums(const Windows* windows, vec newest, int taps, Source source, Spot at, vec* even,
                           vec* odd) noexcept nogil:
    cdef int j
    even[0] = newest
    odd[0] = splat(0)
    if taps == 1:
        return
    odd[0] = term(windows, 1, source, at)
    # not a loop, which compilers keep
    if taps > 3:
        add_two(windows, 2, source, at, even, odd)
    if taps > 5:
        add_two(windows, 4, source, at, even, odd)
    for j in range(6, taps - 1, 2):
        add_two(windows, j, source, at, even, odd)
    if taps & 1:
        even[0] = even[0] + term(windows, taps - 1, source, at)


cdef inline vec climbed(const Taps* taps, int level, vec newest, Py_ssize_t i) noexcept nogil:
    newest = newest + load(taps.earlier[level][0] + i) + load(taps.earlier[level][1] + i)
    store(taps.level[level] + i, newest)
    return newest


# Squares that enter, and climb where there are levels: the newest elements of the first tap, which are not loaded again
# (a load would wait for the store)
cdef inline vec entered(const Windows* windows, Spot at) noexcept nogil:
    cdef const Taps* taps = windows.taps
    cdef vec newest = fetch(windows.entering + at.i, at.part), nearest
    cdef int level
    newest = newest * newest
    store(windows.squares + at.i, newest)
    if windows.how.addition != APART:
        return newest
    nearest = newest
    newest = climbed(taps, 1, newest, at.i)
    if taps.nearest >= 1:
        nearest = newest
    if taps.levels > 2:
        newest = climbed(taps, 2, newest, at.i)
        if taps.nearest >= 2:
            nearest = newest
        for level in range(3, taps.levels):
            newest = climbed(taps, level, newest, at.i)
            if taps.nearest >= level:
                nearest = newest
    return nearest


# The two halves of a window's sum
cdef inline void sum_halves(const Windows* windows, Spot at, vec* even, vec* odd) noexcept nogil:
    cdef Source source = windows.how.source
    cdef int taps = windows.how.taps
    cdef vec newest
    if source == MASKED:
        half_sums(windows, term(windows, 0, MASKED, at), taps, MASKED, at, even, odd)
        return
    if source == FAR:
        prefetch_into(windows.entering + at.i + windows.ahead, windows.outer)
        half_sums(windows, term(windows, 0, FAR, at), taps, FAR, at, even, odd)
        return
    newest = entered(windows, at) if source == ENTERING else term(windows, 0, STORED, at)
    half_sums(windows, newest, taps, STORED, at, even, odd)


cdef inline vec added(const Windows* windows, Addition addition, vec even, vec odd) noexcept nogil:
    cdef vec sum
    if addition == APART:   # first the half of fewer taps
        return muladd(windows.scale, even, muladd(windows.scale, odd, windows.k))
    sum = even if windows.how.taps == 1 else even + odd
    if addition == PLAIN:
        return sum
    if addition == COMPENSATED:
        return muladd(windows.scale, sum, muladd(windows.scale, odd - (sum - even), windows.k))
    return muladd(windows.scale, sum, windows.k)


cdef inline vec sum_vector(const Windows* windows, Spot at) noexcept nogil:
    cdef vec even, odd
    sum_halves(windows, at, &even, &odd)
    return added(windows, windows.how.addition, even, odd)


# s, and 1 behind a line's end
cdef inline vec sum_under_power(const Windows* windows, Spot at) noexcept nogil:
    cdef vec s = sum_vector(windows, at)
    return first_lanes(s, splat(1), at.part) if UNLIKELY(at.part != 0) else s


# Both in one copy, for loops with more to do than a call costs
cdef vec any_sum(const Windows* windows, const Spot* at) noexcept nogil:
    return sum_vector(windows, at[0])


cdef inline vec any_sum_under_power(const Windows* windows, Spot at) noexcept nogil:
    cdef vec s = any_sum(windows, &at)
    return first_lanes(s, splat(1), at.part) if UNLIKELY(at.part != 0) else s


# Squares of the lines that enter
cdef void square(const Formula* f, const Lines* lines) noexcept nogil:
    cdef const real* x = lines.entering
    cdef real* squares = lines.taps[SQUARES].level[0]
    cdef Py_ssize_t line, i, length = lines.length
    cdef vec v
    for line in range(lines.count):
        i = 0
        while i <= length - LANES:
            v = load(x + i)
            store(squares + i, v * v)
            i += LANES
        if i < length:
            v = load_part(x + i, length - i)
            store(squares + i, v * v)
        x = <const real*>(<const char*>x + lines.x_pitch)
        squares += lines.pitch


# Squares of what enters, added up
cdef void pile_squares(const Lines* lines, real* const* piles, Py_ssize_t length, Py_ssize_t rows,
                       Py_ssize_t apart) noexcept nogil:
    cdef const real* x = lines.entering
    cdef Py_ssize_t i = 0, row, part
    cdef vec sum, v
    while i < length:
        part = part_of(length - i)
        sum = load(piles[SQUARES] + i)
        for row in range(rows):
            v = fetch(x + row * apart + i, part)
            sum = sum + v * v
        store(piles[SQUARES] + i, sum)
        i += LANES


cdef void add_behind(real* const* piles, int sets, Py_ssize_t length, Py_ssize_t behind) noexcept nogil:
    cdef Py_ssize_t i
    cdef int which
    for which in range(sets):
        i = 0
        if length < LANES:
            # in scalars: a vector would wait for parts of those stored just before
            for i in range(length):
                piles[which][i] += piles[which][behind + i]
            continue
        while i < length:
            store(piles[which] + i, load(piles[which] + i) + load(piles[which] + behind + i))
            i += LANES


# The newest elements of a level, [i, end) of the lines of scratch
cdef inline void climb_level(const Taps* windows, int level, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    cdef const real* below = windows.level[level - 1]
    cdef const real* earlier = windows.earlier[level][0]
    cdef const real* earliest = windows.earlier[level][1]
    cdef real* above = windows.level[level]
    while i < end:
        store(above + i, load(below + i) + load(earlier + i) + load(earliest + i))
        i += LANES


# The newest line of every level above the first, of sets `first` to `last` - 1. Some vectors of one level, or all lines
# where those are short, then of the next: what a level has from the one below may be the elements just before, which
# no load should meet on their way to the cache.
cdef void climb(const Lines* lines, int first, int last, Py_ssize_t length) noexcept nogil:
    cdef const Taps* windows
    cdef Py_ssize_t line, begin, end
    cdef int which, level
    for which in range(first, last):
        windows = &lines.taps[which]
        if length <= CLIMBED * LANES:
            for level in range(1, windows.levels):
                for line in range(lines.count):
                    climb_level(windows, level, line * lines.pitch, line * lines.pitch + length)
            continue
        for line in range(lines.count):
            begin = line * lines.pitch
            end = begin + length
            while begin < end:
                for level in range(1, windows.levels):
                    climb_level(windows, level, begin, min(end, begin + CLIMBED * LANES))
                begin += CLIMBED * LANES


# Where the taps of 3 or 5 places lie side by side, loads of whole vectors and shifts take the place of loads across
# cache lines.
cdef inline void sum_adjacent_loop(const Taps* taps, int count, real* to, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef vec before = load(taps.line[0] - LANES), v, even, odd
    while i < length:
        v = load(taps.line[0] + i)
        even = v + lanes_before(before, v, 2)
        odd = lanes_before(before, v, 1)
        if count == 5:
            even = even + lanes_before(before, v, 4)
            odd = odd + lanes_before(before, v, 3)
        store(to + i, even + odd)
        before = v
        i += LANES


# The sum of a window that reaches `reach` lanes (1, 2 or 4) both ways from those of v
cdef inline vec sum_around(vec before, vec v, vec after, int reach) noexcept nogil:
    cdef vec even = lanes_after(v, after, reach), odd
    if reach == 1:
        return (even + lanes_before(before, v, 1)) + v
    if reach == 2:
        return (even + v + lanes_before(before, v, 2)) + (lanes_after(v, after, 1) + lanes_before(before, v, 1))
    odd = lanes_after(v, after, 3) + lanes_after(v, after, 1) + lanes_before(before, v, 1) + lanes_before(before, v, 3)
    return (even + lanes_after(v, after, 2) + v + lanes_before(before, v, 2) + lanes_before(before, v, 4)) + odd


# The same of the squares of lines that enter, under windows that reach `reach` places (1 or 2) both ways: `square` and
# the sum in one
cdef inline void sum_squares_loop(const Lines* lines, int reach, real* to) noexcept nogil:
    cdef const real* x = lines.entering
    cdef Py_ssize_t line, i
    cdef vec before, v, after
    for line in range(lines.count):
        before = after = splat(0)
        v = fetch(x, part_of(lines.length))
        v = v * v
        i = 0
        while i < lines.length:
            if i + LANES < lines.length:
                after = fetch(x + i + LANES, part_of(lines.length - i - LANES))
                after = after * after
            else:
                after = splat(0)
            store(to + i, sum_around(before, v, after, reach))
            before = v
            v = after
            i += LANES
        x = <const real*>(<const char*>x + lines.x_pitch)
        to += lines.pitch


cdef void sum_squares_along(const Lines* lines, int reach, real* to) noexcept nogil:
    if reach == 1:
        sum_squares_loop(lines, 1, to)
    else:
        sum_squares_loop(lines, 2, to)


cdef inline void sum_along_loop(const Taps* taps, int count, real* to, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef vec even, odd
    cdef int j
    while i < length:
        even = load(taps.line[0] + i)
        if count > 1:
            odd = load(taps.line[1] + i)
            for j in range(2, count - 1, 2):
                even = even + load(taps.line[j] + i)
                odd = odd + load(taps.line[j + 1] + i)
            if count & 1:
                even = even + load(taps.line[count - 1] + i)
            even = even + odd
        store(to + i, even)
        i += LANES


# Windows along a row itself (box.pxi): the sums of the taps of sets `first` to `last` - 1
cdef void sum_along(const Lines* lines, int first, int last, Py_ssize_t length) noexcept nogil:
    cdef const Taps* taps
    cdef int which
    for which in range(first, last):
        taps = &lines.taps[which]
        if SHIFTS_LANES and taps.count == 5 and taps.levels == 1 and taps.line[0] - taps.line[1] == 1:
            sum_adjacent_loop(taps, 5, lines.along[which], length)
        elif SHIFTS_LANES and taps.count == 3 and taps.levels == 1 and taps.line[0] - taps.line[1] == 1:
            sum_adjacent_loop(taps, 3, lines.along[which], length)
        elif taps.count == 5:
            sum_along_loop(taps, 5, lines.along[which], length)
        elif taps.count == 3:
            sum_along_loop(taps, 3, lines.along[which], length)
        else:
            sum_along_loop(taps, taps.count, lines.along[which], length)
