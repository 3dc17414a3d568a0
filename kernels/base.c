/* SPDX-License-Identifier: MIT */
/* Status names, the one formatter of the library, and escaping of bytes nobody vouches for. */
#include "kernels/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[] = {
    [LUTRA_OK] = "ok",
    [LUTRA_EINVAL] = "invalid argument",
    [LUTRA_EIO] = "system error",
    [LUTRA_EFORMAT] = "malformed file",
    [LUTRA_EUNSUPPORTED] = "unsupported",
    [LUTRA_ENOMEM] = "out of memory",
    [LUTRA_ESELFTEST] = "self-test failed",
    [LUTRA_EFULL] = "context full",
    [LUTRA_ECANCEL] = "cancelled",
    [LUTRA_ENUMERIC] = "non-finite numbers",
    [LUTRA_EBUSY] = "in use",
};

const char *lutra_status_text(lutra_status code)
{
    size_t i = (size_t)code;
    return i < sizeof status_names / sizeof *status_names ? status_names[i] : "unknown status";
}

/* Length of the UTF-8 sequence at s when it is well formed (RFC 3629: no overlong form, no
 * surrogate, nothing above U+10FFFF); 0 when it is not. The code point goes to *cp. */
static int utf8_step(const unsigned char *s, size_t n, uint32_t *cp)
{
    unsigned b = s[0];
    if (b < 0x80) {
        *cp = b;
        return 1;
    }
    int len = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
    if (b < 0xc2 || b > 0xf4 || n < (size_t)len) return 0;
    uint32_t c = b & (0x7fu >> len);
    for (int i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    *cp = c;
    if (len == 3 && (c < 0x800 || (c >= 0xd800 && c <= 0xdfff))) return 0;
    if (len == 4 && (c < 0x10000 || c > 0x10ffff)) return 0;
    return len;
}

/* Code points that steer a terminal instead of showing a glyph: C0, DEL, C1, line separators, and
 * the bidirectional overrides, which make a file name read differently from what it is. */
static bool is_harmless(uint32_t cp)
{
    if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0)) return false;
    if (cp >= 0x2028 && cp <= 0x202e) return false;
    return !(cp >= 0x2066 && cp <= 0x2069);
}

char *lutra_escape(char *dst, size_t cap, const char *src, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *s = (const unsigned char *)src;
    size_t out = 0, keep = 0; /* keep: the longest prefix that leaves room for "..." */
    if (cap == 0) return dst;
    size_t room = cap - 1;
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        int len = utf8_step(s + i, n - i, &cp);
        bool plain = len > 0 && is_harmless(cp);
        size_t cost = plain ? (size_t)len : 4 * (size_t)(len > 0 ? len : 1);
        if (cost > room - out) {
            size_t dots = room - keep < 3 ? room - keep : 3;
            memset(dst + keep, '.', dots);
            out = keep + dots;
            break;
        }
        for (int k = 0; k < (len > 0 ? len : 1); k++, i++) {
            if (plain) {
                dst[out++] = (char)s[i];
                continue;
            }
            dst[out++] = '\\';
            dst[out++] = 'x';
            dst[out++] = hex[s[i] >> 4];
            dst[out++] = hex[s[i] & 15];
        }
        if (room - out >= 3) keep = out;
    }
    dst[out] = '\0';
    return dst;
}

int lutra_format(char *dst, size_t cap, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(dst, cap, fmt, args);
    va_end(args);
    if (n < 0 && cap > 0) dst[0] = '\0';
    return n;
}

/* A message that was cut ends in "..." and never in half a character. */
static void end_cut(char *msg, size_t cap)
{
    size_t n = cap - 4;
    while (n > 0 && ((unsigned char)msg[n] & 0xc0) == 0x80) n--;
    memcpy(msg + n, "...", 4);
}

lutra_status lutra_fail(lutra_error *err, lutra_status code, const char *fmt, ...)
{
    if (!err) return code;
    /* formatted aside: an argument may be err->msg itself, when a caller adds to a message */
    char msg[sizeof err->msg];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    if (n < 0) msg[0] = '\0';
    if (n >= (int)sizeof msg) end_cut(msg, sizeof msg);
    /* one line, whatever slipped in unescaped */
    for (char *p = msg; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
    }
    err->code = code;
    memcpy(err->msg, msg, sizeof msg);
    return code;
}
