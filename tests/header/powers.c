/* Largest errors of the functions in power.h and power_any.h: lines of `function beta error`, in units of the result's
 * last place beside long double, or relative for rsqrt_estimate; before them `fused`, `tables` and `estimates_8` where
 * they hold. The samples, as many as the first argument says, are random x, and s from the function's whole domain, from
 * around 1 and from both ends of the domain. The limits in the headers come from 3,000,000 of them. */
#include "power_any.h"
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(LRN_DOUBLE)
#define DIGITS DBL_MANT_DIG
#else
#define DIGITS FLT_MANT_DIG
#endif
#define LARGEST (EXPONENT_BIAS + 1)     /* numbers are below 2^LARGEST */
#define SMALLEST (1 - EXPONENT_BIAS)    /* normal ones are at least 2^SMALLEST */

typedef struct {
    const char *name;
    long double beta;
    int from, to; /* domain: 2^from <= s < 2^to */
    vec (*function)(vec x, vec s);
    long double (*exact)(long double x, long double s);
} Case;

static long double beta;
static Exponent exponent;

static long double power(long double x, long double s)
{
    return beta == 0.5L ? x / sqrtl(s) : beta == 1 ? x / s : beta == 2 ? x / s / s : x * powl(s, -beta);
}

static long double log2_exact(long double x, long double s) { return (void)x, log2l(s); }
static long double inverse_exact(long double x, long double s) { return (void)x, ldexpl(1, RAISED) / s; }
static long double raised_exact(long double x, long double s) { return ldexpl(x, RAISED) / s; }
static long double nearest_one(long double x, long double s) { return x / ((real)1 / (real)s) / s; }

static vec half(vec x, vec s) { return times_half(x, s); }
static vec one(vec x, vec s) { return quotient(x, s, 0); }
static vec raised(vec x, vec s) { return quotient(x, s, RAISED); }
static vec inverse_square(vec x, vec s) { return times_inverse_square(x, s); }
static vec log2_s(vec x, vec s) { return (void)x, log2_of(s); }
static vec exp2_log2(vec x, vec s) { return times_exp2(x, s, &exponent); }
static vec any(vec x, vec s) { return times_any(x, s, power_of(&exponent)); }
static vec estimate(vec x, vec s) { return x * rsqrt_estimate(s); }

static vec three_quarters(vec x, vec s)
{
    vec tested, inverse;
    return times_three_quarters(x, s, &tested, &inverse);
}

static vec inverse(vec x, vec s)
{
    vec tested, inverse;
    times_three_quarters(x, s, &tested, &inverse);
    return inverse;
}

/* x * 1 * (s 1/s)^-1, where only the rounding of 1/s is left to correct */
static vec corrected(vec x, vec s)
{
    return product(x, splat(1), splat(1) / s, s, 1);
}

static uint64_t state = 88172645463325252u;

static double fraction(void) /* in [1, 2) */
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return 1 + (double)(state >> 12) * 0x1p-52;
}

static int integer(int from, int to) /* in [from, to) */
{
    return from + (int)((fraction() - 1) * (to - from));
}

static real below(int to) /* the largest number below 2^to */
{
    return (real)ldexp(1 - ldexp(1, -DIGITS), to);
}

static real sample(int i, int from, int to)
{
    int low = from > -3 ? from : -3, high = to < 3 ? to : 3;
    int e = i % 8 < 4 ? integer(from, to) : i % 8 < 6 && low < high ? integer(low, high) : i % 2 ? from : to - 1;
    real s = i == 0 ? (real)ldexp(1, from) : i == 1 ? below(to) : (real)ldexp(fraction(), e);
    return s < below(to) ? s : below(to);
}

static double largest(const Case *c, long samples)
{
    double found = 0;
    for (long i = 0; i < samples; i++) {
        real x[LANES], s[LANES], y[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            x[lane] = (real)(integer(0, 2) ? fraction() : -fraction());
            s[lane] = sample((int)(i % 1000000) * LANES + lane, c->from, c->to);
        }
        store(y, c->function(load(x), load(s)));
        for (int lane = 0; lane < LANES; lane++) {
            long double exact = c->exact(x[lane], s[lane]);
            int e;
            frexpl(exact, &e);
            long double unit = c->function == estimate ? exact : ldexpl(1, e - DIGITS);
            double error = exact == 0 ? y[lane] != 0 : (double)fabsl((y[lane] - exact) / unit);
            if (!(error <= found))
                found = error;
        }
        i += LANES - 1;
    }
    return found;
}

int main(int count, char **arguments)
{
    static const double betas[] = {0, 0.1, 0.25, 0.6, 0.9, 1.25, 1.5, 3.9, 4.1, -0.5, -0.75, -1, -2.5};
    const int square = TESTS_SQUARE ? SMALLEST / 2 : -LARGEST / 2;
    const int from = TESTS_SQUARE || FORMS_SQUARE ? square : SMALLEST, to = from == SMALLEST ? LARGEST : LARGEST / 2;
    const int lower = SMALLEST + RAISED > from ? SMALLEST + RAISED : from, upper = to < -SMALLEST ? to : -SMALLEST;
    const Case cases[] = {
        {"rsqrt_estimate", 0.5L, SMALLEST, LARGEST, estimate, power},
        {"product", 1, -3, 3, corrected, nearest_one},
        {"quotient", 1, SMALLEST, -SMALLEST, one, power},
        {"quotient", 1, SMALLEST + RAISED, -SMALLEST, raised, raised_exact},
        {"times_inverse_square", 2, SMALLEST / 2 + 1, -SMALLEST / 2 - 1, inverse_square, power},
        {"times_half", 0.5L, SMALLEST, LARGEST, half, power},
        {"times_three_quarters", 0.75L, from, to, three_quarters, power},
        {"inverse", 1, lower, upper, inverse, inverse_exact},
        {"log2_of", 0, SMALLEST, LARGEST, log2_s, log2_exact},
    };
#if defined(HAS_FUSED)
    puts("fused");
#endif
#if defined(LRN_TABLES)
    puts("tables");
#endif
#if defined(HAS_ESTIMATES_8) && !defined(LRN_DOUBLE)
    puts("estimates_8");
#endif
    long samples = count > 1 ? atol(arguments[1]) : 25000;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        beta = cases[i].beta;
        printf("%s %Lg %g\n", cases[i].name, beta, largest(&cases[i], samples));
    }
    for (size_t i = 0; i < sizeof betas / sizeof *betas; i++) {
        beta = betas[i];
        /* 2^SMALLEST <= s^-beta <= 2^(LARGEST - 1) */
        int most = beta == 0 ? -SMALLEST : (int)(-SMALLEST / fabsl(beta));
        most = most < -SMALLEST ? most : -SMALLEST;
        exponent = exponent_of((double)beta, -most, most);
        Case general = {"times_exp2", beta, -most, most, exp2_log2, power}, tabled = {"times_any", beta, 0, 0, any, power};
        printf("%s %Lg %g\n", general.name, beta, largest(&general, samples));
        if (exponent.foreseen.span == 0)
            continue;
        tabled.from = (int)(exponent.foreseen.low >> FRACTION_BITS) - EXPONENT_BIAS;
        tabled.to = tabled.from + (int)(exponent.foreseen.span >> FRACTION_BITS);
        printf("%s %Lg %g\n", tabled.name, beta, largest(&tabled, samples));
    }
    return 0;
}
