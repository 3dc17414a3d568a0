/* SPDX-License-Identifier: MIT */
/* WordPiece, BERT's tokenizer (Devlin et al. 2018, arXiv 1810.04805; its BasicTokenizer for the
 * words): words are cut at white space, around punctuation and around Chinese characters, brought
 * to lower case without accents if the model wants that, and taken apart greedily, longest piece
 * first. A word that cannot be, or of more than 100 characters, is one unknown token.
 *
 * GGUF spells a piece that begins a word with U+2581 before it, and one that goes on bare. */
#include "runtime/tok_chars.h"
#include "runtime/tok_merge.h"
#include "runtime/unicode_fold.h"

enum { WORD_CHARS = 100 };

struct word {
    char text[4 * WORD_CHARS + 8]; /* a space, then the characters */
    int start[WORD_CHARS + 2];     /* of character i; of the end */
    int n;                         /* characters, may be more than fit */
};

static void word_begin(struct word *w)
{
    w->text[0] = ' ';
    w->n = 0;
    w->start[0] = 1;
}

static void word_add(struct word *w, uint32_t cp)
{
    if (w->n++ >= WORD_CHARS) return;
    char *at = w->text + w->start[w->n - 1];
    w->start[w->n] = w->start[w->n - 1] + (int)lutra_utf8_write(at, cp);
}

/* Ids of a word into ids; how many, or 0 if some part of it is no piece. */
static int take_apart(const struct lutra_tokenizer *t, const struct word *w, int32_t *ids)
{
    int n = 0;
    for (int i = 0, from = 0; i < w->n;) {
        int end = w->n;
        int32_t id = -1;
        for (; end > i; end--) {
            size_t len = (size_t)(w->start[end] - from);
            if (len > t->longest) continue;
            if ((id = lutra_vocab_find_piece(t, w->text + from, len)) >= 0) break;
        }
        if (id < 0) return 0;
        ids[n++] = id;
        i = end;
        from = w->start[end];
    }
    return n;
}

static bool word_end(struct lutra_merger *m, struct word *w)
{
    int32_t ids[WORD_CHARS];
    bool ok = true;
    if (w->n > 0) {
        int n = w->n <= WORD_CHARS ? take_apart(m->t, w, ids) : 0;
        if (n == 0) ok = m->t->unk < 0 || lutra_ids_push(m->out, m->t->unk);
        for (int i = 0; ok && i < n; i++) ok = lutra_ids_push(m->out, ids[i]);
    }
    word_begin(w);
    return ok;
}

static bool is_chinese(uint32_t cp)
{
    static const uint32_t r[][2] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                    {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                    {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
    for (size_t i = 0; i < sizeof r / sizeof r[0]; i++)
        if (cp >= r[i][0] && cp <= r[i][1]) return true;
    return false;
}

static bool stands_alone(struct lutra_ch c)
{
    return c.class == LUTRA_UC_PUNCT || (c.cp < 0x7F && c.class == LUTRA_UC_SYMBOL) ||
           is_chinese(c.cp);
}

static bool add_char(struct lutra_merger *m, struct word *w, struct lutra_ch c)
{
    uint32_t parts[3] = {c.cp};
    bool alone = stands_alone(c);
    int n = m->t->strip ? lutra_fold_strip(c.cp, parts) : 1;
    if (alone && !word_end(m, w)) return false;
    for (int i = 0; i < n; i++) word_add(w, m->t->lower ? lutra_fold_to_lower(parts[i]) : parts[i]);
    return !alone || word_end(m, w);
}

bool lutra_wpm_encode(struct lutra_merger *m, const char *s, size_t len)
{
    struct word w;
    word_begin(&w);
    for (size_t pos = 0; pos < len;) {
        struct lutra_ch c = lutra_look(s, pos, len);
        bool ok = true;
        pos += c.n;
        if (c.class == LUTRA_UC_SPACE)
            ok = word_end(m, &w);
        else if (c.cp != LUTRA_UTF8_BAD && c.cp != 0xFFFD && !lutra_fold_is_control(c.cp))
            ok = add_char(m, &w, c);
        if (!ok) return false;
    }
    return word_end(m, &w);
}
