/* SPDX-License-Identifier: MIT */
/* The table of families. */
#include "models/families.h"

#include <string.h>

static const struct lutra_arch *const archs[] = {&lutra_arch_llama,  &lutra_arch_qwen2,  &lutra_arch_qwen3,
                                                 &lutra_arch_gemma3, &lutra_arch_bitnet, &lutra_arch_bitnet25};

enum { N_ARCHS = sizeof archs / sizeof archs[0] };

const struct lutra_arch *lutra_arch_find(const char *name)
{
    for (int i = 0; i < N_ARCHS; i++)
        for (const char *const *n = archs[i]->names; *n; n++)
            if (strcmp(*n, name) == 0) return archs[i];
    return NULL;
}

const char *lutra_arch_names(char *dst, size_t cap)
{
    size_t at = 0;
    dst[0] = 0;
    for (int i = 0; i < N_ARCHS; i++)
        for (const char *const *n = archs[i]->names; *n && at < cap; n++)
            at += (size_t)lutra_format(dst + at, cap - at, "%s%s", at ? " " : "", *n);
    return dst;
}
