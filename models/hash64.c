/* SPDX-License-Identifier: MIT */
/* The checksum of models/hash64.h. The constant is any odd number that mixes well. */
#include "models/hash64.h"

#include <string.h>

static const uint64_t odd = 0x9de9ec4b5a3c6d17u;

static uint64_t turn(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static void take_block(uint64_t lane[4], const uint8_t *p)
{
    uint64_t w[4];
    memcpy(w, p, sizeof w);
    for (int i = 0; i < 4; i++) lane[i] = turn(lane[i] ^ w[i], 29) * odd;
}

void lutra_hash64_begin(struct lutra_hash64 *h, uint64_t seed)
{
    memset(h, 0, sizeof *h);
    for (int i = 0; i < 4; i++) h->lane[i] = (seed + (uint64_t)i + 1) * odd;
}

void lutra_hash64_add(struct lutra_hash64 *h, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    size_t held = (size_t)(h->n % sizeof h->held);
    if (n == 0) return; /* bytes may be NULL then */
    h->n += n;
    if (held > 0) {
        size_t more = sizeof h->held - held < n ? sizeof h->held - held : n;
        memcpy(h->held + held, p, more);
        p += more;
        n -= more;
        if (held + more < sizeof h->held) return;
        take_block(h->lane, h->held);
    }
    for (; n >= sizeof h->held; p += sizeof h->held, n -= sizeof h->held) take_block(h->lane, p);
    memcpy(h->held, p, n);
}

uint64_t lutra_hash64_end(struct lutra_hash64 *h)
{
    size_t held = (size_t)(h->n % sizeof h->held);
    if (held > 0) {
        memset(h->held + held, 0, sizeof h->held - held);
        take_block(h->lane, h->held);
    }
    uint64_t sum = h->n;
    for (int i = 0; i < 4; i++) {
        sum = turn(sum ^ h->lane[i], 31) * odd;
        sum ^= sum >> 32;
    }
    return sum;
}

uint64_t lutra_hash64(uint64_t seed, const void *bytes, size_t n)
{
    struct lutra_hash64 h;
    lutra_hash64_begin(&h, seed);
    lutra_hash64_add(&h, bytes, n);
    return lutra_hash64_end(&h);
}
