/* A model in onnxruntime, without Python: run_model ONNXRUNTIME LIBRARY MODEL CHANNELS prints y for x = 0, 1, 2, ...
 * of the shape (1, CHANNELS).
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef void (*function)(void);
typedef struct {
    const function *(*api)(uint32_t version);
    const char *(*version)(void);
} base;
static const function *api;

static void check(void *status)
{
    if (!status)
        return;
    printf("%s\n", ((const char *(*)(const void *))api[2])(status));
    exit(1);
}
#define CALL(place, types, ...) check(((void *(*)types)api[place])(__VA_ARGS__))

int main(int count, char **words)
{
    static const char *x_name = "x", *y_name = "y";
    void *environment, *options, *session, *memory, *x, *y = NULL, *library = dlopen(words[1], RTLD_NOW);
    const base *(*get_base)(void);
    int64_t shape[] = {1, count == 5 ? atoi(words[4]) : 0};
    float *values = malloc(sizeof(float) * (size_t)shape[1]);
    if (!library) {
        printf("%s\n", dlerror());
        return 1;
    }
    *(void **)&get_base = dlsym(library, "OrtGetApiBase");
    api = get_base()->api(17);
    for (int64_t i = 0; i < shape[1]; i++)
        values[i] = (float)i;
    CALL(3, (int, const char *, void **), 3, "lrncore", &environment);
    CALL(10, (void **), &options);
    CALL(228, (void *, const char *), options, words[2]);
    CALL(7, (void *, const char *, void *, void **), environment, words[3], options, &session);
    CALL(69, (int, int, void **), 1, 0, &memory);
    CALL(49, (void *, void *, size_t, const int64_t *, size_t, int, void **), memory, values,
         sizeof(float) * (size_t)shape[1], shape, 2, 1, &x);
    CALL(9, (void *, void *, const char **, void **, size_t, const char **, size_t, void **), session, NULL, &x_name,
         &x, 1, &y_name, 1, &y);
    CALL(51, (void *, void **), y, (void **)&values);
    for (int64_t i = 0; i < shape[1]; i++)
        printf("%.9g\n", values[i]);
    return 0;
}
