/* SPDX-License-Identifier: MIT */
/* How many int8 multiply-adds per second these threads can do: the roof of prefill. Operands stay
 * in registers; eight to twelve independent sums hide the latency. What counts as one operation is
 * what dense int8 kernels use: maddubs with its 16-bit addition, dpbusd, sdot. */
#include <math.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "kernels/cpu.h"
#include "kernels/pool.h"
#include "tools/bench.h"

enum { SUMS = 12, ROUNDS = 4000 };

/* Sums in an array become registers only if the loop over them is unrolled. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Keeps a register's value unknown to the compiler, so that nothing moves out of a loop. */
#if defined(__x86_64__)
#define HIDE(x) __asm__ volatile("" : "+v"(x))
#define HIDE_AVX2(x) __asm__ volatile("" : "+x"(x))
#elif defined(__aarch64__)
#define HIDE(x) __asm__ volatile("" : "+w"(x))
#endif

#if defined(__x86_64__)
/* s[i] = ..., again and again; the registers are as wide as `bits` says. */
#define PEAK(name, isa, vec, mm, bits, hide, ...)                                                  \
    __attribute__((target(isa))) static int name(void)                                             \
    {                                                                                              \
        vec s[SUMS], a = mm##_set1_epi8(3), b = mm##_set1_epi8(-2);                                \
        UNROLL                                                                                     \
        for (int i = 0; i < SUMS; i++) s[i] = a;                                                   \
        for (int r = 0; r < ROUNDS; r++)                                                           \
            UNROLL                                                                                 \
            for (int i = 0; i < SUMS; i++) {                                                       \
                hide(a);                                                                           \
                s[i] = __VA_ARGS__;                                                                \
                hide(s[i]);                                                                        \
            }                                                                                      \
        UNROLL                                                                                     \
        for (int i = 1; i < SUMS; i++) s[0] = mm##_add_epi32(s[0], s[i]);                          \
        hide(s[0]);                                                                                \
        return (bits) / 8;                                                                         \
    }
PEAK(peak_vnni512, "avx512f,avx512bw,avx512vnni", __m512i, _mm512, 512, HIDE, _mm512_dpbusd_epi32(s[i], a, b))
PEAK(peak_avx512, "avx512f,avx512bw", __m512i, _mm512, 512, HIDE, _mm512_add_epi16(s[i], _mm512_maddubs_epi16(a, b)))
PEAK(peak_avxvnni, "avx2,avxvnni", __m256i, _mm256, 256, HIDE_AVX2, _mm256_dpbusd_avx_epi32(s[i], a, b))
PEAK(peak_avx2, "avx2", __m256i, _mm256, 256, HIDE_AVX2, _mm256_add_epi16(s[i], _mm256_maddubs_epi16(a, b)))
PEAK(peak_ssse3, "ssse3", __m128i, _mm, 128, HIDE_AVX2, _mm_add_epi16(s[i], _mm_maddubs_epi16(a, b)))

static int peak_amx(void)
{
    return lutra_bench_peak_amx(ROUNDS * SUMS);
}
#elif defined(__aarch64__)
static int peak_neon(void)
{
    int16x8_t s[SUMS];
    int8x8_t a = vdup_n_s8(3), b = vdup_n_s8(-2);
    UNROLL
    for (int i = 0; i < SUMS; i++) s[i] = vdupq_n_s16((int16_t)i);
    for (int r = 0; r < ROUNDS; r++)
        UNROLL
        for (int i = 0; i < SUMS; i++) {
            s[i] = vmlal_s8(s[i], a, b);
            HIDE(s[i]);
        }
    UNROLL
    for (int i = 1; i < SUMS; i++) s[0] = vaddq_s16(s[0], s[i]);
    HIDE(s[0]);
    return 8;
}

/* In assembly: the compiler's flags for this file name no extension. */
static int peak_dotprod(void)
{
    int32x4_t s[SUMS];
    int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-2);
    UNROLL
    for (int i = 0; i < SUMS; i++) s[i] = vdupq_n_s32(i);
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < SUMS; i++)
            __asm__ volatile(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %2.16b"
                             : "+w"(s[i])
                             : "w"(a), "w"(b));
    UNROLL
    for (int i = 1; i < SUMS; i++) s[0] = vaddq_s32(s[0], s[i]);
    HIDE(s[0]);
    return 16;
}

static int peak_i8mm(void) /* 2x8 times 8x2: 32 multiply-adds */
{
    int32x4_t s[SUMS];
    int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-2);
    UNROLL
    for (int i = 0; i < SUMS; i++) s[i] = vdupq_n_s32(i);
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < SUMS; i++)
            __asm__ volatile(".arch armv8.2-a+i8mm\n\tsmmla %0.4s, %1.16b, %2.16b"
                             : "+w"(s[i])
                             : "w"(a), "w"(b));
    UNROLL
    for (int i = 1; i < SUMS; i++) s[0] = vaddq_s32(s[0], s[i]);
    HIDE(s[0]);
    return 32;
}
#endif

/* A loop returns the multiply-adds of one of its ROUNDS * SUMS operations. */
static const struct {
    uint32_t needs;
    int (*loop)(void);
} peaks[] = {
#if defined(__x86_64__)
    {LUTRA_CPU_AMX, peak_amx},
    {LUTRA_CPU_VNNI512, peak_vnni512},
    {LUTRA_CPU_AVX512, peak_avx512},
    {LUTRA_CPU_AVXVNNI, peak_avxvnni},
    {LUTRA_CPU_AVX2, peak_avx2},
    {LUTRA_CPU_SSSE3, peak_ssse3},
#elif defined(__aarch64__)
    {LUTRA_CPU_I8MM, peak_i8mm},
    {LUTRA_CPU_DOTPROD, peak_dotprod},
    {LUTRA_CPU_NEON, peak_neon},
#endif
    {0, NULL}, /* ends the list: scalar code has no such peak */
};

struct job {
    int (*loop)(void);
    int macs[256];
};

static void run_loop(void *arg, int begin, int end, int thread)
{
    struct job *j = arg;
    for (int i = begin; i < end; i++) j->macs[thread] = j->loop();
}

static double rate_of(struct lutra_pool *pool, int (*loop)(void), int n_threads)
{
    enum { ITEMS = 64, PASSES = 20 };
    struct job j = {.loop = loop};
    double best = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        double start = lutra_cli_now();
        lutra_pool_run(pool, ITEMS * n_threads, 1, run_loop, &j);
        double seconds = lutra_cli_now() - start;
        double rate = (double)ITEMS * n_threads * ROUNDS * SUMS * j.macs[0] / seconds;
        if (rate > best) best = rate;
    }
    return best;
}

double lutra_bench_int8_peak(uint32_t features, int n_threads)
{
    struct lutra_pool *pool;
    double best = NAN;
    if (lutra_pool_open(&pool, n_threads, NULL, NULL)) return NAN;
    for (int i = 0; peaks[i].loop && lutra_pool_size(pool) == n_threads; i++) {
        if (!(features & peaks[i].needs)) continue;
        double rate = rate_of(pool, peaks[i].loop, n_threads);
        if (!(rate <= best)) best = rate;
    }
    lutra_pool_close(pool);
    return best;
}
