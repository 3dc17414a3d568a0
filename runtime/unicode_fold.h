/* SPDX-License-Identifier: MIT */
/* Lower case and letters without their accents (Unicode 16), as BERT's normalizer wants them. The
 * tables are generated (tests/gen_fold.py). */
#ifndef LUTRA_RUNTIME_UNICODE_FOLD_H
#define LUTRA_RUNTIME_UNICODE_FOLD_H

#include <stdbool.h>
#include <stdint.h>

struct lutra_fold_run {
    uint32_t first, last;
    int step, delta;
};
struct lutra_fold_range {
    uint32_t first, last;
};
struct lutra_fold_pair {
    uint32_t from, to;
};
struct lutra_fold_parts {
    uint32_t from, to[3]; /* 0 after the last */
};

/* sorted by their first member */
extern const struct lutra_fold_run lutra_fold_lower[];
extern const struct lutra_fold_range lutra_fold_marks[];   /* Mn */
extern const struct lutra_fold_range lutra_fold_control[]; /* Cc, Cf, Co */
extern const struct lutra_fold_pair lutra_fold_base[];
extern const struct lutra_fold_parts lutra_fold_many[];
extern const int lutra_fold_lower_n, lutra_fold_marks_n, lutra_fold_control_n;
extern const int lutra_fold_base_n, lutra_fold_many_n;

/* The canonical decomposition of cp without nonspacing marks (Mn): 0 to 3 code points. */
int lutra_fold_strip(uint32_t cp, uint32_t out[3]);

/* Control, format or private-use characters (unassigned ones are none of these). */
bool lutra_fold_is_control(uint32_t cp);

/* Lower case, one to one. */
uint32_t lutra_fold_to_lower(uint32_t cp);

#endif
