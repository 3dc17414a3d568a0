/* SPDX-License-Identifier: MIT */
/* The formats of lutra embed. Numbers have seven places; those of --embd-normalize 0 none. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/base.h"
#include "kernels/lmath.h"
#include "tools/embed.h"

static double power(double x, int n)
{
    double y = 1;
    for (; n > 0; n--) y *= x;
    return y;
}

void lutra_embed_normalize(float *v, int n, int how)
{
    double most = 0, sum = 0;
    if (how == -1 || how == 2) return;
    for (int i = 0; i < n; i++) most = fmax(most, fabs((double)v[i]));
    if (!(most > 0)) return;
    for (int i = 0; how > 0 && i < n; i++) sum += power(fabs((double)v[i]) / most, how);
    double by = how == 0 ? 32760.0 / most : 1 / (most * (how == 1 ? sum : lutra_pow(sum, 1.0 / how)));
    for (int i = 0; i < n; i++) v[i] = (float)((double)v[i] * by);
}

static void print_row(const struct lutra_embed_out *out, const float *v, const char *between)
{
    const char *number = out->normalize == 0 ? "%s%1.0f" : "%s%1.7f";
    for (int i = 0; i < out->n_embd; i++) printf(number, i ? between : "", (double)v[i]);
}

static void print_json(const struct lutra_embed_out *out, const float *v)
{
    printf("%s    {\n      \"object\": \"embedding\",\n      \"index\": %zu,\n      \"embedding\": [",
           out->n ? ",\n" : "{\n  \"object\": \"list\",\n  \"data\": [\n", out->n);
    print_row(out, v, ",");
    printf("]\n    }");
}

static bool keep(struct lutra_embed_out *out, const float *v, const char *text, size_t len)
{
    size_t n_embd = (size_t)out->n_embd;
    if (out->n == out->cap) {
        size_t more = out->cap ? 2 * out->cap : 16;
        float *kept = realloc(out->kept, more * n_embd * sizeof *kept);
        if (kept) out->kept = kept;
        char(*labels)[48] = realloc(out->labels, more * sizeof *labels);
        if (labels) out->labels = labels;
        if (!kept || !labels) return false;
        out->cap = more;
    }
    memcpy(out->kept + out->n * n_embd, v, n_embd * sizeof *v);
    lutra_escape(out->labels[out->n], sizeof *out->labels, text, len);
    return true;
}

bool lutra_embed_put(struct lutra_embed_out *out, float *v, const char *text, size_t len)
{
    bool ok = true;
    lutra_embed_normalize(v, out->n_embd, out->normalize);
    switch (out->format) {
    case LUTRA_EMBED_TEXT: ok = keep(out, v, text, len); break;
    case LUTRA_EMBED_RAW:
        print_row(out, v, " ");
        putchar('\n');
        break;
    case LUTRA_EMBED_ARRAY:
        printf(out->n ? ",[" : "[[");
        print_row(out, v, ",");
        putchar(']');
        break;
    case LUTRA_EMBED_JSON: print_json(out, v); break;
    case LUTRA_EMBED_JSON_PLUS:
        print_json(out, v);
        ok = keep(out, v, text, len);
        break;
    }
    out->n++;
    return ok;
}

/* ---- the end ---- */

static double cosine(const struct lutra_embed_out *out, size_t i, size_t k)
{
    const float *a = out->kept + i * (size_t)out->n_embd, *b = out->kept + k * (size_t)out->n_embd;
    double ab = 0, aa = 0, bb = 0;
    for (int d = 0; d < out->n_embd; d++) {
        ab += (double)a[d] * (double)b[d];
        aa += (double)a[d] * (double)a[d];
        bb += (double)b[d] * (double)b[d];
    }
    if (aa == 0 || bb == 0) return aa == bb; /* two vectors of nothing are alike */
    return ab / sqrt(aa * bb);
}

/* Bytes of the label's first `most`, whole characters only. */
static int part_of(const char *label, int most)
{
    int n = (int)strnlen(label, (size_t)most);
    while (n > 0 && ((unsigned char)label[n] & 0xC0) == 0x80) n--;
    return n;
}

/* Numbers [from, to) of vector i. */
static void print_part(const struct lutra_embed_out *out, size_t i, int from, int to)
{
    const float *v = out->kept + i * (size_t)out->n_embd;
    for (int d = from < 0 ? 0 : from; d < to && d < out->n_embd; d++)
        printf(out->normalize == 0 ? "%6.0f " : "%9.6f ", (double)v[d]);
}

/* The whole vector of a single text, the beginnings of many, both ends of tokens'. */
static void print_text(const struct lutra_embed_out *out)
{
    int n = out->n_embd;
    for (size_t i = 0; i < out->n; i++) {
        printf("%sembedding %zu: ", i ? "" : "\n", i);
        print_part(out, i, 0, out->per_token ? 3 : out->n > 1 ? 16 : n);
        if (out->per_token) printf(" ... ");
        if (out->per_token) print_part(out, i, n - 3, n);
        putchar('\n');
    }
    if (out->per_token || out->n < 2) return;
    printf("\ncosine similarity matrix:\n\n");
    for (size_t i = 0; i < out->n; i++) printf("%6.*s ", part_of(out->labels[i], 6), out->labels[i]);
    putchar('\n');
    for (size_t i = 0; i < out->n; i++) {
        for (size_t k = 0; k < out->n; k++) printf("%6.2f ", cosine(out, i, k));
        printf("%.*s\n", part_of(out->labels[i], 10), out->labels[i]);
    }
}

static void print_cosines(const struct lutra_embed_out *out)
{
    printf(",\n  \"cosineSimilarity\": [\n");
    for (size_t i = 0; i < out->n; i++) {
        printf("    [");
        for (size_t k = 0; k < out->n; k++) printf("%s%6.2f", k ? ", " : "", cosine(out, i, k));
        printf(" ]%s\n", i + 1 < out->n ? "," : "");
    }
    printf("  ]");
}

void lutra_embed_end(struct lutra_embed_out *out)
{
    if (out->n == 0) return;
    if (out->format == LUTRA_EMBED_TEXT) print_text(out);
    if (out->format == LUTRA_EMBED_ARRAY) printf("]\n");
    if (out->format < LUTRA_EMBED_JSON) return;
    printf("\n  ]");
    if (out->format == LUTRA_EMBED_JSON_PLUS && out->n > 1) print_cosines(out);
    printf("\n}\n");
}

void lutra_embed_free(struct lutra_embed_out *out)
{
    free(out->kept);
    free(out->labels);
    out->kept = NULL;
    out->labels = NULL;
}
