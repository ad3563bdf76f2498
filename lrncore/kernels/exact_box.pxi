# Elements out of range where windows are boxes: as in exact.pxi, in numbers with more room, but a sum over a box is
# made one axis after the other, as the walk does. What it is made of is kept in tables until other boxes need it:
#
#     squares    stage 0: of x               stage i: summed along the first i axes of a row
#     second     products x dx, or t         likewise, over reflected windows where it is t
#     share      g s^-beta of what has a t
#
# A table has a line for each of some rows, the newest instead of the oldest, and is filled a vector at a time when
# something asks for it. So an element that leaves the range costs what its neighbourhood does, once.

cdef struct Vicinity:
    const Box* box
    const Shape* shape
    const Around* around
    bint keeps_terms        # the second set is of t, which is kept
    double* numbers
    Py_ssize_t* held        # the row in each line of the tables, or -1,
    unsigned char* there    # and of each vector of it whether it is there
    Py_ssize_t depth        # lines of a table, a power of two
    Py_ssize_t width        # numbers of a line
    Py_ssize_t vectors      # of a line
    Py_ssize_t apart        # from numbers to their exponents
    bint opened             # `held` is written
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
    cdef Py_ssize_t width, parts = sizeof(Wide) // sizeof(wide)
    shape_row(job.box, job.box.batch, &shape)
    width = padded(&shape)
    return tables_of(job.op, job.box) * table_depth(job) * (
        width * parts * <Py_ssize_t>sizeof(double) + <Py_ssize_t>sizeof(Py_ssize_t) + width // WIDE_LANES)


# As many lines as a window has rows, and on to a power of two
cdef inline Py_ssize_t table_depth(const Job* job) noexcept nogil:
    cdef Py_ssize_t depth = 1
    while depth < min(job.before + job.after + 1, job.channels):
        depth *= 2
    return depth


cdef rare set_vicinity(Vicinity* v, const Job* job, const Shape* shape, const Around* around) noexcept nogil:
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
    v.held = <Py_ssize_t*>(v.numbers + numbers * <Py_ssize_t>(sizeof(Wide) // sizeof(wide)))
    v.there = <unsigned char*>(v.held + numbers // v.width)
    v.opened = False
    for which in range(OPERANDS):
        for i in range(job.box.sides):
            v.steps[which][i] = job.box.side[i].axis.stride[which]
            if job.operand[which].staged:
                v.steps[which][i] = shape.apart[i] * <Py_ssize_t>sizeof(real)


# Nothing is in the tables yet.
cdef rare open_tables(Vicinity* v) noexcept nogil:
    v.opened = True
    memset(v.held, 0xff, v.apart // v.width * sizeof(Py_ssize_t))


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


# The strand `d` places on along a side
cdef inline Strand moved(const Vicinity* v, const Strand* strand, int side, Py_ssize_t d) noexcept nogil:
    cdef Strand other = strand[0]
    cdef int which
    other.begin += d * v.shape.apart[side]
    for which in range(Y):
        other.offset[which] += d * v.steps[which][side]
    return other


# Where row `row` has the first x, and the first g, of a strand
cdef inline const real* x_of(const Vicinity* v, Py_ssize_t row, const Strand* strand) noexcept nogil:
    return neighbour(&v.around.x, <const real*>(v.at[X] + strand.offset[X]), row - v.row)


cdef inline const real* g_of(const Vicinity* v, Py_ssize_t row, const Strand* strand) noexcept nogil:
    return neighbour(&v.around.g, <const real*>(v.at[G] + strand.offset[G]), row - v.row)


# The elements at the `i`th of a line of `length`, which need not be one of it; zeros outside
cdef inline wide elements_at(const real* line, Py_ssize_t length, Py_ssize_t i) noexcept nogil:
    if 0 <= i <= length - WIDE_LANES:
        return load_wide(line + i, WIDE_LANES)
    return elements_within(line, length, i)


cdef wide elements_within(const real* line, Py_ssize_t length, Py_ssize_t i) noexcept nogil:
    cdef Py_ssize_t first = max(<Py_ssize_t>0, -i), last = min(<Py_ssize_t>WIDE_LANES, length - i)
    if first >= last:
        return wide_splat(0)
    return wide_moved(load_wide(line + i + first, last - first), first)


# Where in its row a line begins, from its x
cdef Py_ssize_t place_of(const Vicinity* v, const real* x) noexcept nogil:
    cdef int lines = v.box.sides - 2 - v.box.together
    if lines < 0:
        return 0
    return v.place + (<const char*>x - v.group) // v.steps[X][lines] * v.shape.apart[lines]


# Squares of x, where that is g, or products
cdef inline Wide summand(const real* x, const real* g, Py_ssize_t length, Py_ssize_t i) noexcept nogil:
    cdef Wide a = wide_of(elements_at(x, length, i))
    return wide_times(a, a if g == x else wide_of(elements_at(g, length, i)))


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


# The line of all tables where a table has row `row`, and the number where that has a place
cdef inline Py_ssize_t line_of(const Vicinity* v, int table, Py_ssize_t row) noexcept nogil:
    return table * v.depth + (row & (v.depth - 1))


cdef inline Py_ssize_t number_at(const Vicinity* v, int table, Py_ssize_t row, Py_ssize_t place) noexcept nogil:
    return line_of(v, table, row) * v.width + v.shape.lead + place


# t and share at a vector's place on a strand
cdef void keep_term(Vicinity* v, const Formula* f, Py_ssize_t row, Py_ssize_t place,
                    const Strand* strand) noexcept nogil:
    cdef Py_ssize_t i = place - strand.begin, count = min(<Py_ssize_t>WIDE_LANES, v.shape.line - i)
    cdef Wide share = number(0), term = number(0)
    cdef wide x, g
    if strand.inside and count > 0:
        x = elements_at(x_of(v, row, strand), v.shape.line, i)
        g = elements_at(g_of(v, row, strand), v.shape.line, i)
        term = term_of(f, v.around, x, g, strand_sum(v, f, SQUARES, row, place, strand), count, &share)
        # none behind the line's end, where s is anything
        term.m = wide_between(term.m, 0, count) if count < WIDE_LANES else term.m
    store_numbers(v.numbers + number_at(v, table_of(v, SECOND, 0), row, place), v.apart, term)
    store_numbers(v.numbers + number_at(v, table_of_shares(v), row, place), v.apart, share)


# A sum, and for float64 what it has lost
cdef struct Compensated:
    Wide sum
    wide lost


cdef inline Compensated nothing() noexcept nogil:
    cdef Compensated total
    total.sum = wide_nothing()
    total.lost = wide_splat(0)
    return total


cdef inline void add_number(Compensated* total, Wide a) noexcept nogil:
    wide_accumulate_number(&total.sum, &total.lost, a)


# Where the sums of a set along the first `stage` axes of a row are, at a vector's place on a strand. They are in a
# table then.
cdef inline const double* at_stage(Vicinity* v, const Formula* f, int which, int stage, Py_ssize_t row,
                                   Py_ssize_t place, const Strand* strand) noexcept nogil:
    cdef Py_ssize_t line = line_of(v, table_of(v, which, stage), row)
    cdef unsigned char* there = v.there + line * v.vectors + (v.shape.lead + place) // WIDE_LANES
    if v.held[line] != row or not there[0]:
        fill(v, f, which, stage, row, place, strand, line)
    return v.numbers + line * v.width + v.shape.lead + place


cdef void fill(Vicinity* v, const Formula* f, int which, int stage, Py_ssize_t row, Py_ssize_t place,
               const Strand* strand, Py_ssize_t line) noexcept nogil:
    if v.held[line] != row:
        v.held[line] = row
        memset(v.there + line * v.vectors, 0, v.vectors)
    v.there[line * v.vectors + (v.shape.lead + place) // WIDE_LANES] = True
    if stage == 0:
        keep_term(v, f, row, place, strand)
    else:
        store_numbers(v.numbers + line * v.width + v.shape.lead + place, v.apart,
                      sum_stage(v, f, which, stage, row, place, strand))


# Those of the stage before along one more axis
cdef Wide sum_stage(Vicinity* v, const Formula* f, int which, int stage, Py_ssize_t row, Py_ssize_t place,
                    const Strand* strand) noexcept nogil:
    cdef const Shape* shape = v.shape
    cdef int axis = v.box.summed[stage - 1]
    cdef const Side* side = &v.box.side[axis]
    cdef bint reflected = is_terms(v, which), of_elements = stage == 1 and not reflected
    cdef Py_ssize_t back = side.after if reflected else side.before, ahead = side.before if reflected else side.after
    cdef Py_ssize_t apart = shape.apart[axis], along, d, first = -back, last = ahead
    cdef Py_ssize_t filled = place + first * apart
    cdef Compensated total = nothing()
    cdef const real* x
    cdef const real* g
    cdef Strand other
    if not strand.inside:
        return total.sum
    x = g = x_of(v, row, strand)
    if which == SECOND:
        g = g_of(v, row, strand)
    if axis >= v.box.sides - 1 - v.box.together:
        # along lines
        along = place - strand.begin
        while along + first * apart <= -WIDE_LANES:
            first += 1
        while along + last * apart >= shape.line:
            last -= 1
        for d in range(first, last + 1):
            if of_elements:
                add_number(&total, summand(x, g, shape.line, along + d * apart))
            else:
                add_number(&total, across(v, f, which, stage - 1, row, place + d * apart, strand, &filled))
        return total.sum
    along = place // apart
    if axis:
        along = place % shape.apart[axis - 1] // apart
    for d in range(-min(back, along), min(ahead, shape.length[axis] - 1 - along) + 1):
        if of_elements:
            add_number(&total, summand(<const real*>(<const char*>x + d * v.steps[X][axis]),
                                       <const real*>(<const char*>g + d * v.steps[X if g == x else G][axis]),
                                       shape.line, place - strand.begin))
        else:
            other = moved(v, strand, axis, d)
            add_number(&total, load_numbers(at_stage(v, f, which, stage - 1, row, place + d * apart, &other),
                                            v.apart))
    return total.sum


# Sums at a place between two vectors' places, near those of a strand. What lies before place `filled` is there.
cdef inline Wide across(Vicinity* v, const Formula* f, int which, int stage, Py_ssize_t row, Py_ssize_t place,
                        const Strand* strand, Py_ssize_t* filled) noexcept nogil:
    cdef Py_ssize_t beyond = (v.shape.lead + place) % WIDE_LANES
    if place + WIDE_LANES > filled[0]:
        at_line(v, f, which, stage, row, place - beyond, strand)
        filled[0] = place - beyond + WIDE_LANES
        if beyond:
            at_line(v, f, which, stage, row, filled[0], strand)
            filled[0] += WIDE_LANES
    return load_numbers(v.numbers + number_at(v, table_of(v, which, stage), row, place), v.apart)


# As at_stage, where the place may be before or behind the strand
cdef inline const double* at_line(Vicinity* v, const Formula* f, int which, int stage, Py_ssize_t row,
                                  Py_ssize_t place, const Strand* strand) noexcept nogil:
    cdef Strand other
    if 0 <= place - strand.begin < v.shape.line:
        return at_stage(v, f, which, stage, row, place, strand)
    other = strand_of(v, place)
    return at_stage(v, f, which, stage, row, place, &other)


# The sum of a set over the boxes of a vector's places
cdef Wide box_sum(Vicinity* v, const Formula* f, int which, Py_ssize_t row, Py_ssize_t place) noexcept nogil:
    cdef Strand strand = strand_of(v, place)
    return strand_sum(v, f, which, row, place, &strand)


cdef Wide strand_sum(Vicinity* v, const Formula* f, int which, Py_ssize_t row, Py_ssize_t place,
                     const Strand* strand) noexcept nogil:
    cdef const Around* around = v.around
    cdef bint reflected = is_terms(v, which)
    cdef Py_ssize_t back = around.after if reflected else around.before
    cdef Py_ssize_t ahead = around.before if reflected else around.after, r
    cdef Compensated total = nothing()
    if not v.opened:
        open_tables(v)
    for r in range(max(row - back, <Py_ssize_t>0), min(row + ahead, around.channels - 1) + 1):
        add_number(&total, load_numbers(at_stage(v, f, which, v.box.passes, r, place, strand), v.apart))
    return total.sum
