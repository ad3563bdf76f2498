# Pools of all channels, a matrix of weights: positions in blocks. Planar blocks have a line for each channel, packed
# ones one for each position; in both the pools are a product of whole lines, with no transposition of x:
#
#                          A              B                planar                   packed
#     pools                weights        powers           w[i, j] p[j, n]          p[n, j] w'[j, i]
#     sums of t            weights'       t                w'[j, i] t[i, n]         t[n, i] w[i, j]
#     gradients of w       t              powers'          t[i, n] p'[n, j]         t'[i, n] p[n, j]

cdef enum:
    BLOCK_NUMBERS = 49152   # of one kind in a block
    MOST_POSITIONS = 256


cdef struct Dense:
    Formula formula
    Operand operand[OPERANDS]
    char* at[OPERANDS]
    Axis axes[MAX_DIMS]         # of positions, the last the nearest
    Axis channel
    int dims
    bint packed, gradients
    bint apart                  # y from x and g: it may be written before all pools of a block are known to be in range
    Py_ssize_t channels
    Py_ssize_t positions, block, blocks
    Py_ssize_t lines, pitch     # room of a block
    Py_ssize_t tiled            # channels in whole tiles of a product's rows
    Py_ssize_t w_pitch
    const real* weights         # `tiled` rows, `w_pitch` apart, with zeros behind the channels
    const real* transposed      # for packed arrays
    const real* sigma           # as long as a row
    real* kept                  # pools of all blocks, from the forward to the backward; or NULL
    char* bad                   # of each block: was it left unwritten?


# Scratch of a thread: lines of a block of each kind, and the gradients of the parameters
cdef struct Bench:
    real* powers
    real* pools         # then t
    real* kept          # the block's part of those that are kept, or NULL
    real* passed        # gp, then dx
    real* sums
    real* turned        # powers, transposed
    real* line[4]
    Py_ssize_t* offset[OPERANDS]
    bint adjoining              # planar: the block's positions are a step apart, and need no offsets
    Py_ssize_t first[OPERANDS]
    double* dweights
    double* dsigma
    Trial trial


cdef char* reserve(char** memory, Py_ssize_t count, Py_ssize_t item) noexcept nogil:
    cdef char* at = memory[0]
    memory[0] += round_up(count * item, 128)    # no two share a cache line, or a pair of them
    return at


cdef inline real* reserve_reals(char** memory, Py_ssize_t count) noexcept nogil:
    return <real*>reserve(memory, count, sizeof(real))


# Lays a thread's scratch out from `memory` on, and returns where it ends.
cdef char* furnish_dense(const Dense* job, Bench* bench, char* memory) noexcept nogil:
    # packed lines are whole tiles of a product's rows, and of vectors
    cdef Py_ssize_t room = round_up(job.lines, LANES * PRODUCT_ROWS) * job.pitch
    cdef Py_ssize_t longest = max(pitch_of(job.channels), pitch_of(job.block))
    cdef int i
    bench.kept = NULL
    bench.powers = reserve_reals(&memory, room)
    bench.pools = reserve_reals(&memory, room)
    if job.gradients:
        bench.passed = reserve_reals(&memory, room)
        bench.sums = reserve_reals(&memory, room)
        if not job.packed:
            bench.turned = reserve_reals(&memory, round_up(job.block, LANES) * job.w_pitch)
    for i in range(4):
        bench.line[i] = reserve_reals(&memory, longest)
    bench.trial.numerators, bench.trial.kept = bench.line[1], bench.line[3]
    for i in range(OPERANDS):
        bench.offset[i] = <Py_ssize_t*>reserve(&memory, job.block, sizeof(Py_ssize_t))
    return memory


cdef void find_positions(const Dense* job, Bench* bench, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t index[MAX_DIMS]
    cdef Py_ssize_t at[OPERANDS]
    cdef Py_ssize_t rest = first, n
    cdef const Axis* last = &job.axes[job.dims - 1]
    cdef int i, which
    at[X] = at[G] = at[Y] = 0
    for i in range(job.dims - 1, -1, -1):
        index[i] = rest % job.axes[i].length
        rest //= job.axes[i].length
        for which in range(OPERANDS):
            at[which] += index[i] * job.axes[i].stride[which]
    for which in range(OPERANDS):
        bench.first[which] = at[which]
    bench.adjoining = not job.packed and index[job.dims - 1] + count <= last.length
    if bench.adjoining:
        return
    for n in range(count):
        for which in range(OPERANDS):
            bench.offset[which][n] = at[which]
        for i in range(job.dims - 1, -1, -1):
            index[i] += 1
            for which in range(OPERANDS):
                at[which] += job.axes[i].stride[which]
            if index[i] < job.axes[i].length:
                break
            index[i] = 0
            for which in range(OPERANDS):
                at[which] -= job.axes[i].length * job.axes[i].stride[which]


# Where a line of an operand begins, and the offsets of its elements where they are not a step apart
cdef inline char* line_at(const Dense* job, const Bench* bench, int which, Py_ssize_t number,
                          const Py_ssize_t** offset) noexcept nogil:
    cdef char* at = job.at[which]
    offset[0] = NULL
    if job.packed:
        return at + bench.offset[which][number]
    at += number * job.channel.stride[which]
    if bench.adjoining:
        return at + bench.first[which]
    offset[0] = bench.offset[which]
    return at


cdef inline const real* get_line(const Dense* job, const Bench* bench, int which, Py_ssize_t number, Py_ssize_t length,
                                 real* scratch) noexcept nogil:
    cdef const Py_ssize_t* offset
    cdef const char* at = line_at(job, bench, which, number, &offset)
    return read_line(&job.operand[which], at, offset, scratch, length)


# The powers of a block's x
cdef void enter_block(const Dense* job, Bench* bench, Py_ssize_t lines, Py_ssize_t length, vec* seen) noexcept nogil:
    cdef const Formula* f = &job.formula
    cdef Py_ssize_t tiled = round_up(length, PRODUCT_COLUMNS), number, i
    cdef const real* x
    cdef real* powers
    for number in range(lines):
        powers = bench.powers + number * job.pitch
        x = get_line(job, bench, X, number, length, bench.line[0])
        enter_line(f, x, powers, length, 0, seen)
        if bench.trial.again:
            enter_again(f, x, powers, length, &bench.trial)
        i = round_up(length, LANES)
        if i < tiled:
            memset(powers + i, 0, (tiled - i) * sizeof(real))


# Sums the powers
cdef void multiply_block(const Dense* job, Bench* bench, Py_ssize_t lines, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t tiled = round_up(length, PRODUCT_COLUMNS)
    cdef Factor a
    if job.packed:
        a.at, a.row, a.term = bench.powers, job.pitch, 1
        multiply(a, job.transposed, job.w_pitch, job.channels, round_up(lines, PRODUCT_ROWS), tiled, NULL, job.sigma,
                 bench.pools, job.pitch)
    else:
        a.at, a.row, a.term = job.weights, job.w_pitch, 1
        multiply(a, bench.powers, job.pitch, job.channels, job.tiled, tiled, job.sigma, NULL, bench.pools, job.pitch)


# The pools of a block, and its powers if they are needed. False if something left the range.
cdef bint pool_block(const Dense* job, Bench* bench, Py_ssize_t lines, Py_ssize_t length) noexcept nogil:
    cdef const Formula* f = &job.formula
    cdef Inside inside = nothing_outside()
    cdef vec seen = splat(0)
    cdef Py_ssize_t number
    if bench.kept and job.gradients and not bench.trial.again:
        memcpy(bench.pools, bench.kept, lines * job.pitch * sizeof(real))
        if bench.dweights:
            enter_block(job, bench, lines, length, &seen)
    else:
        enter_block(job, bench, lines, length, &seen)
        multiply_block(job, bench, lines, length)
    if bench.trial.again:
        for number in range(lines):
            pools_again(f, bench.pools + number * job.pitch, length, &bench.trial)
        return True
    if not job.gradients and job.apart and not any_nan(seen):
        return True     # the results tell
    for number in range(lines):
        inside = check_line(inside, bench.pools + number * job.pitch, length, f.inside)
    return f.leaving == POOL or (all_inside(inside, f.inside) and not any_nan(seen))


# False if the results have numbers out of range: where y is x nothing is written then.
cdef bint normalize_block(const Dense* job, Bench* bench, Py_ssize_t lines, Py_ssize_t length) noexcept nogil:
    cdef const Formula* f = &job.formula
    cdef Py_ssize_t number
    cdef const Py_ssize_t* offset
    cdef const real* x
    cdef const real* d
    cdef real* y
    cdef char* at
    cdef vec seen = splat(0)
    cdef Inside inside = nothing_outside()
    if not pool_block(job, bench, lines, length):
        return False
    if f.signed_power and not job.apart:
        for number in range(lines):
            x = get_line(job, bench, X, number, length, bench.line[0])
            numerators_of(f, x, length, &bench.trial, &seen)
        if any_nan(seen) and not bench.trial.again:
            return False
    if bench.trial.left and not job.apart:
        return False
    for number in range(lines):
        d = bench.pools + number * job.pitch
        x = get_line(job, bench, X, number, length, bench.line[0])
        if f.signed_power:
            x = numerators_of(f, x, length, &bench.trial, &seen)
        at = line_at(job, bench, Y, number, &offset)
        y = line_to(&job.operand[Y], at, offset, bench.line[2])
        if not job.apart and bench.trial.again:
            memcpy(bench.line[3], x, length * sizeof(real))
            x = bench.line[3]
        inside = leave_line(f, 0, x, d, y, length, inside)
        if bench.trial.again:
            leave_again(f, x, d, y, length)
        write_line(&job.operand[Y], at, offset, y, length)
    return f.leaving == POOL or (all_inside(inside, f.inside) and not any_nan(seen))


# gp and t of a block, t in the place of D
cdef bint weigh_block(const Dense* job, Bench* bench, Py_ssize_t lines, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t number, i, whole = round_up(length, LANES), tiled = round_up(length, PRODUCT_COLUMNS)
    cdef vec seen = splat(0)
    cdef const real* x
    cdef const real* g
    cdef real* t = bench.pools
    for number in range(lines):
        x = get_line(job, bench, X, number, length, bench.line[0])
        g = get_line(job, bench, G, number, length, bench.line[2])
        weigh_elements(&job.formula, g, x, t, bench.passed + number * job.pitch, length, &bench.trial, &seen)
        for i in range(whole, tiled):
            t[i] = 0
        t += job.pitch
    return not any_nan(seen)


cdef bint differentiate_block(const Dense* job, Bench* bench, Py_ssize_t lines, Py_ssize_t length) noexcept nogil:
    cdef const Formula* f = &job.formula
    cdef Py_ssize_t tiled = round_up(length, PRODUCT_COLUMNS), number
    cdef const Py_ssize_t* offset
    cdef const real* x
    cdef const real* sums
    cdef const real* gp
    cdef real* dx
    cdef char* at
    cdef Factor a
    cdef vec seen = splat(0)
    if not pool_block(job, bench, lines, length) or not weigh_block(job, bench, lines, length):
        if not bench.trial.again:
            return False
    if bench.trial.left and not job.apart:
        return False
    if job.packed:
        a.at, a.row, a.term = bench.pools, job.pitch, 1
        multiply(a, job.weights, job.w_pitch, job.channels, round_up(lines, PRODUCT_ROWS), tiled, NULL, NULL,
                 bench.sums, job.pitch)
    else:
        a.at, a.row, a.term = job.weights, 1, job.w_pitch
        multiply(a, bench.pools, job.pitch, job.channels, job.tiled, tiled, NULL, NULL, bench.sums, job.pitch)
    for number in range(lines):
        x = get_line(job, bench, X, number, length, bench.line[0])
        at = line_at(job, bench, Y, number, &offset)
        dx = line_to(&job.operand[Y], at, offset, bench.line[2])
        sums, gp = bench.sums + number * job.pitch, bench.passed + number * job.pitch
        if bench.trial.again and dx == x:
            memcpy(bench.line[3], x, length * sizeof(real))
            x = bench.line[3]
        gradient_line(f, x, sums, gp, dx, length, &seen)
        if bench.trial.again:
            gradient_again(f, x, sums, gp, dx, length)
        write_line(&job.operand[Y], at, offset, dx, length)
    return True


# What a block adds to the gradients of the parameters
cdef void sum_block(const Dense* job, Bench* bench, Py_ssize_t lines, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t columns = round_up(job.channels, PRODUCT_COLUMNS), number
    cdef Factor a
    a.at = bench.pools
    if job.packed:
        a.row, a.term = 1, job.pitch
        accumulate_product(a, bench.powers, job.pitch, lines, job.tiled, columns, bench.dweights, job.w_pitch)
        sum_columns(bench.pools, job.pitch, lines, job.channels, bench.dsigma)
        return
    a.row, a.term = job.pitch, 1
    transpose(bench.powers, job.pitch, round_up(lines, LANES), round_up(length, LANES), bench.turned, job.w_pitch)
    accumulate_product(a, bench.turned, job.w_pitch, length, job.tiled, columns, bench.dweights, job.w_pitch)
    for number in range(lines):
        bench.dsigma[number] += sum_line(bench.pools + number * job.pitch, length)


cdef bint compute_block(const Dense* job, Bench* bench, Py_ssize_t lines, Py_ssize_t length) noexcept nogil:
    if job.gradients:
        return differentiate_block(job, bench, lines, length)
    return normalize_block(job, bench, lines, length)


# Blocks first to last - 1
cdef void walk_dense(const Dense* job, Bench* bench, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t block, count, lines, length
    for block in range(first, last):
        count = min(job.block, job.positions - block * job.block)
        lines = count if job.packed else job.channels
        length = job.channels if job.packed else count
        if job.kept:
            bench.kept = job.kept + block * job.lines * job.pitch
            if not job.gradients:
                bench.pools = bench.kept
        find_positions(job, bench, block * job.block, count)
        try_first(&bench.trial)
        if not compute_block(job, bench, lines, length):
            try_again(&bench.trial)
            compute_block(job, bench, lines, length)
            job.bad[block] = bench.trial.left
        if bench.dweights and not bench.trial.left:
            sum_block(job, bench, lines, length)
