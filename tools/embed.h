/* SPDX-License-Identifier: MIT */
/* Vectors on stdout, as llama-embedding prints them. */
#ifndef LUTRA_TOOLS_EMBED_H
#define LUTRA_TOOLS_EMBED_H

#include <stdbool.h>
#include <stddef.h>

enum lutra_embed_format { /* in the order of --embd-output-format */
    LUTRA_EMBED_TEXT,
    LUTRA_EMBED_RAW,
    LUTRA_EMBED_ARRAY,
    LUTRA_EMBED_JSON,
    LUTRA_EMBED_JSON_PLUS
};

struct lutra_embed_out {
    enum lutra_embed_format format;
    int normalize;   /* --embd-normalize; at 2 vectors come as they shall be */
    int n_embd;
    bool per_token;  /* vectors are of tokens, not of texts */

    float *kept;     /* all vectors, where cosines are wanted at the end or how many there are matters */
    char (*labels)[48]; /* the texts' beginnings, escaped */
    size_t n, cap;   /* vectors so far; room for */
};

/* Set the fields above the gap, the others to zero. v: n_embd numbers, which are changed. text: what they are of.
 * False: no memory. */
bool lutra_embed_put(struct lutra_embed_out *out, float *v, const char *text, size_t len);
/* What stands behind the last vector. */
void lutra_embed_end(struct lutra_embed_out *out);
void lutra_embed_free(struct lutra_embed_out *out);

/* v by its largest magnitude (how = 0: that becomes 32760), sum of magnitudes (1) or p-norm (others); -1, 2: stays. */
void lutra_embed_normalize(float *v, int n, int how);

#endif
