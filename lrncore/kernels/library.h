/* A function of a library in a file; NULL, and *trouble says why, if it is not to be had. The library stays loaded. */
#ifndef LRNCORE_LIBRARY_H
#define LRNCORE_LIBRARY_H

#if defined(_WIN32)
#include <windows.h>

static void *load_function(const char *path, const char *name, const char **trouble)
{
    HMODULE library = LoadLibraryA(path);
    void *found = library ? (void *)GetProcAddress(library, name) : NULL;
    *trouble = library ? "a file of lrncore's kernels lacks its function" : "a file of lrncore's kernels was not loaded";
    return found;
}
#else
#include <dlfcn.h>

static void *load_function(const char *path, const char *name, const char **trouble)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *found = library ? dlsym(library, name) : NULL;
    *trouble = found ? NULL : dlerror();
    return found;
}
#endif

#endif
