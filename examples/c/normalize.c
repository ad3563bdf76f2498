/* AlexNet's first normalization in C: make liblrncore, then
 *
 *     cc examples/c/normalize.c -I build/liblrncore -L build/liblrncore -llrncore -lm -o normalize
 *     LD_LIBRARY_PATH=build/liblrncore ./normalize
 */
#include <lrncore.h>
#include <stdio.h>
#include <stdlib.h>

enum { IMAGES = 1, CHANNELS = 96, PIXELS = 55 * 55 };

int main(void)
{
    const lrn_spec alexnet = {.before = 2, .after = 2, .scale = 1e-4, .beta = 0.75, .k = 2};
    const int count = IMAGES * CHANNELS * PIXELS;
    float *x = malloc(count * sizeof *x), *y = malloc(count * sizeof *y);
    if (!x || !y)
        return EXIT_FAILURE;
    for (int i = 0; i < count; i++)
        x[i] = (float)(i % 511);
    int code = lrn_forward_f32(x, y, IMAGES, CHANNELS, PIXELS, &alexnet, 0);
    if (code) {
        fprintf(stderr, "lrn_forward_f32: %s\n", lrn_error(code));
        return EXIT_FAILURE;
    }
    printf("lrncore %s, %s\n", lrn_version(), lrn_instruction_set());
    for (int i = 0; i < count; i += count / 4)
        printf("x[%d] = %g, y[%d] = %.7g\n", i, x[i], i, y[i]);
    free(x);
    free(y);
    return EXIT_SUCCESS;
}
