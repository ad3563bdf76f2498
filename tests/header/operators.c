/* What onnxruntime does first with a library of operators, without onnxruntime and without Python: operators LIBRARY
 * VERSION prints which operators it registers, or why it does not.
 */
#include "ort_api.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static const char *version;
static ort_function table[300];

static const char *get_version(void) { return version; }
static const ort_api *get_api(uint32_t wanted) { return wanted <= ORT_API ? table : NULL; }
static ort_status *create_status(int code, const char *words)
{
    printf("status %d: %s\n", code, words);
    exit(0);
}
static ort_status *create_domain(const char *name, ort_domain **domain)
{
    printf("%s:", name);
    *domain = table;
    return NULL;
}
static ort_status *add_op(ort_domain *domain, const ort_op *op)
{
    (void)domain;
    printf(" %s of %d", op->name(op), op->input_type(op, 0));
    return NULL;
}
static ort_status *add_domain(ort_options *options, ort_domain *domain)
{
    (void)options;
    (void)domain;
    printf(", added\n");
    return NULL;
}

int main(int count, char **words)
{
    const ort_base base = {get_api, get_version};
    void *library = count == 3 ? dlopen(words[1], RTLD_NOW) : NULL;
    ort_status *(*enter)(ort_options *, const ort_base *);
    if (!library) {
        printf("%s\n", dlerror());
        return 1;
    }
    *(void **)&enter = dlsym(library, "RegisterCustomOps");
    version = words[2];
    table[ORT_CREATE_STATUS] = (ort_function)create_status;
    table[26] = (ort_function)create_domain;
    table[27] = (ort_function)add_op;
    table[28] = (ort_function)add_domain;
    enter(NULL, &base);
    return 0;
}
