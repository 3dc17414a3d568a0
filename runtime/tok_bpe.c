/* SPDX-License-Identifier: MIT */
/* Byte-level BPE vocabularies: the spelling of bytes as characters, and the table of merges.
 *
 * GPT-2's spelling maps the 188 printable bytes of Latin-1 to themselves and the other 68, in
 * order, to U+0100 .. U+0143, so that a token of any bytes is readable text: a space is written
 * U+0120. */
#include "runtime/tok_vocab.h"
#include "runtime/unicode.h"

#include <stdlib.h>
#include <string.h>

static bool stands_for_itself(uint32_t b)
{
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
}

/* The byte a character spells, -1 if none. 0x100 + k is the k-th byte that does not stand for
 * itself: 00-20, 7F-A0, AD. */
static int byte_spelled(uint32_t cp)
{
    if (cp < 0x100) return stands_for_itself(cp) ? (int)cp : -1;
    uint32_t k = cp - 0x100;
    if (k <= 0x20) return (int)k;
    if (k <= 0x42) return (int)(0x7F + k - 0x21);
    return k == 0x43 ? 0xAD : -1;
}

size_t lutra_bpe_decode(char *dst, const char *text, size_t n)
{
    size_t out = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        i += lutra_utf8_next(text + i, n - i, &cp);
        int b = byte_spelled(cp);
        if (b < 0) return SIZE_MAX;
        dst[out++] = (char)b;
    }
    return out;
}

/* ---- merges ---- */

static struct lutra_merge_rule *merge_slot(const struct lutra_merge_table *m, int32_t left,
                                           int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    uint32_t at = (uint32_t)((key * 0x9E3779B97F4A7C15u) >> 32) & m->mask;
    while (m->slot[at].left >= 0 && (m->slot[at].left != left || m->slot[at].right != right)) {
        at = (at + 1) & m->mask;
    }
    return &m->slot[at];
}

static bool make_slots(struct lutra_merge_table *m, uint32_t cap)
{
    m->slot = malloc(cap * sizeof *m->slot);
    if (!m->slot) return false;
    memset(m->slot, 0xFF, cap * sizeof *m->slot);
    m->mask = cap - 1;
    m->used = 0;
    return true;
}

/* Keep the first rule of a pair; grow when two thirds are used. */
static bool add_merge(struct lutra_merge_table *m, struct lutra_merge_rule rule)
{
    if (m->used + 1 > (m->mask + 1) / 3 * 2) {
        struct lutra_merge_table old = *m;
        if (!make_slots(m, (old.mask + 1) * 2)) {
            *m = old;
            return false;
        }
        for (uint32_t i = 0; i <= old.mask; i++) {
            struct lutra_merge_rule *r = &old.slot[i];
            if (r->left >= 0) *merge_slot(m, r->left, r->right) = *r;
        }
        m->used = old.used;
        free(old.slot);
    }
    struct lutra_merge_rule *slot = merge_slot(m, rule.left, rule.right);
    if (slot->left < 0) {
        *slot = rule;
        m->used++;
    }
    return true;
}

/* "left right" -> ids. Rules whose parts or result are no tokens can never apply: left out. */
static bool parse_merge(const struct lutra_tokenizer *t, const char *s, size_t n, char *room,
                        struct lutra_merge_rule *rule)
{
    const char *gap = n > 2 ? memchr(s + 1, ' ', n - 1) : NULL;
    if (!gap || n > 2 * LUTRA_TOKEN_BYTES_MAX) return false;
    size_t (*decode)(char *, const char *, size_t) = t->spm ? lutra_spm_decode : lutra_bpe_decode;
    size_t a = decode(room, s, (size_t)(gap - s));
    if (a == SIZE_MAX || a == 0) return false;
    size_t b = decode(room + a, gap + 1, n - (size_t)(gap + 1 - s));
    if (b == SIZE_MAX || b == 0) return false;
    rule->left = lutra_vocab_find_piece(t, room, a);
    rule->right = lutra_vocab_find_piece(t, room + a, b);
    rule->id = lutra_vocab_find_piece(t, room, a + b);
    return rule->left >= 0 && rule->right >= 0 && rule->id >= 0;
}

lutra_status lutra_bpe_load_merges(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                                   lutra_error *err)
{
    static const char key[] = "tokenizer.ggml.merges";
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, key);
    if (!kv) {
        return lutra_gguf_missing(g, "key", key, "this kind of vocabulary needs it; convert the file again",
                                  err);
    }
    if (kv->type != LUTRA_GGUF_ARRAY || kv->elem_type != LUTRA_GGUF_STRING) {
        return lutra_vocab_fail(g, kv, "not an array of strings", err);
    }
    if (kv->count >= UINT32_MAX) return lutra_vocab_fail(g, kv, "too many merges", err);
    uint32_t cap = 16;
    while (cap < kv->count + kv->count / 2 && cap < (uint32_t)t->n * 4) cap *= 2;
    char *room = malloc(2 * LUTRA_TOKEN_BYTES_MAX);
    bool ok = room && make_slots(&t->merges, cap);
    struct lutra_merge_rule rule = {0, 0, 0, 0};
    const char *s;
    size_t n;
    for (uint64_t cursor = 0; ok && lutra_gguf_arr_str(g, kv, &cursor, &s, &n); rule.rank++) {
        if (parse_merge(t, s, n, room, &rule)) ok = add_merge(&t->merges, rule);
    }
    free(room);
    return ok ? LUTRA_OK : lutra_fail(err, LUTRA_ENOMEM, "no memory for the vocabulary's merges");
}
