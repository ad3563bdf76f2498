# Sets of rows: the results.

cdef inline vec normalized(const Row* row, const Terms* t, Py_ssize_t i, Py_ssize_t part, vec weight, vec bias,
                           bint along, bint scaled, bint tlu) noexcept nogil:
    cdef vec v = fetch(row.x + i, part)
    v = muladd(v, splat(t.scale), splat(-t.high)) if scaled else v - splat(t.high)
    if along:
        v = muladd(v, splat(t.inverse), splat(t.low_term))
    v = muladd(v, weight, bias)
    return replaced_below(v, v, splat(t.tau), splat(t.tau)) if tlu else v


cdef inline void normalize_at(const Row* row, const Terms* t, Py_ssize_t i, Py_ssize_t part, bint weight_along,
                              bint bias_along, bint scaled, bint tlu, bint far) noexcept nogil:
    cdef bint along = weight_along or bias_along
    cdef vec weight = parameter(row.weight, weight_along, t.weight if along else t.gain, i, part)
    cdef vec bias = parameter(row.bias, bias_along, 0 if along else t.addend, i, part)
    put(row.y + i, normalized(row, t, i, part, weight, bias, along, scaled, tlu), far, part)


cdef inline void normalize_row(const Row* row, const Terms* t, bint weight_along, bint bias_along, bint scaled,
                               bint tlu, bint far) noexcept nogil:
    cdef Py_ssize_t i = 0, part = first_part(row.y, row.length, far)
    if part != 0:
        normalize_at(row, t, i, part, weight_along, bias_along, scaled, tlu, far)
        i += part
    if far:
        while i + 2 * LANES <= row.length:
            normalize_at(row, t, i, 0, weight_along, bias_along, scaled, tlu, True)
            normalize_at(row, t, i + LANES, 0, weight_along, bias_along, scaled, tlu, True)
            i += 2 * LANES
    else:
        while i + 2 * LANES <= row.length:
            normalize_at(row, t, i, 0, weight_along, bias_along, scaled, tlu, False)
            normalize_at(row, t, i + LANES, 0, weight_along, bias_along, scaled, tlu, False)
            i += 2 * LANES
    while i < row.length:
        part = part_of(row.length - i)
        normalize_at(row, t, i, part, weight_along, bias_along, scaled, tlu, far)
        i += step_of(part)


# Two rows at once, whose parameters are the same and change along them
cdef inline void normalized_two(const Row* row, const Terms* t, const Row* other, const Terms* o, Py_ssize_t i,
                                Py_ssize_t part, bint biased, vec* u, vec* v) noexcept nogil:
    cdef vec weight = held(fetch(row.weight + i, part)), bias = held(parameter(row.bias, biased, 0, i, part))
    u[0] = normalized(row, t, i, part, weight, bias, True, False, False)
    v[0] = normalized(other, o, i, part, weight, bias, True, False, False)


cdef inline void normalize_two_rows_at(const Row* row, const Terms* t, const Row* other, const Terms* o, Py_ssize_t i,
                                       Py_ssize_t part, bint biased, bint far) noexcept nogil:
    cdef vec u, v
    normalized_two(row, t, other, o, i, part, biased, &u, &v)
    put(row.y + i, u, far, part)
    put(other.y + i, v, far, part)


cdef inline void normalize_two_rows(const Row* row, const Terms* t, const Row* other, const Terms* o, bint biased,
                                    bint far) noexcept nogil:
    cdef bint both = far and (<char*>other.y - <char*>row.y) % (LANES * <Py_ssize_t>sizeof(real)) == 0
    cdef Py_ssize_t i = 0, part = first_part(row.y, row.length, both)
    if part != 0:
        normalize_two_rows_at(row, t, other, o, i, part, biased, both)
        i += part
    if both:
        while i + LANES <= row.length:
            normalize_two_rows_at(row, t, other, o, i, 0, biased, True)
            i += LANES
    else:
        while i + LANES <= row.length:
            normalize_two_rows_at(row, t, other, o, i, 0, biased, False)
            i += LANES
    if i < row.length:
        normalize_two_rows_at(row, t, other, o, i, row.length - i, biased, both)


cdef inline void add_along(const Row* row, Py_ssize_t i, Py_ssize_t part, vec dv, vec v) noexcept nogil:
    cdef Py_ssize_t j
    cdef real dvs[MOST_LANES]
    cdef real vs[MOST_LANES]
    if row.dweights and part == 0:
        add_to_doubles(row.dweights + i, dv)
        add_to_doubles(row.dbiases + i, v)
    elif row.dweights:
        store(dvs, dv)
        store(vs, v)
        for j in range(part):
            row.dweights[i + j] += dvs[j]
            row.dbiases[i + j] += vs[j]
    elif UNLIKELY(part != 0):
        store_part(row.dweight + i, load_part(row.dweight + i, part) + dv, part)
        store_part(row.dbias + i, load_part(row.dbias + i, part) + v, part)
    else:
        store(row.dweight + i, load(row.dweight + i) + dv)
        store(row.dbias + i, load(row.dbias + i) + v)


# dx, and, where the weight changes along the row, what it adds to the gradients of the parameters
cdef inline void gradient_at(const Row* row, const Terms* t, Py_ssize_t i, Py_ssize_t part, bint weighted, bint within,
                             bint scaled, bint tlu, bint far) noexcept nogil:
    cdef vec cut = splat(0), v, d, h
    if scaled:
        d = muladd(fetch(row.x + i, part), splat(t.scale), splat(-t.high))
        v = h_of(row, t, i, part, False, True, tlu, &cut)
    else:
        d = fetch(row.x + i, part) - splat(t.high)
        v = fetch(row.g + i, part)
    h = muladd(v, parameter(row.weight, weighted, t.weight, i, part), splat(-t.h_high))
    h = (h + muladd(d, splat(t.slope), splat(t.term))) * splat(t.factor)
    if scaled:
        h = h * splat(t.lower) * splat(t.lower_too)
    if within:
        v = fetch(row.g + i, part) if scaled else v
        add_along(row, i, part, v * muladd(d, splat(t.inverse), splat(t.low_term)), v)
    put(row.y + i, h, far, part)


cdef inline void gradient_row(const Row* row, const Terms* t, bint weighted, bint within, bint scaled, bint tlu,
                              bint far) noexcept nogil:
    cdef Py_ssize_t i = 0, part = first_part(row.y, row.length, far)
    if part != 0:
        gradient_at(row, t, i, part, weighted, within, scaled, tlu, far)
        i += part
    if far:
        while i + LANES <= row.length:
            gradient_at(row, t, i, 0, weighted, within, scaled, tlu, True)
            i += LANES
    else:
        while i + LANES <= row.length:
            gradient_at(row, t, i, 0, weighted, within, scaled, tlu, False)
            i += LANES
    if i < row.length:
        gradient_at(row, t, i, row.length - i, weighted, within, scaled, tlu, far)


# The same of two rows at once, whose weights are the same
cdef inline void gradients_of_two(const Row* row, const Terms* t, const Row* other, const Terms* o, Py_ssize_t i,
                                  Py_ssize_t part, vec* dx, vec* other_dx) noexcept nogil:
    cdef vec d = fetch(row.x + i, part) - splat(t.high), e = fetch(other.x + i, part) - splat(o.high)
    cdef vec v = fetch(row.g + i, part), u = fetch(other.g + i, part)
    cdef vec w = held(fetch(row.weight + i, part))
    cdef vec h = muladd(v, w, splat(-t.h_high)), k = muladd(u, w, splat(-o.h_high))
    dx[0] = (h + muladd(d, splat(t.slope), splat(t.term))) * splat(t.factor)
    other_dx[0] = (k + muladd(e, splat(o.slope), splat(o.term))) * splat(o.factor)
    d = muladd(d, splat(t.inverse), splat(t.low_term))
    e = muladd(e, splat(o.inverse), splat(o.low_term))
    add_along(row, i, part, muladd(u, e, v * d), v + u)


cdef inline void gradient_two_at(const Row* row, const Terms* t, const Row* other, const Terms* o, Py_ssize_t i,
                                 Py_ssize_t part, bint far) noexcept nogil:
    cdef vec u, v
    gradients_of_two(row, t, other, o, i, part, &u, &v)
    put(row.y + i, u, far, part)
    put(other.y + i, v, far, part)


cdef inline void gradient_two(const Row* row, const Terms* t, const Row* other, const Terms* o,
                              bint far) noexcept nogil:
    cdef bint both = far and (<char*>other.y - <char*>row.y) % (LANES * <Py_ssize_t>sizeof(real)) == 0
    cdef Py_ssize_t i = 0, part = first_part(row.y, row.length, both)
    if part != 0:
        gradient_two_at(row, t, other, o, i, part, both)
        i += part
    if both:
        while i + LANES <= row.length:
            gradient_two_at(row, t, other, o, i, 0, True)
            i += LANES
    else:
        while i + LANES <= row.length:
            gradient_two_at(row, t, other, o, i, 0, False)
            i += LANES
    if i < row.length:
        gradient_two_at(row, t, other, o, i, row.length - i, both)


# ---- tiles and sets ----------------------------------------------------------------------------------------------

cdef inline void open_gradient_terms(const Table* table, Py_ssize_t i, Terms* t) noexcept nogil:
    t.factor, t.h_high, t.slope, t.term = (at(table, FACTOR, i), at(table, H_HIGH, i), at(table, SLOPE, i),
                                           at(table, TERM, i))
    t.lower, t.lower_too = at(table, LOWER, i), at(table, LOWER_TOO, i)


cdef void normalize_one(const Job* job, const Row* given, const Terms* terms) noexcept nogil:
    cdef Row row = given[0]     # copies, which stay in registers while y is written
    cdef Terms t = terms[0]
    cdef bint weight_along = job.along and job.params.weight != NULL
    cdef bint bias_along = job.along and job.params.bias != NULL
    if UNLIKELY(t.scaled or job.params.tau != NULL):
        normalize_row(&row, &t, weight_along, bias_along, True, job.params.tau != NULL, job.far)
    elif weight_along and bias_along:
        normalize_row(&row, &t, True, True, False, False, job.far)
    elif weight_along:
        normalize_row(&row, &t, True, False, False, False, job.far)
    elif bias_along:
        normalize_row(&row, &t, False, True, False, False, job.far)
    else:
        normalize_row(&row, &t, False, False, False, False, job.far)


cdef inline void normalize_tile(const Job* job, const Room* room, const Set* set, const Tile* tile,
                                Terms* t) noexcept nogil:
    cdef Py_ssize_t i
    cdef Row row
    for i in range(tile.rows):
        open_row(job, room, set, tile, i, &row)
        open_affine(job, &row, t)
        normalize_one(job, &row, t)


# dx = weight g r: as y, of g
cdef inline void scale_tile(const Job* job, const Room* room, const Set* set, const Tile* tile,
                            Terms* t) noexcept nogil:
    cdef Py_ssize_t i
    cdef Row row
    for i in range(tile.rows):
        open_row(job, room, set, tile, i, &row)
        row.bias = NULL
        open_affine(job, &row, t)
        row.x = row.g
        t.high, t.addend = 0, 0
        normalize_row(&row, t, False, False, False, False, job.far)


cdef void gradient_one(const Job* job, const Row* given, const Terms* terms) noexcept nogil:
    cdef Row row = given[0]
    cdef Terms t = terms[0]
    cdef bint weighted = job.along and job.params.weight != NULL
    if UNLIKELY(t.scaled or job.params.tau != NULL or job.owned):
        gradient_row(&row, &t, weighted, job.within, True, job.params.tau != NULL, job.far)
    elif weighted:
        gradient_row(&row, &t, True, True, False, False, job.far)
    elif job.within:
        gradient_row(&row, &t, False, True, False, False, job.far)
    else:
        gradient_row(&row, &t, False, False, False, False, job.far)


cdef inline void differentiate_tile(const Job* job, const Room* room, const Set* set, const Tile* tile,
                                    Terms* t) noexcept nogil:
    cdef Py_ssize_t i
    cdef Row row
    for i in range(tile.rows):
        open_row(job, room, set, tile, i, &row)
        open_affine(job, &row, t)
        row.dweights = row.dbiases = NULL
        if job.within and (job.owned or UNLIKELY(t.scaled)):
            row.dweights, row.dbiases = room.dweight + row.param, room.dbias + row.param
        elif job.within:
            row.dweight, row.dbias = room.recent[0] + row.param, room.recent[1] + row.param
        gradient_one(job, &row, t)


cdef void flush_sums(double* to, real* recent, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i = 0
    while i + LANES <= count:
        add_to_doubles(to + i, load(recent + i))
        store(recent + i, splat(0))
        i += LANES
    while i < count:
        to[i] += recent[i]
        recent[i] = 0
        i += 1


# The sums of the last sets for parameters that change along rows join those in doubles.
cdef void flush(const Job* job, Room* room) noexcept nogil:
    flush_sums(room.dweight, room.recent[0], job.params.count)
    flush_sums(room.dbias, room.recent[1], job.params.count)
    room.unflushed = 0


# So many sets are done.
cdef inline void count_sets(const Job* job, Room* room, Py_ssize_t sets) noexcept nogil:
    room.unflushed += sets
    if room.recent[0] and room.unflushed >= FLUSH:
        flush(job, room)


# Phase 3 of some tiles of a set
cdef inline void apply_set(const Job* job, const Room* room, const Set* set, Py_ssize_t first,
                           Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t index
    cdef Terms terms
    cdef Tile tile
    open_terms(&room.table, 0, &terms)
    if job.gradients:
        open_gradient_terms(&room.table, 0, &terms)
    for index in range(first, end):
        open_tile(job, set, index, &tile)
        bring(job, room, set, &tile, X)
        if job.gradients:
            bring(job, room, set, &tile, G)
        if not job.gradients:
            normalize_tile(job, room, set, &tile, &terms)
        elif job.given:
            scale_tile(job, room, set, &tile, &terms)
        else:
            differentiate_tile(job, room, set, &tile, &terms)
        take_away(job, room, set, &tile)


cdef void walk_set(const Job* job, Room* room, const Set* set) noexcept nogil:
    measure_set(job, room, set)
    if not job.measures:
        apply_set(job, room, set, 0, job.tiles)
