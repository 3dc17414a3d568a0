/* SPDX-License-Identifier: MIT */
/* Types a head may be stored as, and the way from one type to another. */
#include "models/head.h"

#include <stdlib.h>
#include <string.h>

/* The first that divides the rows counts. Q5_1 takes 6.0 bits with its scale and minimum, Q4_1 5.0. */
static const int wanted[][3] = {
    [LUTRA_HEAD_AS_FILE] = {-1, -1, -1},
    [LUTRA_HEAD_8] = {LUTRA_TYPE_Q8_0, -1, -1},
    [LUTRA_HEAD_6] = {LUTRA_TYPE_Q6_K, LUTRA_TYPE_Q5_1, -1},
    [LUTRA_HEAD_4] = {LUTRA_TYPE_Q4_K, LUTRA_TYPE_Q4_1, -1},
    [LUTRA_HEAD_SHORTLIST] = {-1, -1, -1},
};

int lutra_head_type(enum lutra_head_bits want, int type, int n_rows, int n_cols)
{
    struct lutra_mat file = {0}, mat = {0};
    if (lutra_pack_plan(&file, type, n_rows, n_cols, false, NULL) != LUTRA_OK) return type;
    for (int i = 0; i < 3 && wanted[want][i] >= 0; i++)
        if (lutra_pack_plan(&mat, wanted[want][i], n_rows, n_cols, false, NULL) == LUTRA_OK)
            return mat.bytes < file.bytes ? wanted[want][i] : type;
    return type;
}

static size_t row_bytes(int type, int n_cols)
{
    const struct lutra_type_info *info = lutra_type_info((uint32_t)type);
    return (size_t)(n_cols / info->block) * (size_t)info->bytes;
}

lutra_status lutra_recode_open(struct lutra_recode *r, int from, int to, int n, int n_cols)
{
    *r = (struct lutra_recode){.from = from, .to = to, .n_cols = n_cols};
    r->from_bytes = row_bytes(from, n_cols);
    r->to_bytes = row_bytes(to, n_cols);
    r->row = malloc((size_t)n_cols * sizeof *r->row);
    r->out = malloc((size_t)n * r->to_bytes);
    if (r->row != NULL && r->out != NULL) return LUTRA_OK;
    lutra_recode_close(r);
    return LUTRA_ENOMEM;
}

void lutra_recode_close(struct lutra_recode *r)
{
    free(r->row);
    free(r->out);
    r->row = NULL;
    r->out = NULL;
}

const uint8_t *lutra_recode_rows(struct lutra_recode *r, const uint8_t *rows, int n)
{
    for (int i = 0; i < n; i++) {
        lutra_decode_row(r->from, r->row, rows + (size_t)i * r->from_bytes, r->n_cols);
        lutra_encode_row(r->to, r->out + (size_t)i * r->to_bytes, r->row, r->n_cols);
    }
    return r->out;
}

static const char *name_of(int type)
{
    return lutra_type_info((uint32_t)type)->name;
}

void lutra_head_say(char *dst, size_t cap, enum lutra_head_bits want, int file_type,
                    uint64_t file_bytes, const struct lutra_mat *head, bool tied)
{
    double mib = 1048576.0;
    if (want == LUTRA_HEAD_AS_FILE)
        lutra_format(dst, cap, "%s, as in the file", name_of(file_type));
    else if (head->type == file_type)
        lutra_format(dst, cap, "%s, as in the file: nothing smaller was asked for",
                     name_of(file_type));
    else
        lutra_format(dst, cap, "%s for %s: %.1f MiB read per token for %.1f; memory %+.1f MiB",
                     name_of(head->type), name_of(file_type), (double)head->bytes / mib,
                     (double)file_bytes / mib,
                     ((double)head->bytes - (tied ? 0.0 : (double)file_bytes)) / mib);
}

void lutra_head_say_fast(char *dst, size_t cap, const struct lutra_mat *head,
                         const struct lutra_head_fast *f)
{
    double mib = 1048576.0, part = (double)lutra_head_fast_bytes(f) / mib;
    if (!f->ready)
        lutra_format(dst, cap, "%s, as in the file: a shortlist would not spare enough",
                     name_of(head->type));
    else
        lutra_format(dst, cap,
                     "%s by shortlist if greedy (approximate): %.1f MiB and a few rows read per "
                     "token for %.1f; memory %+.1f MiB",
                     name_of(head->type), part, (double)head->bytes / mib, part);
}
