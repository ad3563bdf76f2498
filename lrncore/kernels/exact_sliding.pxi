# Sums of recomputed elements over long windows: two additions an element however long they are, and none subtracted.
#
# Channels are cut into blocks as long as a window, from channel 0 on. A window is the end of a block and the beginning
# of the next one, so it needs a sum from its first channel to that end and a sum from there to its last channel:
#
#     channel      0 1 2 3 4 | 5 6 7 8 9 | 10 11            windows of 5
#     window             3 4   5 6 7                        (x[4] + x[3]) + ((x[5] + x[6]) + x[7])
#
# The second one grows as channels enter; when a block is complete, it is summed up from its end, in place. That takes
# as much memory as a window has, and what enters is read once. Which sums a window adds up depends on its channels
# alone, so every walk gives the same bits. The terms of a gradient enter likewise, each made once.

cdef enum:
    SHORT_WINDOW = 15       # channels: up to here the windows themselves are added up (exact.pxi)
    AT_ONCE = 128           # positions whose sums are made together


# Numbers of channels `begin` to `end` - 1, of `inner` positions each
cdef struct Strip:
    double* at
    Py_ssize_t apart        # from numbers to their exponents
    Py_ssize_t room         # positions
    Py_ssize_t begin
    Py_ssize_t end


# One set of windows
cdef struct Sliding:
    Py_ssize_t back         # channels that windows reach back, and ahead
    Py_ssize_t ahead
    Py_ssize_t limit        # the last channel whose windows are complete
    Py_ssize_t lowest       # channels from here on
    Py_ssize_t entered      # up to here have entered
    double* block           # what entered of the block at hand; behind it still the sums to the end of the last one
    double* newest          # the sum of the block at hand,
    double* lost            # and what that was rounded by
    Py_ssize_t apart
    Strip sums


cdef struct Track:
    Around* around
    const real* x           # of channel `channel`
    const real* g
    Py_ssize_t channel
    Py_ssize_t at_once      # channels whose sums are made together
    bint adds_terms         # the second set is of t, made from windows of the first one, and not of products
    Sliding of[SETS]
    Strip terms
    Strip shares            # g s^-beta of what has a t


cdef inline Py_ssize_t positions_at_once(Py_ssize_t inner) noexcept nogil:
    return AT_ONCE + 2 * inner + 2 * WIDE_LANES


cdef inline Py_ssize_t block_positions(const Job* job, Py_ssize_t inner) noexcept nogil:
    return min(job.before + job.after + 1, job.channels) * inner + WIDE_LANES


cdef inline Py_ssize_t share_positions(const Job* job, Py_ssize_t inner) noexcept nogil:
    return 2 * job.before * inner + 4 * positions_at_once(inner)


# Bytes for tracks of `inner` positions a channel
cdef Py_ssize_t track_bytes(const Job* job, Py_ssize_t inner) noexcept nogil:
    cdef Py_ssize_t parts = sizeof(Wide) // sizeof(wide)
    cdef Py_ssize_t of_set = block_positions(job, inner) + 2 * (inner + WIDE_LANES) + positions_at_once(inner)
    cdef Py_ssize_t of_terms = positions_at_once(inner) + share_positions(job, inner) if job.op.late else 0
    return (sets_of(job.op) * of_set + of_terms) * parts * <Py_ssize_t>sizeof(double)


# Takes numbers of so many positions from scratch.
cdef double* take_numbers(double** scratch, Py_ssize_t positions) noexcept nogil:
    cdef double* at = scratch[0]
    scratch[0] += positions * <Py_ssize_t>(sizeof(Wide) // sizeof(wide))
    return at


cdef void take_strip(Strip* strip, double** scratch, Py_ssize_t positions) noexcept nogil:
    strip.at = take_numbers(scratch, positions)
    strip.apart = strip.room = positions


# Of `around.inner` positions a channel, which are nowhere yet
cdef void open_track(Track* t, const Job* job, Around* around) noexcept nogil:
    cdef double* scratch = <double*>around.terms.kept
    cdef Py_ssize_t inner = around.inner
    cdef Sliding* s
    cdef int which
    around.track = t
    t.around = around
    t.adds_terms = job.op.late != NULL
    t.at_once = 1 if around.row else max(AT_ONCE // inner, <Py_ssize_t>1) + WIDE_LANES // inner + 1
    for which in range(sets_of(job.op)):
        s = &t.of[which]
        s.back = job.before
        s.ahead = job.after
        if which == SECOND and t.adds_terms:
            s.back = job.after
            s.ahead = job.before
        s.apart = block_positions(job, inner)
        s.block = take_numbers(&scratch, s.apart)
        s.newest = take_numbers(&scratch, inner + WIDE_LANES)
        s.lost = take_numbers(&scratch, inner + WIDE_LANES)
        take_strip(&s.sums, &scratch, positions_at_once(inner))
    if t.adds_terms:
        take_strip(&t.terms, &scratch, positions_at_once(inner))
        take_strip(&t.shares, &scratch, share_positions(job, inner))
    forget(t)


# Another slab
cdef void forget(Track* t) noexcept nogil:
    cdef Sliding* s
    cdef int which
    for which in range(SETS):
        s = &t.of[which]
        s.lowest = s.entered = s.sums.begin = s.sums.end = 0
    t.terms.begin = t.terms.end = t.shares.begin = t.shares.end = 0


# A line of some channels, from around.first on, which are at x and g
cdef inline void aim_track(const Lines* lines, const real* x, const real* g) noexcept nogil:
    cdef Track* t = lines.around.track
    if t == NULL:
        return
    if lines.count > 1:
        forget(t)
    aim_track_at(t, x, g, lines.length)


cdef void aim_track_at(Track* t, const real* x, const real* g, Py_ssize_t length) noexcept nogil:
    cdef const Around* around = t.around
    cdef Py_ssize_t last = (around.first + length - 1) // around.inner
    t.x = x
    t.g = g
    t.channel = around.first // around.inner
    t.of[SECOND].limit = last
    t.of[SQUARES].limit = min(last + around.before, around.channels - 1) if t.adds_terms else last


# The sums of a set over the windows of some elements
cdef Wide window_sum(const Formula* f, const Site* site, int which) noexcept nogil:
    cdef Track* t = site.around.track
    cdef Sliding* s = &t.of[which]
    cdef Py_ssize_t inner = site.around.inner
    if site.lowest < s.sums.begin or site.highest >= s.sums.end:
        if site.lowest < s.sums.begin or site.lowest - s.back > s.entered:
            s.lowest = s.entered = max(<Py_ssize_t>0, site.lowest - s.back)
            s.sums.begin = s.sums.end = 0
        drop(&s.sums, inner, site.lowest)
        slide(f, t, which, min(s.limit + 1, max(site.highest + 1, s.sums.begin + t.at_once)))
    return load_numbers(s.sums.at + site.position - s.sums.begin * inner, s.sums.apart)


# Channels below `first` are not needed any more; those from it on move to the beginning.
cdef void drop(Strip* strip, Py_ssize_t inner, Py_ssize_t first) noexcept nogil:
    cdef Py_ssize_t part, parts = sizeof(Wide) // sizeof(wide)
    cdef double* at
    if strip.begin < first < strip.end:
        for part in range(parts):
            at = strip.at + part * strip.apart
            memmove(at, at + (first - strip.begin) * inner, (strip.end - first) * inner * sizeof(double))
    strip.begin = first
    strip.end = max(strip.end, first)


# Sums over the windows of channels from sums.end to `end` - 1
cdef void slide(const Formula* f, Track* t, int which, Py_ssize_t end) noexcept nogil:
    cdef Sliding* s = &t.of[which]
    cdef Py_ssize_t size = s.back + s.ahead + 1, channels = t.around.channels, inner = t.around.inner
    cdef Py_ssize_t stop = min(channels, end + s.ahead), first, last, i
    cdef bint terms = which == SECOND and t.adds_terms
    while s.entered < stop:
        first = s.entered
        last = min(stop, (first // size + 1) * size)
        if terms:
            if not t.terms.begin <= first < t.terms.end:
                bring_terms(f, t, first)
            last = min(last, t.terms.end)
        i = 0
        while i < inner:
            if inner - i == 1:
                enter_places(t, which, i, 1, first, last)
            else:
                enter_places(t, which, i, min(inner - i, <Py_ssize_t>WIDE_LANES), first, last)
            i += WIDE_LANES
        t.around.work.summed += (last - first) * ((inner + WIDE_LANES - 1) // WIDE_LANES)
        s.entered = last
        s.sums.end = max(s.sums.end, last - s.ahead)
        if last % size == 0 or last == channels:
            sum_block(t, s)
    while s.sums.end < end:
        sum_last(t, s)


# What channels `first` to `last` - 1 of one block have at WIDE_LANES places or fewer, from the `i`th on, enters, and
# the sums of windows that end there are made.
cdef inline void enter_places(Track* t, int which, Py_ssize_t i, Py_ssize_t count, Py_ssize_t first,
                              Py_ssize_t last) noexcept nogil:
    cdef const Around* around = t.around
    cdef Sliding* s = &t.of[which]
    cdef Py_ssize_t inner = around.inner, size = s.back + s.ahead + 1, j = first % size, wanted = s.sums.end + s.ahead
    cdef Py_ssize_t c, apart = s.apart, sums_apart = s.sums.apart
    cdef double* block = s.block + j * inner + i
    cdef double* sums = s.sums.at + (first - s.ahead - s.sums.begin) * inner + i
    cdef const double* terms = NULL
    cdef const real* x = neighbour(&around.x, t.x, first - t.channel) + i
    cdef const real* g = x
    cdef bint of_terms = which == SECOND and t.adds_terms
    cdef Wide newest = load_some_numbers(s.newest + i, inner + WIDE_LANES, count), sum, v
    cdef wide lost = load_some_numbers(s.lost + i, 0, count).m
    if of_terms:
        terms = t.terms.at + (first - t.terms.begin) * inner + i
    if which == SECOND:
        g = neighbour(&around.g, t.g, first - t.channel) + i
    if j == 0 or first == s.lowest:
        newest = wide_nothing()
        lost = wide_splat(0)
    for c in range(first, last):
        if of_terms:
            v = load_some_numbers(terms, t.terms.apart, count)
            terms += inner
        else:
            v = wide_of(some_elements(x, count))
            x = wrapped(&around.x, <const char*>x + around.x.step)
            if which == SQUARES:
                v = wide_times(v, v)
            else:
                v = wide_times(v, wide_of(some_elements(g, count)))
                g = wrapped(&around.g, <const char*>g + around.g.step)
        wide_accumulate_number(&newest, &lost, v)
        if c >= wanted:
            sum = newest
            if c >= size and j < size - 1:
                sum = wide_plus(sum, load_some_numbers(block + inner, apart, count))
            store_some_numbers(sums, sums_apart, sum, count)
        store_some_numbers(block, apart, v, count)
        block += inner
        sums += inner
        j += 1
    store_some_numbers(s.newest + i, inner + WIDE_LANES, newest, count)
    store_some_doubles(s.lost + i, lost, count)


cdef inline wide some_elements(const real* at, Py_ssize_t count) noexcept nogil:
    return wide_splat(real_of(at)) if count == 1 else load_wide(at, count)


# What entered of a block becomes the sums from there to its end.
cdef void sum_block(Track* t, Sliding* s) noexcept nogil:
    cdef Py_ssize_t size = s.back + s.ahead + 1, inner = t.around.inner, i = 0
    cdef Py_ssize_t end = (s.entered - 1) % size, begin = max(<Py_ssize_t>0, s.lowest - (s.entered - 1 - end))
    while i < inner:
        if inner - i == 1:
            sum_places(s, inner, i, 1, begin, end)
        else:
            sum_places(s, inner, i, min(inner - i, <Py_ssize_t>WIDE_LANES), begin, end)
        i += WIDE_LANES


cdef inline void sum_places(Sliding* s, Py_ssize_t inner, Py_ssize_t i, Py_ssize_t count, Py_ssize_t begin,
                            Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t j, apart = s.apart
    cdef double* block = s.block + end * inner + i
    cdef Wide sum = wide_nothing()
    cdef wide lost = wide_splat(0)
    for j in range(begin, end + 1):
        wide_accumulate_number(&sum, &lost, load_some_numbers(block, apart, count))
        store_some_numbers(block, apart, sum, count)
        block -= inner


# The sums over the windows of channel sums.end, which end with the last channel
cdef void sum_last(Track* t, Sliding* s) noexcept nogil:
    cdef Py_ssize_t size = s.back + s.ahead + 1, inner = t.around.inner, channels = t.around.channels, i = 0
    cdef Py_ssize_t first = max(<Py_ssize_t>0, s.sums.end - s.back), last_block = (channels - 1) // size * size
    cdef double* sums = s.sums.at + (s.sums.end - s.sums.begin) * inner
    cdef Wide sum, newest
    while i < inner:
        newest = load_numbers(s.newest + i, inner + WIDE_LANES)
        sum = load_numbers(s.block + first % size * inner + i, s.apart)
        if first < last_block:
            sum = wide_plus(newest, sum)
        store_some_numbers(sums + i, s.sums.apart, newest if first == last_block else sum,
                           min(inner - i, <Py_ssize_t>WIDE_LANES))
        i += WIDE_LANES
    s.sums.end += 1


# The terms of channels from `first` on, some at a time
cdef void bring_terms(const Formula* f, Track* t, Py_ssize_t first) noexcept nogil:
    cdef const Around* around = t.around
    cdef Py_ssize_t inner = around.inner, i = 0, count
    cdef Py_ssize_t end = min(first + t.at_once, t.of[SQUARES].limit + 1), length = (end - first) * inner
    cdef const real* x = neighbour(&around.x, t.x, first - t.channel)
    cdef const real* g = neighbour(&around.g, t.g, first - t.channel)
    cdef double* shares
    cdef Wide share
    cdef Site site
    t.terms.begin = first
    t.terms.end = end
    if first != t.shares.end:
        t.shares.begin = t.shares.end = first
    if (end - t.shares.begin) * inner > t.shares.room - WIDE_LANES:
        drop(&t.shares, inner, min(t.of[SECOND].sums.begin, first))
    shares = t.shares.at + (first - t.shares.begin) * inner
    t.shares.end = end
    while i < length:
        count = min(length - i, <Py_ssize_t>WIDE_LANES)
        site.around = around
        site.x = x + i
        site.g = g + i
        site.count = count
        site.position = first * inner + i
        site.lowest = site.position // inner
        site.highest = (site.position + count - 1) // inner
        site.together = True
        store_numbers(t.terms.at + i, t.terms.apart, term_at(f, &site, &share))
        store_numbers(shares + i, t.shares.apart, share)
        i += WIDE_LANES


# What is kept of the shares of some elements whose sums of terms were made
cdef inline Wide share_at(const Site* site) noexcept nogil:
    cdef const Strip* shares = &site.around.track.shares
    return load_numbers(shares.at + site.position - shares.begin * site.around.inner, shares.apart)
