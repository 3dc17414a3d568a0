/* SPDX-License-Identifier: MIT */
/* UTF-8, strictly; and the streaming decoder that never hands out half a character. */
#include "runtime/unicode.h"
#include "runtime/tok_chars.h"
#include "runtime/tokenizer.h"

#include <string.h>

/* Length a first byte announces and the range its second byte must lie in (RFC 3629, table of
 * well-formed sequences): this one range check refuses overlong forms, surrogates and > U+10FFFF.
 */
static int announced(unsigned char b, unsigned char *lo, unsigned char *hi)
{
    *lo = 0x80;
    *hi = 0xBF;
    if (b < 0x80) return 1;
    if (b < 0xC2) return 0;
    if (b < 0xE0) return 2;
    if (b < 0xF0) {
        if (b == 0xE0) *lo = 0xA0;
        if (b == 0xED) *hi = 0x9F;
        return 3;
    }
    if (b == 0xF0) *lo = 0x90;
    if (b == 0xF4) *hi = 0x8F;
    return b <= 0xF4 ? 4 : 0;
}

static inline int read_one(const char *s, size_t n, uint32_t *cp)
{
    const unsigned char *p = (const unsigned char *)s;
    unsigned char lo, hi;
    int len = announced(p[0], &lo, &hi);
    if (len == 0) return -1;
    if (len == 1) {
        *cp = p[0];
        return 1;
    }
    uint32_t c = p[0] & (0x7Fu >> len);
    for (int i = 1; i < len; i++) {
        if ((size_t)i >= n) return 0;
        if (p[i] < lo || p[i] > hi) return -i;
        c = c << 6 | (p[i] & 0x3F);
        lo = 0x80;
        hi = 0xBF;
    }
    *cp = c;
    return len;
}

int lutra_utf8_read(const char *s, size_t n, uint32_t *cp)
{
    return read_one(s, n, cp);
}

uint64_t lutra_look_far(const char *s, size_t pos, size_t end)
{
    uint32_t cp;
    if (pos >= end) return LUTRA_UTF8_BAD;
    int k = read_one(s + pos, end - pos, &cp);
    if (k <= 0) return LUTRA_UTF8_BAD | (uint64_t)1 << 32; /* a byte that begins no character */
    return cp | (uint64_t)k << 32 | (uint64_t)lutra_unicode_class(cp) << 40;
}

size_t lutra_utf8_write(char dst[4], uint32_t cp)
{
    if (cp < 0x80) {
        dst[0] = (char)cp;
        return 1;
    }
    int len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (int i = len - 1; i > 0; i--) {
        dst[i] = (char)(0x80 | (cp & 0x3F));
        cp >>= 6;
    }
    dst[0] = (char)(0xF00 >> len | cp);
    return (size_t)len;
}

static size_t put_replacement(char *dst)
{
    memcpy(dst, "\xEF\xBF\xBD", 3);
    return 3;
}

/* Finish the character that is held back with bytes of src; returns bytes of src used. */
static size_t finish_held(struct lutra_utf8 *u, const char *src, size_t n, char *dst, size_t *out)
{
    size_t used = 0;
    while (u->n_hold > 0 && used < n) {
        uint32_t cp;
        u->hold[u->n_hold] = (unsigned char)src[used];
        int k = lutra_utf8_read((const char *)u->hold, (size_t)u->n_hold + 1, &cp);
        if (k == 0) { /* still fine, still short: the byte is held too */
            u->n_hold++;
            used++;
        } else if (k > 0) {
            memcpy(dst + *out, u->hold, (size_t)k);
            *out += (size_t)k;
            u->n_hold = 0;
            used++;
        } else { /* what was held is broken; this byte begins anew */
            *out += put_replacement(dst + *out);
            u->n_hold = 0;
        }
    }
    return used;
}

size_t lutra_utf8_feed(struct lutra_utf8 *u, const char *src, size_t n, char *dst)
{
    size_t out = 0;
    size_t i = finish_held(u, src, n, dst, &out);
    while (i < n) {
        uint32_t cp;
        int k = lutra_utf8_read(src + i, n - i, &cp);
        if (k == 0) {
            u->n_hold = (int)(n - i);
            memcpy(u->hold, src + i, n - i);
            break;
        }
        if (k > 0) {
            memcpy(dst + out, src + i, (size_t)k);
            out += (size_t)k;
            i += (size_t)k;
        } else {
            out += put_replacement(dst + out);
            i += (size_t)-k;
        }
    }
    return out;
}

size_t lutra_utf8_flush(struct lutra_utf8 *u, char *dst)
{
    if (u->n_hold == 0) return 0;
    u->n_hold = 0;
    return put_replacement(dst);
}
