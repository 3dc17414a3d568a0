/* SPDX-License-Identifier: MIT */
/* Which kernel multiplies what, for one token and for many, and why: by type, or by tensor of a
 * model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/matmul.h"
#include "runtime/session.h"
#include "tools/cli.h"
#include "tools/doctor.h"

enum { MOST_TOKENS = 512, WAY_BYTES = 100, MOST_ROWS = 40 };

static const char *path_name(enum lutra_path path)
{
    switch (path) {
    case LUTRA_PATH_LOOKUP:
        return "tables";
    case LUTRA_PATH_VECTOR:
        return "vectors";
    case LUTRA_PATH_PANEL:
        return "dots";
    case LUTRA_PATH_FLOAT:
        return "float";
    case LUTRA_PATH_EXACT:
        return "decoded";
    default:
        return "other";
    }
}

/* "tables 1-7, dots from 8": tokens at once */
static void say_way(char *dst, size_t cap, const struct lutra_engine *e, const struct lutra_mat *m)
{
    size_t at = 0;
    int first = 1;
    for (int n = 2; n <= MOST_TOKENS + 1 && at < cap; n++) {
        enum lutra_path path = lutra_matmul_path(e, m, first);
        if (n <= MOST_TOKENS && lutra_matmul_path(e, m, n) == path) continue;
        const char *name = path_name(path), *comma = at ? ", " : "";
        if (n > MOST_TOKENS)
            at += (size_t)(first == 1 ? lutra_format(dst + at, cap - at, "%s", name)
                              : strchr(dst, ',') /* no room to say what the part before says */
                                  ? lutra_format(dst + at, cap - at, "%s%s", comma, name)
                                  : lutra_format(dst + at, cap - at, "%s%s from %d", comma, name, first));
        else if (n == 2)
            at += (size_t)lutra_format(dst + at, cap - at, "%s for 1", name);
        else
            at += (size_t)lutra_format(dst + at, cap - at, "%s%s %d-%d", comma, name, first, n - 1);
        first = n;
    }
}

static const char *kind_of(const struct lutra_mat *m)
{
    static char text[40];
    switch (m->kind) {
    case LUTRA_MAT_PLANES:
        snprintf(text, sizeof text, "%d plane%s", m->bits, m->bits == 1 ? "" : "s");
        return text;
    case LUTRA_MAT_DENSE:
        snprintf(text, sizeof text, "%d bits", m->bits);
        return text;
    case LUTRA_MAT_TERN:
        return "base 3";
    case LUTRA_MAT_QUINT:
        return "5 trits a byte";
    case LUTRA_MAT_I8:
        return "int8";
    case LUTRA_MAT_BOOK:
        return "book";
    default:
        return "as it is";
    }
}

static void set_engine(struct lutra_engine *e, const struct lutra_ops *ops, enum lutra_mode mode,
                       const struct lutra_mat *m)
{
    *e = (struct lutra_engine){.ops = ops, .mode = mode};
    e->code_max = m->kind == LUTRA_MAT_TERN ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX;
}

/* ---- by type ---- */

struct group {
    char names[300], way[WAY_BYTES];
};

static void add_to(struct group *groups, int *n, const char *name, const char *way)
{
    int i = 0;
    while (i < *n && strcmp(groups[i].way, way) != 0) i++;
    if (i == MOST_ROWS) return;
    if (i == *n) groups[(*n)++] = (struct group){.names = ""};
    size_t at = strlen(groups[i].names);
    lutra_format(groups[i].names + at, sizeof groups[i].names - at, "%s%s", at ? " " : "", name);
    lutra_format(groups[i].way, sizeof groups[i].way, "%s", way);
}

static void add_type(struct group *groups, int *n, const struct lutra_ops *ops, int type,
                     bool ternary)
{
    struct lutra_mat m = {.data = NULL};
    struct lutra_engine e;
    char way[WAY_BYTES], name[40];
    enum lutra_packing how = ternary ? lutra_tern_packing(ops, false) : lutra_codes_packing(ops, type, 4096, false);
    if (lutra_pack_plan_as(&m, type, 4096, 4096, how, NULL)) return;
    set_engine(&e, ops, LUTRA_MODE_AUTO, &m);
    say_way(way, sizeof way, &e, &m);
    lutra_format(name, sizeof name, "%s%s", lutra_type_info((uint32_t)type)->name,
                 ternary ? "(1 scale)" : "");
    add_to(groups, n, name, way);
}

/* Names to the left, in lines of their own where they are many. */
static void print_group(const struct group *g, const char *label)
{
    enum { NAMES = 36 };
    char line[NAMES + 1] = "", names[sizeof g->names], *save = NULL;
    size_t at = 0;
    memcpy(names, g->names, sizeof names);
    for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        if (at + strlen(name) + 1 > NAMES) {
            printf("%-9s %s\n", label, line);
            label = "";
            at = 0;
        }
        at += (size_t)lutra_format(line + at, sizeof line - at, "%s%s", at ? " " : "", name);
    }
    printf("%-9s %-*s %s\n", label, NAMES, line, g->way);
}

void lutra_doctor_types(uint32_t features)
{
    struct group *groups = calloc(MOST_ROWS, sizeof *groups);
    struct lutra_ops ops;
    int n = 0;
    if (groups == NULL) return;
    lutra_ops_init(&ops, features);
    for (int id = 0; id < 256; id++) {
        if (!lutra_type_runs((uint32_t)id)) continue;
        if (id == LUTRA_TYPE_TQ1_0 || id == LUTRA_TYPE_TQ2_0) add_type(groups, &n, &ops, id, true);
        add_type(groups, &n, &ops, id, false);
    }
    for (int i = 0; i < n; i++) print_group(&groups[i], i ? "" : "weights");
    puts("          Numbers are tokens at once. tables: lookups of the sums of four weights; dots: "
         "weights\n"
         "          unpacked once for all tokens; where one overtakes the other was measured.\n"
         "          `lutra doctor FILE` shows the tensors of a model.");
    free(groups);
}

/* ---- by tensor ---- */

struct row {
    const char *tensor;
    int type, n_rows, n_cols, count;
    enum lutra_mat_kind kind;
    double bytes;
    const struct lutra_mat *mat;
};

static void add_mat(struct row *rows, int *n, const char *tensor, const struct lutra_mat *m,
                    int count)
{
    int i = 0;
    if (m->data == NULL) return;
    while (i < *n &&
           !(strcmp(rows[i].tensor, tensor) == 0 && rows[i].type == m->type &&
             rows[i].kind == m->kind && rows[i].n_rows == m->n_rows && rows[i].n_cols == m->n_cols))
        i++;
    if (i == MOST_ROWS) return;
    if (i == *n)
        rows[(*n)++] = (struct row){tensor, m->type, m->n_rows, m->n_cols, 0, m->kind, 0, m};
    rows[i].count += count; /* experts are many */
    rows[i].bytes += (double)m->bytes * count;
}

static int collect(struct row *rows, const struct lutra_net *net)
{
    int n = 0, count;
    for (int i = 0; i < net->arch->n_specs; i++)
        for (int il = 0; il < net->config.n_layer; il++) {
            const struct lutra_mat *m = lutra_layer_mat(net, il, i, &count);
            if (m) add_mat(rows, &n, net->arch->specs[i].suffix, m, count);
        }
    add_mat(rows, &n, "output", &net->output, 1);
    return n;
}

/* The engine of a family may give some matrices wider codes than others: BitNet's int8 are what
 * TERN asks for. */
void lutra_doctor_tensors(const lutra_model *model)
{
    const struct lutra_net *net = model->net;
    struct row *rows = calloc(MOST_ROWS, sizeof *rows);
    char shape[32], way[WAY_BYTES], bytes[24];
    int n = rows ? collect(rows, net) : 0;
    printf("model     %s, %s, %s of weights read per %s\n", net->config.arch, net->type_name,
           lutra_cli_bytes(bytes, sizeof bytes, net->token_bytes),
           net->config.encoder ? "batch of tokens (an encoder: for lutra embed)" : "token");
    for (int i = 0; i < n; i++) {
        struct lutra_engine e;
        set_engine(&e, &net->ops, model->mode, rows[i].mat);
        say_way(way, sizeof way, &e, rows[i].mat);
        snprintf(shape, sizeof shape, "%dx%d", rows[i].n_rows, rows[i].n_cols);
        int name = (int)strcspn(rows[i].tensor, "."); /* less ".weight" */
        printf("%-9s %-11.*s %3d of %-9s %11s  %-8s %8s %s\n", i ? "" : "tensors", name,
               rows[i].tensor, rows[i].count, lutra_type_info((uint32_t)rows[i].type)->name, shape,
               kind_of(rows[i].mat), lutra_cli_bytes(bytes, sizeof bytes, (uint64_t)rows[i].bytes),
               way);
    }
    if (net->head[0]) printf("%-9s %s\n", "head", net->head);
    puts("          Numbers are tokens at once. tables: lookups of the sums of four weights; dots: "
         "weights\n"
         "          unpacked once for all tokens; where one overtakes the other was measured. base "
         "3: all\n"
         "          scales of the tensor are equal and no code is outside -1, 0, 1.");
    free(rows);
}
