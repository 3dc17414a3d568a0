/* SPDX-License-Identifier: MIT */
/* The output matrix in fewer bits than the file gives it: chosen here, done while it is loaded. */
#ifndef LUTRA_MODELS_HEAD_H
#define LUTRA_MODELS_HEAD_H

#include "models/head_fast.h"

enum lutra_head_bits {
    LUTRA_HEAD_AS_FILE,
    LUTRA_HEAD_8,
    LUTRA_HEAD_6,
    LUTRA_HEAD_4,
    LUTRA_HEAD_SHORTLIST /* as in the file, and beside it what head_fast.h needs */
};

/* The type that a head of `type` and n_cols columns is stored as: the wanted one if it divides the
 * rows and its matrix is smaller than the file's, else `type`. */
int lutra_head_type(enum lutra_head_bits want, int type, int n_rows, int n_cols);

/* Turns rows from a file's type into another, through floats. */
struct lutra_recode {
    int from, to, n_cols;
    size_t from_bytes, to_bytes; /* of a row */
    float *row;
    uint8_t *out;                /* n rows of `to` */
};
/* Room for n rows; LUTRA_ENOMEM. Closing a zeroed one is fine. */
lutra_status lutra_recode_open(struct lutra_recode *r, int from, int to, int n, int n_cols);
void lutra_recode_close(struct lutra_recode *r);
/* n rows of the file -> r->out, which is returned. */
const uint8_t *lutra_recode_rows(struct lutra_recode *r, const uint8_t *rows, int n);

/* What became of the head, in one line. file, head: as the file has it, as it is stored. */
void lutra_head_say(char *dst, size_t cap, enum lutra_head_bits want, int file_type,
                    uint64_t file_bytes, const struct lutra_mat *head, bool tied);

/* The same for LUTRA_HEAD_SHORTLIST, after it was made. */
void lutra_head_say_fast(char *dst, size_t cap, const struct lutra_mat *head,
                         const struct lutra_head_fast *f);

#endif
