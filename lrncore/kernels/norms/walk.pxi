# Who measures and applies what when: sets one after the other, in parallel, or chunks of them.

cdef enum:
    ALIGNMENT = 128         # of a thread's scratch: no two share a cache line, or a pair of them


cdef extern from "parallel.h" nogil:
    void in_parallel(void (*body)(const void*, int) noexcept nogil, const void* shared, int parts, int threads) noexcept


cdef struct Call:
    Job job
    char* data[OPERANDS]
    int parts
    Py_ssize_t scratch      # bytes for one part
    Py_ssize_t tables       # for the table and the sums of one task
    char* memory            # the scratch of all parts, and behind it, for chunks, the tables of all tasks


cdef inline char* scratch_of(const Call* call, int part) noexcept nogil:
    return call.memory + part * call.scratch


cdef char* reserve(char** memory, Py_ssize_t bytes) noexcept nogil:
    cdef char* at = memory[0]
    memory[0] += round_up(bytes, ALIGNMENT)
    return at


# Room for a row of parameters, or of their gradients, that begins as far behind a cache line as the rows of y do, with
# that line and the one at its end to itself
cdef real* reserve_row(const Job* job, char** memory) noexcept nogil:
    return <real*>reserve(memory, (job.params.count + LANES) * <Py_ssize_t>sizeof(real)) + job.behind


# Lays out a task's table and sums from `memory` on, and returns where they end.
cdef char* furnish_table(const Job* job, Room* room, char* memory, Py_ssize_t sums) noexcept nogil:
    cdef Table* table = &room.table
    table.apart = job.apart
    table.doubles = <double*>reserve(&memory, IN_DOUBLES * table.apart * <Py_ssize_t>sizeof(double))
    table.reals = <real*>reserve(&memory, IN_REALS * table.apart * <Py_ssize_t>sizeof(real))
    room.sums = <double*>reserve(&memory, sums * job.sums * <Py_ssize_t>sizeof(double))
    return memory


# Lays a part's scratch out likewise.
cdef char* furnish(const Job* job, Room* room, char* memory) noexcept nogil:
    cdef Py_ssize_t rows = max(job.tile_rows, <Py_ssize_t>MOST_SAMPLES if job.columns else job.bundle)
    cdef Py_ssize_t tile = rows * job.tile_length
    cdef Py_ssize_t sums = job.params.count * <Py_ssize_t>sizeof(double)
    cdef int which
    for which in range(OPERANDS):
        room.staged[which] = NULL
        if is_brought(job, which):
            room.staged[which] = <real*>reserve(&memory, tile * <Py_ssize_t>sizeof(real))
    room.brought = <const char**>reserve(&memory, OPERANDS * <Py_ssize_t>sizeof(char*))
    memory = furnish_table(job, room, memory, 1)
    room.chunk_sums = <double*>reserve(&memory, job.sums * <Py_ssize_t>sizeof(double))
    room.kept_sums = NULL
    if job.columns:
        room.kept_sums = <double*>reserve(&memory, (job.sums + job.apart) * <Py_ssize_t>sizeof(double))
        room.lines = <real*>reserve(&memory, IN_LINES * job.apart * <Py_ssize_t>sizeof(real))
        room.mark = <Py_ssize_t*>reserve(&memory, job.apart // LANES * <Py_ssize_t>sizeof(Py_ssize_t))
    room.recent[0] = room.recent[1] = NULL
    room.unflushed = 0
    room.dweight, room.dbias, room.dtau = job.params.dweight, job.params.dbias, job.params.dtau
    if adds_apart(job):
        room.dweight = <double*>reserve(&memory, sums)
        room.dbias = <double*>reserve(&memory, sums)
        room.dtau = <double*>reserve(&memory, sums) if job.params.dtau else NULL
    if job.gradients and job.within and not job.columns and not job.owned:
        room.recent[0] = reserve_row(job, &memory)
        room.recent[1] = reserve_row(job, &memory)
    return memory


# The first part adds to the call's sums themselves, which are 0.
cdef void clear_sums(const Job* job, Room* room, int part) noexcept nogil:
    cdef Py_ssize_t count = job.params.count
    if part == 0:
        room.dweight, room.dbias, room.dtau = job.params.dweight, job.params.dbias, job.params.dtau
    elif adds_apart(job):
        memset(room.dweight, 0, count * sizeof(double))
        memset(room.dbias, 0, count * sizeof(double))
        if room.dtau:
            memset(room.dtau, 0, count * sizeof(double))
    if room.recent[0]:
        memset(room.recent[0] - job.behind, 0, (count + LANES) * sizeof(real))
        memset(room.recent[1] - job.behind, 0, (count + LANES) * sizeof(real))


cdef inline void apply_tiles(const Job* job, const Room* room, const Set* set, Py_ssize_t first,
                             Py_ssize_t end) noexcept nogil:
    if job.measures:
        return
    if job.columns:
        apply_block(job, room, set, first, end)
    else:
        apply_set(job, room, set, first, end)


# Chunks from the last one, which phase 1 read last
cdef void apply_chunks(const Job* job, const Room* room, const Set* set) noexcept nogil:
    cdef Py_ssize_t chunk
    for chunk in range(job.chunks - 1, -1, -1):
        apply_tiles(job, room, set, chunk * job.chunk, min(job.tiles, (chunk + 1) * job.chunk))


cdef inline Py_ssize_t share_of(Py_ssize_t items, int part, int parts) noexcept nogil:
    return part * (items // parts) + min(<Py_ssize_t>part, items % parts)


# A part's share of the tasks
cdef void work(const void* shared, int part) noexcept nogil:
    cdef const Call* call = <const Call*>shared
    cdef const Job* job = &call.job
    cdef Py_ssize_t task = share_of(job.tasks, part, call.parts), last = share_of(job.tasks, part + 1, call.parts)
    cdef Room room
    cdef Set set
    furnish(job, &room, scratch_of(call, part))
    forget_brought(&room)
    clear_sums(job, &room, part)
    place_sums(job, &room)
    if job.bundle > 1:
        walk_bundles(job, &room, call.data, task, last)
        task = last
    while task < last:
        open_set(job, call.data, task, &set)
        if job.columns:
            measure_columns(job, &room, &set)
            apply_chunks(job, &room, &set)
        else:
            walk_set(job, &room, &set)
            count_sets(job, &room, 1)
        task += 1
    if room.recent[0]:
        flush(job, &room)
    if job.far or job.streams:
        fence_stores()


cdef void add_doubles(double* to, const double* more, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i = 0
    while i + LANES <= count:
        store_pair(to + i, plus(load_pair(to + i), load_pair(more + i)))
        i += LANES
    while i < count:
        to[i] += more[i]
        i += 1


# The parts' sums, in their order
cdef void collect(const Call* call) noexcept nogil:
    cdef const Parameters* all = &call.job.params
    cdef Room room
    cdef int part
    for part in range(1, call.parts):
        furnish(&call.job, &room, scratch_of(call, part))
        add_doubles(all.dweight, room.dweight, all.count)
        add_doubles(all.dbias, room.dbias, all.count)
        if all.dtau:
            add_doubles(all.dtau, room.dtau, all.count)


# Sets, or blocks, in parallel
cdef void run(const Call* call, int threads) noexcept nogil:
    in_parallel(work, call, call.parts, threads)
    if adds_apart(&call.job):
        collect(call)


# ---- chunks of sets in parallel: the same sums in the same order -------------------------------------------------

# A task's table and its chunks' sums, in a part's scratch
cdef inline void take_up(const Call* call, Room* room, Set* set, Py_ssize_t task, int part) noexcept nogil:
    furnish(&call.job, room, scratch_of(call, part))
    forget_brought(room)
    furnish_table(&call.job, room, scratch_of(call, call.parts) + task * call.tables, call.job.chunks)
    open_set(&call.job, call.data, task, set)
    if call.job.columns:
        mark_all(room, set.length)


cdef void begin_task(const Call* call, Py_ssize_t task) noexcept nogil:
    cdef const Job* job = &call.job
    cdef Room room
    cdef Set set
    take_up(call, &room, &set, task, 0)
    if job.columns:
        open_columns(job, &room.table, &set)
        take_shifts(job, &room, &set)
    else:
        open_table(job, &room.table, 0, 1, set.index)
        take_shift(job, &room, &set)


# A part's share of the chunks of all tasks
cdef void sum_items(const void* shared, int part) noexcept nogil:
    cdef const Call* call = <const Call*>shared
    cdef const Job* job = &call.job
    cdef Py_ssize_t items = job.tasks * job.chunks, item, chunk, start, end
    cdef Room room
    cdef Set set
    for item in range(share_of(items, part, call.parts), share_of(items, part + 1, call.parts)):
        take_up(call, &room, &set, item // job.chunks, part)
        chunk = item % job.chunks
        start, end = chunk * job.chunk, min(job.tiles, (chunk + 1) * job.chunk)
        if job.columns:
            sum_block(job, &room, &set, start, end, job.gradients, False, room.sums + chunk * job.sums)
        else:
            sum_set(job, &room, &set, start, end, room.sums + chunk * job.sums)


cdef void finish_task(const Call* call, Py_ssize_t task) noexcept nogil:
    cdef const Job* job = &call.job
    cdef Py_ssize_t chunk, i
    cdef Room room
    cdef Set set
    take_up(call, &room, &set, task, 0)
    for chunk in range(1, job.chunks if job.gradients or not job.given else 0):
        for i in range(job.sums):
            room.sums[i] += room.sums[chunk * job.sums + i]
    if job.columns:
        finish_columns(job, &room, &set)
    else:
        finish_set(job, &room, &set)


# Likewise; where parameters belong to chunks, all sets of a chunk after each other
cdef void apply_items(const void* shared, int part) noexcept nogil:
    cdef const Call* call = <const Call*>shared
    cdef const Job* job = &call.job
    cdef Py_ssize_t unit = job.tasks if job.owned else 1, units = job.tasks * job.chunks // unit, item, task, chunk
    cdef Room room
    cdef Set set
    for item in range(unit * share_of(units, part, call.parts), unit * share_of(units, part + 1, call.parts)):
        task, chunk = (item % job.tasks, item // job.tasks) if job.owned else (item // job.chunks, item % job.chunks)
        take_up(call, &room, &set, task, part)
        apply_tiles(job, &room, &set, chunk * job.chunk, min(job.tiles, (chunk + 1) * job.chunk))
    if job.far or job.streams:
        fence_stores()


cdef void run_split(const Call* call) noexcept nogil:
    cdef Py_ssize_t task
    for task in range(call.job.tasks):
        begin_task(call, task)
    if call.job.gradients or not call.job.given:
        in_parallel(sum_items, call, call.parts, call.parts)
    for task in range(call.job.tasks):
        finish_task(call, task)
    in_parallel(apply_items, call, call.parts, call.parts)
