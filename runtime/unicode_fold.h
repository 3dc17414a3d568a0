/* SPDX-License-Identifier: MIT */
/* Lower case and letters without their accents (Unicode 16), as BERT's normalizer wants them. The
 * tables are generated (tests/gen_fold.py). */
#ifndef LUTRA_RUNTIME_UNICODE_FOLD_H
#define LUTRA_RUNTIME_UNICODE_FOLD_H

#include <stdbool.h>
#include <stdint.h>

/* Rows begin with a key: a code point << 8, and, for what is said of several, how many follow it. */
struct lutra_fold_run {
    uint32_t key;
    int32_t delta; /* times 2; odd: of every second of them */
};
struct lutra_fold_range {
    uint32_t key;
};
struct lutra_fold_block {
    uint32_t key, last;
};
struct lutra_fold_pairs {
    uint32_t key;
    uint16_t plane, at; /* they become plane << 16 | lutra_fold_bases[at], [at + 1], ... */
};
struct lutra_fold_parts {
    uint32_t key, to[3]; /* 0 after the last */
};

/* sorted by their keys */
extern const struct lutra_fold_run lutra_fold_lower[];
extern const struct lutra_fold_range lutra_fold_marks[];   /* Mn */
extern const struct lutra_fold_block lutra_fold_control[]; /* Cc, Cf, Co */
extern const struct lutra_fold_pairs lutra_fold_base[];
extern const struct lutra_fold_parts lutra_fold_many[];
extern const uint16_t lutra_fold_bases[];
extern const int lutra_fold_lower_n, lutra_fold_marks_n, lutra_fold_control_n;
extern const int lutra_fold_base_n, lutra_fold_many_n;

/* The canonical decomposition of cp without nonspacing marks (Mn): 0 to 3 code points. */
int lutra_fold_strip(uint32_t cp, uint32_t out[3]);

/* Control, format or private-use characters (unassigned ones are none of these). */
bool lutra_fold_is_control(uint32_t cp);

/* Lower case, one to one. */
uint32_t lutra_fold_to_lower(uint32_t cp);
/* The first that has cp as its lower case, else cp. Looks through the whole table. */
uint32_t lutra_fold_to_upper(uint32_t cp);

#endif
