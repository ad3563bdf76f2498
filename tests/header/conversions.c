/* Prints how many conversions between float and a 16-bit type, of HALF_BITS significant bits, are wrong: all from it, what rounds to all of its
 * numbers and ties between them, and a million others; in lines of 1 to 99 elements at odd addresses. */
#include "storage.h"
#include <stdio.h>

enum { LINE = 99, MANY = 1000000 };

/* float16 by the compiler, bfloat16 by its definition */
static uint16_t rounded(float f)
{
    uint16_t h;
#if HALF_BITS == 11
    _Float16 half = (_Float16)f;
    memcpy(&h, &half, sizeof h);
#else
    uint32_t b;
    memcpy(&b, &f, sizeof b);
    uint32_t rest = b & 0xffff, odd = b >> 16 & 1;
    h = (uint16_t)((b >> 16) + (rest + odd > 0x8000));
#endif
    return h;
}

static float widened(uint16_t h)
{
#if HALF_BITS == 11
    _Float16 half;
    memcpy(&half, &h, sizeof half);
    return (float)half;
#else
    uint32_t b = (uint32_t)h << 16;
    float f;
    memcpy(&f, &b, sizeof f);
    return f;
#endif
}

static long wrong;
static const int form = HALF_BITS == 11 ? FLOAT16 : BFLOAT16;

/* Both ways in one line. What is behind its end in either place is not touched. */
static void convert(const float *from, ptrdiff_t count)
{
    char halves[2 * LINE + 3];
    float floats[LINE + 1];
    memset(halves, 0x5a, sizeof halves);
    narrow_row(halves + 1, from, count, 0, form);
    floats[count] = 42;
    widen_row(floats, halves + 1, count, 0, form);
    wrong += floats[count] != 42 || halves[0] != 0x5a || halves[2 * count + 1] != 0x5a;
    for (ptrdiff_t i = 0; i < count; i++) {
        uint16_t h;
        memcpy(&h, halves + 1 + 2 * i, sizeof h);
        float back = widened(h);
        wrong += from[i] != from[i] ? !(back != back && floats[i] != floats[i])
                                    : h != rounded(from[i]) || memcmp(&back, floats + i, sizeof back);
    }
}

int main(void)
{
    static float all[4 * 65536 + MANY];
    long count = 0;
    uint64_t state = 88172645463325252u;
    for (unsigned i = 0; i < 65536; i++) {
        float a = widened((uint16_t)i), next = widened((uint16_t)(i + 1)), tie = a + (next - a) / 2;
        all[count++] = a;
        if (a == a && tie == tie) {
            all[count++] = tie;
            all[count++] = nextafterf(tie, 0);
            all[count++] = nextafterf(tie, 2 * tie);
        }
    }
    for (int i = 0; i < MANY; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        uint32_t b = (uint32_t)state;
        memcpy(all + count, &b, sizeof b);
        if (HALF_BITS == 11 || all[count] == all[count])
            count++;
    }
    for (long i = 0, length = 1; i < count; i += length, length = length % LINE + 1)
        convert(all + i, i + length < count ? length : count - i);
    printf("%ld\n", wrong);
    return 0;
}
