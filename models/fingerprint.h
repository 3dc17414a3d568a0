/* SPDX-License-Identifier: MIT */
/* Which model is this? What a saved session is compared by. */
#ifndef LUTRA_MODELS_FINGERPRINT_H
#define LUTRA_MODELS_FINGERPRINT_H

#include "models/config.h"

struct lutra_fingerprint {
    uint64_t vocab;   /* texts of all tokens, in order */
    uint64_t weights; /* the family's keys; name, type, shape of every tensor and bytes from three places of it */
};

/* Of a file that has been loaded: independent of how weights are packed, of the file's name, of the order of its
 * tensors and of how many parts it is in. Reads 1.5 KiB per tensor.
 * Errors LUTRA_EIO. */
lutra_status lutra_fingerprint_take(struct lutra_fingerprint *f, const struct lutra_gguf *g, const struct lutra_config *c,
                                    lutra_error *err);

#endif
