/* SPDX-License-Identifier: MIT */
/* The JSON writer. */
#include <stdio.h>
#include <string.h>

#include "tools/glyph.h"
#include "tools/json.h"

static void separate(struct lutra_json_out *w)
{
    if (w->comma) lutra_text_puts(w->text, ",");
    w->comma = true;
}

void lutra_json_open(struct lutra_json_out *w, char bracket)
{
    separate(w);
    lutra_text_add(w->text, &bracket, 1);
    w->comma = false;
}

void lutra_json_close(struct lutra_json_out *w, char bracket)
{
    lutra_text_add(w->text, &bracket, 1);
    w->comma = true;
}

void lutra_json_put_key(struct lutra_json_out *w, const char *key)
{
    lutra_json_put_string(w, key, strlen(key));
    lutra_text_puts(w->text, ":");
    w->comma = false;
}

static void put_escaped(struct lutra_json_out *w, uint32_t c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    char out[8];
    const char *hit = c ? memchr(from, (int)c, sizeof from - 1) : NULL;
    if (hit)
        snprintf(out, sizeof out, "\\%c", to[hit - from]);
    else
        snprintf(out, sizeof out, "\\u%04x", (unsigned)c & 0xFFFFu);
    lutra_text_puts(w->text, out);
}

void lutra_json_put_string(struct lutra_json_out *w, const char *s, size_t n)
{
    separate(w);
    lutra_text_puts(w->text, "\"");
    for (size_t at = 0; at < n;) {
        uint32_t c;
        size_t len = lutra_glyph_decode(s + at, n - at, &c);
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F)
            put_escaped(w, c);
        else if (c == 0xFFFD)
            lutra_text_puts(w->text, "\xEF\xBF\xBD");
        else
            lutra_text_add(w->text, s + at, len);
        at += len;
    }
    lutra_text_puts(w->text, "\"");
}

void lutra_json_put_int(struct lutra_json_out *w, long long v)
{
    char out[24];
    separate(w);
    snprintf(out, sizeof out, "%lld", v);
    lutra_text_puts(w->text, out);
}
