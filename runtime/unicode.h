/* SPDX-License-Identifier: MIT */
/* UTF-8 decoding and the character classes that pre-tokenizers ask for (Unicode 16).
 *
 * The class table is generated (tests/gen_unicode.py) and has three levels of a byte, a byte and 16
 * classes of 4 bits per word:
 *
 *   code point  | 9 bits: top | 5 bits: mid | 7 bits: leaf = 3 bits word, 4 bits nibble |
 *
 * 35 KB of classes stand for 1,114,112 code points: 253 of the 8,704 leaves differ. */
#ifndef LUTRA_RUNTIME_UNICODE_H
#define LUTRA_RUNTIME_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exclusive: SPACE is the property White_Space (\s), the others are general categories. */
enum lutra_uclass {
    LUTRA_UC_OTHER, /* control, format, private, unassigned; bytes that are not UTF-8 */
    LUTRA_UC_SPACE,
    LUTRA_UC_NUMBER, /* \p{N} */
    LUTRA_UC_MARK,   /* \p{M} */
    LUTRA_UC_PUNCT,  /* \p{P} */
    LUTRA_UC_SYMBOL, /* \p{S} */
    LUTRA_UC_UPPER,  /* \p{Lu}: this class and those after it are \p{L} */
    LUTRA_UC_LOWER,  /* \p{Ll} */
    LUTRA_UC_LETTER  /* \p{Lt} \p{Lm} \p{Lo} */
};

#define LUTRA_UTF8_BAD 0xFFFFFFFFu

extern const uint8_t lutra_unicode_top[272];
extern const uint8_t lutra_unicode_mid[];
extern const uint64_t lutra_unicode_leaf[];

/* Class of a code point; anything past U+10FFFF (LUTRA_UTF8_BAD too) is OTHER. */
static inline enum lutra_uclass lutra_unicode_class(uint32_t cp)
{
    if (cp < 0x80)
        return (enum lutra_uclass)(lutra_unicode_leaf[cp >> 4] >> (cp & 15) * 4 & 15); /* leaf 0 */
    if (cp > 0x10FFFF) return LUTRA_UC_OTHER;
    unsigned mid = lutra_unicode_top[cp >> 12];
    unsigned leaf = lutra_unicode_mid[mid * 32 + (cp >> 7 & 31)];
    uint64_t word = lutra_unicode_leaf[leaf * 8 + (cp >> 4 & 7)];
    return (enum lutra_uclass)(word >> (cp & 15) * 4 & 15);
}

/* Read one character of n >= 1 bytes. Strict: no overlong forms, no surrogates, nothing past
 * U+10FFFF. Returns its length, 1 to 4. Broken: -k, where the k bytes are the longest beginning of
 * a character (what one U+FFFD stands for). Cut off by the end of the bytes but fine so far: 0. */
int lutra_utf8_read(const char *s, size_t n, uint32_t *cp);

/* The same for scanners: a byte that begins no character is one of its own, LUTRA_UTF8_BAD. */
static inline size_t lutra_utf8_next(const char *s, size_t n, uint32_t *cp)
{
    if ((unsigned char)s[0] < 0x80) {
        *cp = (unsigned char)s[0];
        return 1;
    }
    int k = lutra_utf8_read(s, n, cp);
    if (k > 0) return (size_t)k;
    *cp = LUTRA_UTF8_BAD;
    return 1;
}

/* Write a code point (valid ones only) as UTF-8; returns the bytes written, 1 to 4. */
size_t lutra_utf8_write(char dst[4], uint32_t cp);

#endif
