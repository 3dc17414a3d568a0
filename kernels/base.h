/* SPDX-License-Identifier: MIT */
/* The ground floor: status codes, the caller-owned error, checked size arithmetic.
 *
 * Three kinds of "wrong", three tools: a bad file or request gets a status and a message
 * (lutra_fail); a bad caller argument gets LUTRA_EINVAL; a broken invariant of our own is an
 * assert(), compiled out of release builds. Nothing in the library prints, exits or aborts. */
#ifndef LUTRA_KERNELS_BASE_H
#define LUTRA_KERNELS_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The same block stands in runtime/lutra.h, which must compile alone; tests/header.sh compares
 * them. */
#ifndef LUTRA_STATUS_DEFINED
#define LUTRA_STATUS_DEFINED
typedef enum lutra_status {
    LUTRA_OK = 0,
    LUTRA_EINVAL = 1,       /* an argument is out of its documented range */
    LUTRA_EIO = 2,          /* the operating system refused a read, a write, a thread */
    LUTRA_EFORMAT = 3,      /* a file breaks the rules of its format */
    LUTRA_EUNSUPPORTED = 4, /* a valid file that asks for something Lutra cannot do */
    LUTRA_ENOMEM = 5,       /* memory is not to be had */
    LUTRA_ESELFTEST = 6,    /* no kernel passed its self-test */
    LUTRA_EFULL = 7,        /* the context has no room for these tokens */
    LUTRA_ECANCEL = 8,      /* the caller asked to stop */
    LUTRA_ENUMERIC = 9,     /* the model produced non-finite numbers */
    LUTRA_EBUSY = 10        /* another call on the same session is under way */
} lutra_status;

typedef struct lutra_error {
    lutra_status code;
    char msg[500]; /* one line: what, where, cure; always terminated; untrusted bytes escaped */
} lutra_error;
#endif

#define LUTRA_RESTRICT restrict
#define LUTRA_ALIGN 64 /* one cache line, one AVX-512 register */

#if defined(__MINGW32__)
#include <stdio.h> /* names the attribute of C's printf, Microsoft's lacks %zu */
#define LUTRA_PRINTF_KIND __MINGW_PRINTF_FORMAT
#else
#define LUTRA_PRINTF_KIND printf
#endif

#if defined(__GNUC__)
#define LUTRA_LIKELY(x) __builtin_expect(!!(x), 1)
#define LUTRA_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define LUTRA_PRINTF(fmt, args) __attribute__((format(LUTRA_PRINTF_KIND, fmt, args)))
#else
#define LUTRA_LIKELY(x) (x)
#define LUTRA_UNLIKELY(x) (x)
#define LUTRA_PRINTF(fmt, args)
#endif

/* Fill `err` (may be NULL) and return `code`, so that callers write `return lutra_fail(...)`. An
 * argument may be err->msg itself (a caller adds to a message). What is too long ends in "...". */
lutra_status lutra_fail(lutra_error *err, lutra_status code, const char *fmt, ...)
    LUTRA_PRINTF(3, 4);

/* Short stable name of a status, "ok", "invalid argument", ... */
const char *lutra_status_text(lutra_status code);

/* The one formatter of the library: snprintf semantics, always terminated when cap > 0. */
int lutra_format(char *dst, size_t cap, const char *fmt, ...) LUTRA_PRINTF(3, 4);

/* Copy untrusted bytes for a message or a terminal: printable ASCII and valid UTF-8 as they are,
 * everything else as \xNN: C0, DEL, C1, line separators, bidirectional overrides, malformed UTF-8.
 * Stops before cap-1 with "..." when it does not fit. Returns dst. */
char *lutra_escape(char *dst, size_t cap, const char *src, size_t n);

/* Checked sizes. Every size that comes from a file goes through these; false means overflow. */
static inline bool lutra_add_ok(uint64_t *out, uint64_t a, uint64_t b)
{
    *out = a + b;
    return *out >= a;
}

static inline bool lutra_mul_ok(uint64_t *out, uint64_t a, uint64_t b)
{
#if defined(__GNUC__)
    return !__builtin_mul_overflow(a, b, out);
#else
    *out = a * b;
    return a == 0 || *out / a == b;
#endif
}

/* Round up to a multiple of `align`, a power of two. */
static inline bool lutra_align_ok(uint64_t *out, uint64_t a, uint64_t align)
{
    uint64_t up;
    bool ok = lutra_add_ok(&up, a, align - 1);
    *out = up & ~(align - 1);
    return ok;
}

static inline size_t lutra_round_up(size_t a, size_t align) /* trusted sizes only */
{
    return (a + align - 1) / align * align;
}

/* Inside a loop that polls memory: leaves the core to its other hardware thread. */
static inline void lutra_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* YIELD does nothing on most cores */
#endif
}

#endif
