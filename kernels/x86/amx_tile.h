/* SPDX-License-Identifier: MIT */
/* AMX: eight tile registers of up to 16 rows of 64 bytes, and C += A * B of bytes between them.
 *
 *   C  [n_rows][16]          int32
 *   A  [n_rows][k]           int8, k <= 64
 *   B  [k/4][16 columns][4]  uint8: four neighbouring k of a column side by side
 *
 * Instructions are spelled here because gcc 12's own wrappers cannot be used: its _tile_loadconfig
 * reads 8 bytes as far as the compiler knows, so the stores to the other 56 are dropped and the
 * processor traps on what lay there; its _tile_loadd and _tile_stored say nothing of memory at all.
 * Tile numbers are constants of the caller. (Intel, Software Developer's Manual, volume 1, chapter
 * 18, "Programming with Intel AMX".) */
#ifndef LUTRA_KERNELS_X86_AMX_TILE_H
#define LUTRA_KERNELS_X86_AMX_TILE_H

#if !(defined(__AMX_TILE__) && defined(__AMX_INT8__)) &&                                            \
    !(defined(__AMXTILE__) && defined(__AMXINT8__)) /* clang 14 and older */
#error "compile with the flags the Makefile has for *_amx.c"
#endif

#include <stddef.h>
#include <stdint.h>

#define AMX_INLINE static inline __attribute__((always_inline))

/* What ldtilecfg reads: what is not set must be zero. */
struct amx_shapes {
    uint8_t palette; /* 1: eight tiles of at most 1 KB */
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16]; /* of tile i; 8 and more are reserved */
    uint8_t n_rows[16];
};
_Static_assert(sizeof(struct amx_shapes) == 64, "the operand of ldtilecfg");

/* From here to amx_release this thread has tiles, which the system must save. */
AMX_INLINE void amx_configure(const struct amx_shapes *s)
{
    __asm__ volatile("ldtilecfg %0" : : "m"(*s));
}

AMX_INLINE void amx_release(void)
{
    __asm__ volatile("tilerelease" : : : "memory");
}

AMX_INLINE void amx_zero(int tile)
{
    __asm__ volatile("tilezero %%tmm%c0" : : "i"(tile));
}

/* Rows lie `stride` bytes apart. */
AMX_INLINE void amx_load(int tile, const void *p, size_t stride)
{
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(stride), "i"(tile) : "memory");
}

AMX_INLINE void amx_store(int tile, void *p, size_t stride)
{
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(p), "r"(stride), "i"(tile) : "memory");
}

/* c += a * b, a signed and b unsigned. */
AMX_INLINE void amx_dot(int c, int a, int b)
{
    __asm__ volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(c), "i"(a), "i"(b));
}

#endif
