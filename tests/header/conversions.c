/* Prints how many conversions between float and a 16-bit type are wrong: all from it, and a million to it. */
#include "storage.h"
#include <stdio.h>

/* float16 by the compiler, bfloat16 by its definition */
static uint16_t rounded(float f)
{
    uint16_t h;
#if defined(LRN_FLOAT16)
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

int main(void)
{
    long wrong = 0;
    uint64_t state = 88172645463325252u;
    for (unsigned i = 0; i < 65536; i++) {
        uint16_t from = (uint16_t)i, to;
        real a = real_of(&from);
        set_elem(&to, a);
        wrong += a == a && to != from;
    }
    for (int i = 0; i < 1000000; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        uint32_t b = (uint32_t)state;
        float a;
        uint16_t to;
        memcpy(&a, &b, sizeof a);
        set_elem(&to, a);
        wrong += a == a && to != rounded(a);
    }
    printf("%ld\n", wrong);
    return 0;
}
