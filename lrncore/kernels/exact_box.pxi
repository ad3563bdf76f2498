# Elements out of range where windows are boxes: as in exact.pxi, in numbers with more room, but a sum over a box is
# made one axis after the other, as the walk does. What it is made of is kept in tables until other boxes need it:
#
#     squares    stage 0: of x               stage i: summed along the first i axes of a row
#     second     products x dx, or t         likewise, over reflected windows where it is t
#     share      g s^-beta of what has a t
#
# A table has a place for every element of some rows, the newest instead of the oldest, and is filled a vector at a time
# when something asks for it. So an element that leaves the range costs what its neighbourhood does, once.

cdef struct Vicinity:
    const Box* box
    const Shape* shape
    const Around* around
    bint keeps_terms        # the second set is of t, which is kept
    double* numbers
    Py_ssize_t* stamps      # row + 1 of each vector in the tables
    Py_ssize_t depth        # rows of a table
    Py_ssize_t width        # numbers of a row of it
    Py_ssize_t vectors      # of such a row
    Py_ssize_t apart        # from numbers to their exponents
    bint opened             # stamps are there
    Py_ssize_t steps[OPERANDS][MAX_DIMS]    # bytes from place to place of a side
    Py_ssize_t row          # at hand,
    const char* at[OPERANDS]                # its operands,
    const char* group       # x of its group of lines at hand,
    Py_ssize_t place        # and where that is in the row


cdef inline int tables_of(const Operator* op, const Box* box) noexcept nogil:
    if op.late:
        return 2 * box.passes + 2
    return op.entering * box.passes if op.reads_g else box.passes


# Bytes of all tables, for the widest rows
cdef Py_ssize_t vicinity_bytes(const Job* job) noexcept nogil:
    cdef Shape shape
    cdef Py_ssize_t numbers
    shape_row(job.box, job.box.batch, &shape)
    numbers = tables_of(job.op, job.box) * table_depth(job) * padded(&shape)
    return (numbers * <Py_ssize_t>(sizeof(Wide) // sizeof(wide) * sizeof(double))
            + numbers // WIDE_LANES * <Py_ssize_t>sizeof(Py_ssize_t))


cdef inline Py_ssize_t table_depth(const Job* job) noexcept nogil:
    return min(job.before + job.after + 1, job.channels)


cdef void set_vicinity(Vicinity* v, const Job* job, const Shape* shape, const Around* around) noexcept nogil:
    cdef Py_ssize_t numbers
    cdef int which, i
    v.box = job.box
    v.shape = shape
    v.around = around
    v.keeps_terms = job.op.late != NULL
    v.depth = table_depth(job)
    v.width = padded(shape)
    v.vectors = v.width // WIDE_LANES
    numbers = tables_of(job.op, job.box) * v.depth * v.width
    v.apart = numbers
    v.numbers = <double*>around.terms.kept
    v.stamps = <Py_ssize_t*>(v.numbers + numbers * <Py_ssize_t>(sizeof(Wide) // sizeof(wide)))
    v.opened = False
    for which in range(OPERANDS):
        for i in range(job.box.sides):
            v.steps[which][i] = job.box.side[i].axis.stride[which]
            if job.operand[which].staged:
                v.steps[which][i] = shape.apart[i] * <Py_ssize_t>sizeof(elem)


# Nothing is in the tables yet.
cdef void open_tables(Vicinity* v) noexcept nogil:
    v.opened = True
    memset(v.stamps, 0, v.apart // WIDE_LANES * sizeof(Py_ssize_t))


# A line of the row: the place of its first element, and where that is in x and g from the row's first element
cdef struct Strand:
    Py_ssize_t begin
    Py_ssize_t offset[OPERANDS]
    bint inside             # or else it lies between lines


cdef Strand strand_of(const Vicinity* v, Py_ssize_t place) noexcept nogil:
    cdef const Shape* shape = v.shape
    cdef Strand strand
    cdef Py_ssize_t along
    cdef int i, which
    strand.begin = 0
    strand.inside = 0 <= place < shape.size
    strand.offset[X] = strand.offset[G] = strand.offset[Y] = 0
    for i in range(v.box.sides - 1 - v.box.together):
        along = place // shape.apart[i] if place > 0 else 0
        place -= along * shape.apart[i]
        strand.inside = strand.inside and along < shape.length[i]
        strand.begin += along * shape.apart[i]
        for which in range(Y):
            strand.offset[which] += along * v.steps[which][i]
    return strand


# The elements of row `row` at the `i`th of a line, which need not be one of it; zeros outside
cdef wide elements_at(const Vicinity* v, int which, Py_ssize_t row, const Strand* strand, Py_ssize_t i) noexcept nogil:
    cdef const Neighbours* to = &v.around.g if which == G else &v.around.x
    cdef Py_ssize_t first = max(<Py_ssize_t>0, -i), last = min(<Py_ssize_t>WIDE_LANES, v.shape.line - i)
    cdef const elem* at
    if not strand.inside or first >= last:
        return wide_splat(0)
    at = neighbour(to, <const elem*>(v.at[which] + strand.offset[which]), row - v.row) + i + first
    if first == 0:
        return load_wide(at, last)
    return wide_moved(load_wide(at, last - first), first)


# Where in its row a line begins, from its x
cdef Py_ssize_t place_of(const Vicinity* v, const elem* x) noexcept nogil:
    cdef int lines = v.box.sides - 2 - v.box.together
    if lines < 0:
        return 0
    return v.place + (<const char*>x - v.group) // v.steps[X][lines] * v.shape.apart[lines]


# What is summed, before it is
cdef Wide summand(const Vicinity* v, int which, Py_ssize_t row, const Strand* strand, Py_ssize_t i) noexcept nogil:
    cdef Wide x = wide_of(elements_at(v, X, row, strand, i))
    if which == SQUARES:
        return wide_times(x, x)
    return wide_times(x, wide_of(elements_at(v, G, row, strand, i)))


# The second set of a gradient is of terms, which are kept, under reflected windows.
cdef inline bint is_terms(const Vicinity* v, int which) noexcept nogil:
    return which == SECOND and v.keeps_terms


# Of a set's stage: those of the squares come first, the shares last
cdef inline int table_of(const Vicinity* v, int which, int stage) noexcept nogil:
    if is_terms(v, which):
        return v.box.passes + stage
    return (v.box.passes if which == SECOND else 0) + stage - 1


cdef inline int table_of_shares(const Vicinity* v) noexcept nogil:
    return 2 * v.box.passes + 1


cdef inline Py_ssize_t number_at(const Vicinity* v, int table, Py_ssize_t row, Py_ssize_t place) noexcept nogil:
    return (table * v.depth + row % v.depth) * v.width + v.shape.lead + place


# t and share at a vector's place
cdef void keep_term(Vicinity* v, const Formula* f, Py_ssize_t row, Py_ssize_t place) noexcept nogil:
    cdef Strand strand = strand_of(v, place)
    cdef Py_ssize_t i = place - strand.begin, count = min(<Py_ssize_t>WIDE_LANES, v.shape.line - i)
    cdef wide x = elements_at(v, X, row, &strand, i), g = elements_at(v, G, row, &strand, i)
    cdef Wide share = number(0), term = number(0), s
    if strand.inside and count > 0:
        s = sum_of(f, box_sum(v, f, SQUARES, row, place))
        if needs_no_power(f, s, g):
            share = wide_of(wide_select(is_nan(wide_value(s)), wide_splat(NAN), g))
            term = wide_times(wide_times(wide_of(x), number(-f.beta)), share)
        else:
            v.around.recomputed[0] += 1
            share = wide_times_power(wide_of(g), s, &f.exact_beta)
            term = vanishing(f, s, wide_of(x), wide_of(g), wide_times(wide_times(wide_of(x), slope_of(f, s)), share))
        # none behind the line's end, where s is anything
        term.m = wide_between(term.m, 0, count) if count < WIDE_LANES else term.m
    store_numbers(v.numbers + number_at(v, table_of(v, SECOND, 0), row, place), v.apart, term)
    store_numbers(v.numbers + number_at(v, table_of_shares(v), row, place), v.apart, share)


# Is everything NaN, or are g infinite and s > 0? Of those only the signs count. Every overflow in mixed-precision
# training makes whole arrays of them.
cdef inline bint needs_no_power(const Formula* f, Wide s, wide g) noexcept nogil:
    cdef wide sum = wide_value(s)
    if not (f.exact_scale > 0 and f.exact_k > 0):
        return not any_lane(~is_nan(sum))
    return not any_lane(~is_nan(sum) & ~(wide_not_finite(g) & ~wide_not_finite(sum)))


# The sums of a set along the first `stage` axes of a row, at a vector's place
cdef Wide at_stage(Vicinity* v, const Formula* f, int which, int stage, Py_ssize_t row,
                   Py_ssize_t place) noexcept nogil:
    cdef Py_ssize_t at = number_at(v, table_of(v, which, stage), row, place)
    cdef Strand strand
    if stage == 0 and not is_terms(v, which):
        strand = strand_of(v, place)
        return summand(v, which, row, &strand, place - strand.begin)
    if v.stamps[at // WIDE_LANES] != row + 1:
        v.stamps[at // WIDE_LANES] = row + 1
        if stage == 0:
            keep_term(v, f, row, place)
        else:
            store_numbers(v.numbers + at, v.apart, sum_stage(v, f, which, stage, row, place))
    return load_numbers(v.numbers + at, v.apart)


# Those of the stage before along one more axis
cdef Wide sum_stage(Vicinity* v, const Formula* f, int which, int stage, Py_ssize_t row,
                    Py_ssize_t place) noexcept nogil:
    cdef const Shape* shape = v.shape
    cdef int axis = v.box.summed[stage - 1]
    cdef const Side* side = &v.box.side[axis]
    cdef bint reflected = is_terms(v, which)
    cdef Py_ssize_t back = side.after if reflected else side.before, ahead = side.before if reflected else side.after
    cdef Py_ssize_t apart = shape.apart[axis], along, d, there
    cdef Strand strand = strand_of(v, place)
    cdef Wide sum = wide_nothing()
    cdef wide lost = wide_splat(0)
    if not strand.inside:
        return sum
    if axis >= v.box.sides - 1 - v.box.together:
        # along lines
        along = place - strand.begin
        for d in range(-back, ahead + 1):
            there = along + d * apart
            if there <= -WIDE_LANES or there >= shape.line:
                continue
            if stage == 1 and not reflected:
                wide_accumulate_number(&sum, &lost, summand(v, which, row, &strand, there))
            else:
                wide_accumulate_number(&sum, &lost, across(v, f, which, stage - 1, row, strand.begin + there))
        return sum
    along = place // shape.apart[axis]
    if axis:
        along = place % shape.apart[axis - 1] // shape.apart[axis]
    for d in range(-min(back, along), min(ahead, shape.length[axis] - 1 - along) + 1):
        wide_accumulate_number(&sum, &lost, at_stage(v, f, which, stage - 1, row, place + d * apart))
    return sum


# Sums at a place between two vectors' places
cdef Wide across(Vicinity* v, const Formula* f, int which, int stage, Py_ssize_t row, Py_ssize_t place) noexcept nogil:
    cdef Py_ssize_t beyond = (v.shape.lead + place) % WIDE_LANES
    cdef int table = table_of(v, which, stage)
    cdef Wide first = at_stage(v, f, which, stage, row, place - beyond)
    if beyond == 0:
        return first
    at_stage(v, f, which, stage, row, place - beyond + WIDE_LANES)
    return load_numbers(v.numbers + number_at(v, table, row, place), v.apart)


# The sum of a set over the boxes of a vector's places
cdef Wide box_sum(Vicinity* v, const Formula* f, int which, Py_ssize_t row, Py_ssize_t place) noexcept nogil:
    cdef const Around* around = v.around
    cdef bint reflected = is_terms(v, which)
    cdef Py_ssize_t back = around.after if reflected else around.before
    cdef Py_ssize_t ahead = around.before if reflected else around.after, d
    cdef Wide sum = wide_nothing()
    cdef wide lost = wide_splat(0)
    if not v.opened:
        open_tables(v)
    for d in range(-min(back, row), min(ahead, around.channels - 1 - row) + 1):
        wide_accumulate_number(&sum, &lost, at_stage(v, f, which, v.box.passes, row + d, place))
    return sum


# The results of lines that are not finite
cdef void combine_box(const Redo* redo, Py_ssize_t length) noexcept nogil:
    cdef Vicinity* v = redo.around.vicinity
    cdef wide_bits wanted
    cdef Py_ssize_t i = 0, count, place
    cdef Wide sum
    cdef Site site
    while i < length:
        count = min(length - i, <Py_ssize_t>WIDE_LANES)
        wanted = not_finite(redo, i, count)
        if any_lane(wanted):
            site = site_of(redo.around, redo.x, redo.g, i, count)
            sum = box_sum(v, redo.f, SECOND, v.row, site.position)
            # of which its own t is a part, and has left its share
            put_wanted(redo, i, count, wanted, gradient_of(
                redo.f, sum, load_wide(redo.x + i, count),
                load_numbers(v.numbers + number_at(v, table_of_shares(v), v.row, site.position), v.apart)))
        i += WIDE_LANES
