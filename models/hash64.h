/* SPDX-License-Identifier: MIT */
/* A 64-bit checksum of any bytes, against damage and mix-ups, not against forgers. */
#ifndef LUTRA_MODELS_HASH64_H
#define LUTRA_MODELS_HASH64_H

#include <stddef.h>
#include <stdint.h>

/* Four lanes take eight bytes each in turn: lane = rotate(lane ^ word, 29) * odd. Every step is a bijection of the lane,
 * so a change within one word never goes unseen. Bytes may come in pieces of any size. */
struct lutra_hash64 {
    uint64_t lane[4];
    uint64_t n;       /* bytes so far */
    uint8_t held[32]; /* the last n % 32 of them */
};

/* Different seeds, different sums of the same bytes. */
void lutra_hash64_begin(struct lutra_hash64 *h, uint64_t seed);
void lutra_hash64_add(struct lutra_hash64 *h, const void *bytes, size_t n);
uint64_t lutra_hash64_end(struct lutra_hash64 *h);

/* All at once. */
uint64_t lutra_hash64(uint64_t seed, const void *bytes, size_t n);

#endif
