/* SPDX-License-Identifier: MIT */
/* Reading *.logprobs files: exact log-probabilities of a model on a text, and the distance of ours from them.
 *
 *   # comments
 *   ids t[0..n) on one line; perplexity of t[1..n) on the next
 *   n rows: row i is the distribution after t[0..i]: pairs id:ln(p), most probable first */
#ifndef LUTRA_TOOLS_ORACLE_H
#define LUTRA_TOOLS_ORACLE_H

#include "kernels/base.h"

enum { LUTRA_ORACLE_PAIRS = 64 };

struct lutra_oracle_row {
    int n;
    int32_t id[LUTRA_ORACLE_PAIRS];
    double ln_p[LUTRA_ORACLE_PAIRS];
};

struct lutra_oracle {
    int n;                         /* tokens and rows */
    int32_t *ids;
    double ppl;
    struct lutra_oracle_row *rows;
};

/* Errors LUTRA_EIO, LUTRA_EFORMAT (line), LUTRA_ENOMEM. */
lutra_status lutra_oracle_read(struct lutra_oracle *o, const char *path, lutra_error *err);
void lutra_oracle_free(struct lutra_oracle *o);

/* Kullback-Leibler distance of a row: sum of p (ln p - ln q) over its ids, plus the same for all other ids as one:
 * (1-P)(ln(1-P) - ln(1-Q)). ln_q: the engine's, one per listed id. */
double lutra_oracle_kl(const struct lutra_oracle_row *row, const double *ln_q);

#endif
