/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4), to check what was downloaded. */
#ifndef LUTRA_TOOLS_SHA256_H
#define LUTRA_TOOLS_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct lutra_sha256 {
    uint32_t h[8];
    uint8_t block[64];
    uint64_t n; /* bytes so far */
};

void lutra_sha256_begin(struct lutra_sha256 *s);
void lutra_sha256_add(struct lutra_sha256 *s, const void *data, size_t n);
/* 64 hexadecimal digits and a NUL. */
void lutra_sha256_end(struct lutra_sha256 *s, char hex[65]);

#endif
