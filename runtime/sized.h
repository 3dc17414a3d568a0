/* SPDX-License-Identifier: MIT */
/* Structs of lutra.h that grow: a program compiled with an older header hands over fewer members. */
#ifndef LUTRA_RUNTIME_SIZED_H
#define LUTRA_RUNTIME_SIZED_H

#include "kernels/base.h"

#include <string.h>

/* Copy the caller's options into today's struct; members the caller's header did not have become zero, their default.
 *   size    of today's struct
 *   older   sizes the struct had before, 0 at the end
 *   Errors  LUTRA_EINVAL: a size that no header ever had */
static inline lutra_status lutra_sized_in(void *dst, size_t size, const void *src, const size_t *older, const char *name,
                                          lutra_error *err)
{
    size_t n;
    memcpy(&n, src, sizeof n);
    while (n != size && *older != 0 && *older != n) older++;
    if (n != size && *older == 0)
        return lutra_fail(err, LUTRA_EINVAL, "%s: size is %zu, not sizeof(%s), which is %zu", name, n, name, size);
    memset(dst, 0, size);
    memcpy(dst, src, n);
    memcpy(dst, &size, sizeof size);
    return LUTRA_OK;
}

/* Give the caller a struct of which their header may know only a beginning. LUTRA_EINVAL: a size that no header ever had. */
static inline lutra_status lutra_sized_out(void *dst, const void *src, size_t size, const size_t *older)
{
    size_t n;
    memcpy(&n, dst, sizeof n);
    while (n != size && *older != 0 && *older != n) older++;
    if (n != size && *older == 0) return LUTRA_EINVAL;
    memcpy(dst, src, n);
    memcpy(dst, &n, sizeof n);
    return LUTRA_OK;
}

#endif
