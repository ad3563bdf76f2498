# What the loops over elements share: the lines that they read and write, and vectors of them.

# Where the squares under a window come from
cdef enum Source:
    STORED      # all are in scratch
    ENTERING    # the newest is made from `entering` by the loop that needs it, which stores it too (fused loops)
    FAR         # each is made from x itself: for arrays beyond the caches
    MASKED      # stored, the slabs adjoining: every tap has a mask, which keeps a window inside its slab


# How the elements of other channels are reached
cdef struct Neighbours:
    Py_ssize_t step             # bytes to the next one
    const char* ring            # the rows they lie in, if they are staged
    Py_ssize_t ring_bytes       # 0 if they are not


# Terms of recomputed gradients (exact_gradients.pxi)
cdef struct Terms:
    Wide* kept              # a ring of `rows` rows of `vectors` vectors; a stream: as doubles, `apart` positions
    Py_ssize_t* stamps      # row + 1 for each vector that is there
    Py_ssize_t rows
    Py_ssize_t vectors
    Py_ssize_t begin        # the first column of a row that they are of
    Py_ssize_t apart
    bint opened             # the stamps are those of these columns
    bint after              # rows are recomputed after the piece, since nothing that they need is overwritten:
    Py_ssize_t first        # those from here on,
    Py_ssize_t end          # up to here


# What was done exactly
cdef struct Work:
    Py_ssize_t recomputed   # vectors whose power was evaluated
    Py_ssize_t summed       # vectors that entered the sums of long windows


cdef struct Vicinity
cdef struct Columns
cdef struct Track


# Where the neighbours of a line's elements are
cdef struct Around:
    Py_ssize_t channels
    Py_ssize_t before
    Py_ssize_t after
    bint row                # the line is a row, all of channel `channel`; otherwise
    Py_ssize_t channel
    Py_ssize_t first        # its first element is that of the slab, of which element p is of channel p // inner
    Py_ssize_t inner
    Neighbours x
    Neighbours g
    Terms terms
    Work* work
    Vicinity* vicinity      # of windows along several axes (exact_box.pxi), or NULL
    Columns* columns        # of windows that hold every channel (exact_whole.pxi), or NULL
    Track* track            # of long windows (exact_sliding.pxi), or NULL


# The sets of windows of an operator
cdef enum:
    SQUARES = 0
    SECOND = 1      # an operator's other set of trailing sums: of t, of products, or of what squares were rounded by
    SETS = 2


# One set of windows: the taps of the lines at hand, and the newest line of each level with the two below it that it
# climbs from.
cdef struct Taps:
    int count
    int levels
    int nearest                 # the level of the first tap
    const real* line[MAX_TAPS]
    const real* masks           # of the first tap, where the lines begin
    Py_ssize_t mask_pitch       # from one tap's masks to the next one's
    real* level[MAX_LEVELS]
    const real* earlier[MAX_LEVELS][2]


# What the hooks of an operator read and write: `count` lines of `length` elements, each operand's lines its own pitch
# apart.
cdef struct Lines:
    Py_ssize_t count
    Py_ssize_t length
    Py_ssize_t x_pitch      # bytes, as g's and y's: a field of records need not be a multiple of its elements
    Py_ssize_t g_pitch
    Py_ssize_t y_pitch
    Py_ssize_t pitch        # elements, of everything in scratch
    Py_ssize_t period       # of the masks, whole vectors
    Source source           # of the squares, when their windows are complete
    bint far                # results take non-temporal stores
    const real* entering    # enter: the newest line of x,
    const real* entering_g  # and of g where it enters with x
    const real* x           # ready, late: the line of x, g and y
    const real* g
    real* y
    real* t                 # ready: what `late` adds up,
    real* gp                # and keeps
    real* along[SETS]       # boxes: where sums along a row go
    real* originals         # straight: room for what results overwrite in place, in vectors, or NULL
    const Window* window    # straight: of `before` rows, the row itself and `after`,
    Py_ssize_t before
    Py_ssize_t after
    real* trailing          # and room for the trailing sums of long ones
    real* factors[SETS]     # whole windows: what x, or g, and x are multiplied with,
    bint beyond             # unless a sum is out of range
    Py_ssize_t ahead        # far: elements to the line of x, and of g, that is prefetched
    Py_ssize_t g_ahead
    Taps taps[SETS]
    Around* around
    Totals* totals


cdef inline Py_ssize_t next_mask(Py_ssize_t mask, Py_ssize_t period) noexcept nogil:
    return mask + LANES if mask + LANES < period else 0
