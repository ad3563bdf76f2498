/* From sums over sets to the numbers that loops over elements take. */
#ifndef LRNCORE_FINISH_H
#define LRNCORE_FINISH_H

#include "doubles.h"

/* What is known of sets, or of columns of sets, side by side: an array of each kind, in doubles, then in `real`.
 * All sums are of deviations d = x - SHIFT, and of h = weight g. */
enum {
    SHIFT,
    FIRST,      /* sum of d */
    SQUARES,    /* of d^2 */
    OF_G,       /* columns: of g, d g, and of g where the output is below tau, of one column each; these five are */
    G_PRODUCTS, /* taken up in this order */
    CUT,
    H,          /* of h */
    PRODUCTS,   /* of d h */
    EPS,
    ROOT,       /* r, of gradients */
    OUT,        /* 1: out of range */
    IN_DOUBLES
};

enum {
    SCALE,      /* the power of two that x was multiplied by */
    HIGH,       /* the mean, to which `low` would have to be added */
    INVERSE,    /* r */
    LOW_TERM,   /* -low r */
    FACTOR,     /* r, of dx */
    H_HIGH,     /* the mean of h, as HIGH */
    SLOPE,      /* -(mean of h xh) r */
    TERM,       /* what the two lows add to h */
    GAIN,       /* columns: r weight, and bias - low r weight */
    ADDEND,
    WEIGHTS,    /* columns: those of h */
    G_SCALE,    /* the power of two that g was multiplied by, */
    LOWER,      /* and two that take it, and that of x, out of dx */
    LOWER_TOO,
    IN_REALS
};

typedef struct {
    double n;
    double lowest, highest;     /* mean squares in range */
    double h_lowest;
    double farthest;            /* squared distance of the shift from the mean, in mean squares */
    int centred;
    int given;                  /* SQUARES is the variance, SHIFT the mean */
    int outside;                /* eps is added outside the root */
} Norm;

/* Sets one by one where the two norms of one element are exceptions: xh is 0, or almost 1 whatever x is. */
INLINE wide factor_of(const Norm *norm, wide r, wide eps)
{
    if (norm->given || norm->n != 1)
        return r;
    if (norm->centred)
        return r - r;
    return norm->outside ? r * r * eps : r * r * r * eps;
}

/* What loops take of `count` sets, and which of them are out of range. Whether any is. */
OUT_OF_LINE int finish_and_mark(double *from, real *to, ptrdiff_t apart, ptrdiff_t count, const Norm *norm,
                                int gradients, int mark)
{
    double of_n = norm->given ? 1 : 1 / norm->n;
    wide_bits outside = first_bits(0);
    for (ptrdiff_t i = 0; i < count; i += WIDE_LANES) {
        double *at = from + i;
        real *out = to + i;
        wide shift = load_doubles(at), first = load_doubles(at + FIRST * apart), off = first * of_n;
        wide squares = load_doubles(at + SQUARES * apart) - first * off, eps = load_doubles(at + EPS * apart);
        wide mean = shift + off, part = mean - shift, low = (shift - (mean - part)) + (off - part);
        wide_bits constant = DOUBLES_WHERE(squares <= 0), found, far, nothing;
        wide v = doubles_unless(constant, squares) * of_n, deviation, s, r;
        deviation = wide_root(norm->outside ? v : v + eps);
        s = norm->outside ? deviation + eps : deviation;
        r = 1 / s;
        far = DOUBLES_WHERE(off * off > norm->farthest * v);
        v = s * s;
        found = far | ~(DOUBLES_WHERE(v >= norm->lowest) & DOUBLES_WHERE(v <= norm->highest));
        reals_of_wide(out + HIGH * apart, mean);
        low = (mean - wide_of_reals(out + HIGH * apart)) + low;
        reals_of_wide(out + INVERSE * apart, r);
        reals_of_wide(out + LOW_TERM * apart, -(low * r));
        if (gradients) {
            wide h = norm->centred ? load_doubles(at + H * apart) * of_n : r - r, h_low, slope, size;
            wide products = load_doubles(at + PRODUCTS * apart) - first * h;
            slope = doubles_unless(constant, products) * of_n * r;
            size = h * h + slope * slope;
            nothing = DOUBLES_WHERE(load_doubles(at + H * apart) == 0) & DOUBLES_WHERE(products == 0);
            found |= ~((DOUBLES_WHERE(size >= norm->h_lowest * norm->h_lowest) & DOUBLES_WHERE(size - size == 0))
                       | nothing);
            slope = norm->outside ? doubles_unless(constant, slope / deviation) : slope * r;
            if (norm->n == 1)
                slope = slope - slope;
            reals_of_wide(out + H_HIGH * apart, h);
            h_low = h - wide_of_reals(out + H_HIGH * apart);
            reals_of_wide(out + FACTOR * apart, factor_of(norm, r, eps));
            reals_of_wide(out + SLOPE * apart, -slope);
            reals_of_wide(out + TERM * apart, low * slope - h_low);
            store_wide(at + ROOT * apart, r);
        }
        if (count - i < WIDE_LANES)
            found &= first_bits(count - i);
        if (UNLIKELY(mark))
            store_wide(at + OUT * apart, doubles_unless(~found, wide_splat(1)));
        outside |= found;
    }
    return any_lane(outside);
}

/* Whether all are in range. If not, or where the statistics are given, they are not marked. */
OUT_OF_LINE int finish_sets(double *from, real *to, ptrdiff_t apart, ptrdiff_t count, const Norm *norm, int gradients)
{
    int outside = finish_and_mark(from, to, apart, count, norm, gradients, 0) && !norm->given;
    return !(outside && finish_and_mark(from, to, apart, count, norm, gradients, 1));
}

/* What divides by the elements of a set: a power of two multiplies, with the same bits. */
typedef struct {
    double n, of_n;
    int power;
} Share;

INLINE Share share_of_set(const Norm *norm)
{
    int exponent;
    Share share;
    share.n = norm->given ? 1 : norm->n;
    share.of_n = 1 / share.n;
    share.power = frexp(share.n, &exponent) == 0.5;
    return share;
}

INLINE wide over_set(wide v, Share share) { return share.power ? v * share.of_n : v / share.n; }

/* The mean of d, and the sum of (x - m)^2 */
INLINE wide squares_about_mean(const double *at, ptrdiff_t apart, Share share, wide *off)
{
    wide first = load_doubles(at + FIRST * apart), squares;
    *off = over_set(first, share);
    squares = load_doubles(at + SQUARES * apart) - first * *off;
    return doubles_unless(DOUBLES_WHERE(squares <= 0), squares);
}

INLINE int other_than_one(wide v, ptrdiff_t count)
{
    return any_lane(first_bits(count) & ~wide_equal(v, wide_splat(1)));
}

INLINE void store_first(double *to, wide v, ptrdiff_t count)
{
    store_some_doubles(to, v, count < WIDE_LANES ? count : WIDE_LANES);
}

INLINE void add_first(double *to, wide v, ptrdiff_t count)
{
    if (count >= WIDE_LANES) {
        store_wide(to, load_doubles(to) + v);
        return;
    }
    double lanes[WIDE_LANES];
    store_wide(lanes, v);
    for (ptrdiff_t i = 0; i < count; i++)
        to[i] += lanes[i];
}

/* The means and variances of `count` sets of x itself, not times a power of two */
OUT_OF_LINE void tell_moments(const double *from, const real *of, ptrdiff_t apart, ptrdiff_t count, const Norm *norm,
                              double *mean, double *var)
{
    Share share = share_of_set(norm);
    for (ptrdiff_t i = 0; i < count; i += WIDE_LANES) {
        wide off, v = over_set(squares_about_mean(from + i, apart, share, &off), share);
        wide m = load_doubles(from + SHIFT * apart + i) + off, scale = wide_of_reals(of + SCALE * apart + i);
        if (UNLIKELY(other_than_one(scale, count - i))) {
            m = m / scale;
            v = v / scale / scale;
        }
        store_first(mean + i, m, count - i);
        store_first(var + i, v, count - i);
    }
}

/* Adds to the gradients of `count` columns' own parameters; dtau may be NULL. */
OUT_OF_LINE void add_columns_gradients(const double *from, const real *of, ptrdiff_t apart, ptrdiff_t count,
                                       const Norm *norm, double *dweight, double *dbias, double *dtau)
{
    Share share = share_of_set(norm);
    for (ptrdiff_t i = 0; i < count; i += WIDE_LANES) {
        const double *at = from + i;
        wide off, squares = squares_about_mean(at, apart, share, &off);
        wide of_g = load_doubles(at + OF_G * apart), raised = wide_of_reals(of + G_SCALE * apart + i);
        wide products = load_doubles(at + G_PRODUCTS * apart) - off * of_g, cut = load_doubles(at + CUT * apart);
        if (!norm->given)
            products = wide_select(wide_equal(squares, wide_splat(0)), products - products, products);
        products = products * load_doubles(at + ROOT * apart);
        if (UNLIKELY(other_than_one(raised, count - i))) {
            products = products / raised;
            of_g = of_g / raised;
            cut = cut / raised;
        }
        add_first(dweight + i, products, count - i);
        add_first(dbias + i, of_g, count - i);
        if (dtau)
            add_first(dtau + i, cut, count - i);
    }
}

/* Are `count` numbers, and those up to the end of the last vector, all 1? */
INLINE int all_ones(const real *at, ptrdiff_t count)
{
    ivec other = splat_bits(0), one = as_bits(splat(1));
    for (ptrdiff_t i = 0; i < count; i += LANES)
        other |= as_bits(load(at + i)) ^ one;
    return all_below(other, 1);
}

#endif
