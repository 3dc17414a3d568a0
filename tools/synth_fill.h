/* SPDX-License-Identifier: MIT */
/* Random weights written straight as blocks: random codes, scales that make sane numbers. Much
 * faster than quantizing floats, and the same kernels run. */
#ifndef LUTRA_TOOLS_SYNTH_FILL_H
#define LUTRA_TOOLS_SYNTH_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lutra_synth_fill {
    int type;
    float size;        /* root of the mean square of the weights */
    bool equal_scales; /* one scale throughout, as BitNet is trained */
    uint64_t state;    /* of the random numbers */
};

/* Can blocks of this type be made up? */
bool lutra_synth_knows(int type);

/* The scale of a whole tensor, of a type that keeps it outside its blocks (I2_S). */
float lutra_synth_outer(const struct lutra_synth_fill *f);

/* The next n blocks. Ternary types hold no code 3. */
void lutra_synth_blocks(struct lutra_synth_fill *f, void *dst, size_t n);

#endif
