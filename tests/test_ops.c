/* SPDX-License-Identifier: MIT */
/* Counting operations: the decoder against objdump, the stepper against loops of known length, the
 * counted twin against the kernels' bits and against what the layouts ask for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "tests/check.h"
#include "tools/bench_kernel.h"
#include "tools/bench_ops.h"

static char objects[600]; /* folder of the kernels' objects */

/* ---- the decoder ---- */

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static bool among(const char *name, const char *words)
{
    char padded[40];
    snprintf(padded, sizeof padded, " %s ", name);
    return strstr(words, padded) != NULL;
}

/* What a mnemonic says, for operands whose widest register has `width` bytes. */
static void expect(const char *name, int width, struct lutra_op_counts *c)
{
    static const struct {
        const char *words;
        int bytes;
        enum { SHUFFLE, ADD, MUL, PAIRS, SUMS } what;
    } table[] = {{" pshufb vpermb vpermi2b vpermt2b vpermw vpermi2w vpermt2w ", 1, SHUFFLE},
                 {" paddb psubb paddsb psubsb paddusb psubusb psadbw ", 1, ADD},
                 {" paddw psubw paddsw psubsw paddusw psubusw phaddw ", 2, ADD},
                 {" paddd psubd phaddd ", 4, ADD},
                 {" paddq psubq ", 8, ADD},
                 {" psignb ", 1, MUL},
                 {" psignw pmullw pmulhw pmulhuw pmulhrsw ", 2, MUL},
                 {" psignd pmulld ", 4, MUL},
                 {" pmuldq pmuludq ", 8, MUL},
                 {" pmaddubsw ", 1, PAIRS},
                 {" pmaddwd ", 2, PAIRS},
                 {" pdpbusd pdpbusds ", 1, SUMS},
                 {" pdpwssd pdpwssds ", 2, SUMS}};
    const char *base = name[0] == 'v' && !begins(name, "vperm") ? name + 1 : name;
    size_t len = strlen(base);
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!among(base, table[i].words)) continue;
        double n = (double)width / table[i].bytes;
        if (table[i].what == SHUFFLE) c->lookups = n;
        if (table[i].what != SHUFFLE && table[i].what != MUL)
            c->adds = table[i].what == PAIRS ? n / 2 : n;
        if (table[i].what >= MUL) c->int_muls = n;
        return;
    }
    if (len != 5 || (base[3] != 's' && base[3] != 'p') || (base[4] != 's' && base[4] != 'd'))
        return;
    double n = base[3] == 's' ? 1 : (double)width / (base[4] == 's' ? 4 : 8);
    if (begins(base, "add") || begins(base, "sub")) c->adds = n;
    if (begins(base, "mul")) c->float_muls = n;
}

/* A line of objdump: bytes and mnemonic and operands. Longer instructions go on in a second line,
 * which has no mnemonic. */
static bool read_line(char *line, uint8_t code[16], char **name, int *width)
{
    char *save = NULL, *part = strtok_r(line, "\t", &save);
    char *hex = strtok_r(NULL, "\t", &save), *text = strtok_r(NULL, "\n", &save);
    if (part == NULL || hex == NULL || text == NULL || strchr(part, ':') == NULL) return false;
    memset(code, 0, 16);
    for (int i = 0; i < 15; i++) code[i] = (uint8_t)strtoul(hex, &hex, 16);
    *width = strstr(text, "%zmm") ? 64 : strstr(text, "%ymm") ? 32 : 16;
    *name = strtok_r(text, " ", &save);
    if (*name && **name == '{') *name = strtok_r(NULL, " ", &save); /* {vex} */
    return *name != NULL;
}

static void decoder(void)
{
    char command[1300], line[400], *name;
    uint8_t code[16];
    int width, n = 0, n_vector = 0;
    snprintf(command, sizeof command, "objdump -d --wide %s/x86/*.o %s/*_scalar.o 2>/dev/null",
             objects, objects);
    FILE *f = popen(command, "r");
    while (f && fgets(line, sizeof line, f)) {
        struct lutra_op_counts want, got;
        if (!read_line(line, code, &name, &width)) continue;
        expect(name, width, &want);
        lutra_insn_ops(code, &got);
        n++;
        n_vector += want.lookups + want.adds + want.int_muls + want.float_muls > 0;
        if (memcmp(&want, &got, sizeof got) != 0) printf("  %s, width %d\n", name, width);
        CHECK_MEM((const char *)&got, (const char *)&want, sizeof got, 'b');
    }
    if (f) pclose(f);
    if (n == 0) check_skip("no objdump, or objects of another processor");
    if (n) CHECK(n_vector > 1000);
}

/* ---- the stepper ---- */

#if defined(__x86_64__)
static void known_work(void *arg)
{
    for (int i = *(int *)arg; i > 0; i--)
        __asm__ volatile(
            "pshufb %%xmm1, %%xmm0\n\tpaddw %%xmm0, %%xmm1\n\tpmaddwd %%xmm1, %%xmm0\n\t"
            "mulss %%xmm0, %%xmm1\n\tnop" ::
                : "xmm0", "xmm1");
}

static void stepper(void)
{
    struct lutra_op_counts a, b;
    int n = 5, m = 25;
    if (!lutra_step_count(known_work, &n, &a)) {
        check_skip("this system does not let a program be stepped");
        return;
    }
    CHECK(lutra_step_count(known_work, &m, &b));
    CHECK_NEAR(b.lookups - a.lookups, 20 * 16, 0);
    CHECK_NEAR(b.adds - a.adds, 20 * (8 + 4), 0);
    CHECK_NEAR(b.int_muls - a.int_muls, 20 * 8, 0);
    CHECK_NEAR(b.float_muls - a.float_muls, 20, 0);
    CHECK(b.instructions - a.instructions >= 20 * 5 && b.instructions - a.instructions <= 20 * 12);
}
#else
static void stepper(void)
{
    struct lutra_op_counts a;
    CHECK(!lutra_step_count(NULL, NULL, &a));
    check_skip("stepping is for x86-64");
}
#endif

/* ---- the twin ---- */

/* The twin's y is the kernel's, and its lookups are what the layout asks for. */
static void twin(const struct lutra_kernel_case *c, const struct lutra_kernel_settings *s)
{
    struct lutra_kernel_bench b;
    struct lutra_op_counts n;
    float y[80];
    lutra_error err;
    CHECK_EQ(lutra_kernel_open(&b, c, s, 1, &err), LUTRA_OK);
    const struct lutra_mat *m = &b.mats[0];
    unsigned parts = lutra_act_parts(&b.engine, &m, 1, 1);
    lutra_act_bind(&b.act, &b.ops, b.act_mem, 1, c->cols, parts);
    b.act.x = b.x;
    b.act.x_stride = (size_t)c->cols;
    lutra_act_fill(&b.engine, &b.act, parts);
    lutra_matmul(&b.engine, b.y, (size_t)c->rows, m, &b.act);
    bool known = m->kind == LUTRA_MAT_PLANES || m->kind == LUTRA_MAT_TERN;
    if (known && lutra_matmul_path(&b.engine, m, 1) == LUTRA_PATH_LOOKUP) {
        double weights = (double)c->rows * c->cols;
        lutra_count_lookup(y, m, &b.act, &n);
        CHECK_MEM(y, b.y, (size_t)c->rows * sizeof *y, 'f');
        if (m->kind == LUTRA_MAT_TERN) {
            int units = (c->cols + m->unit_k - 1) / m->unit_k, each = lutra_tern_trio(m) ? 1 : 2;
            CHECK_NEAR(n.lookups, (double)each * c->rows * units * m->unit_k / 3, 0);
        } else {
            CHECK_NEAR(n.lookups, weights * m->bits / 2, 0); /* two bytes of a quad, each plane */
            CHECK(n.float_muls >= weights / m->run &&
                  n.float_muls <= 4 * weights / m->run + c->rows);
        }
        CHECK(n.adds >= n.lookups / 2 && n.int_muls <= 1.5 * n.lookups);
        lutra_count_tables(m, c->cols, &n);
        CHECK(n.adds > 0 && n.adds <= 11.0 * c->cols);
    }
    lutra_kernel_close(&b);
}

static void twins(void)
{
    struct lutra_kernel_case types[48];
    int n = lutra_kernel_types(NULL, types, 48);
    CHECK(n >= 15);
    for (const struct lutra_cpu_level *l = lutra_cpu_levels(); l->name; l++) {
        struct lutra_kernel_settings s = {
            .features = l->features, .n_threads = 1, .mode = LUTRA_MODE_LUT};
        if ((lutra_cpu_detect() & l->features) != l->features) continue;
        for (int i = 0; i < n; i++) {
            types[i].rows = 67; /* the last tile is not full */
            types[i].cols = 512;
            twin(&types[i], &s);
            if (!types[i].ternary) continue;
            types[i].cols = 515; /* no block, no unit */
            twin(&types[i], &s);
        }
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_ops");
    const char *slash = strrchr(argv[0], '/');
    snprintf(objects, sizeof objects, "%.*s/kernels", slash ? (int)(slash - argv[0]) : 1,
             slash ? argv[0] : ".");
    CHECK_CASE("decoder") decoder();
    CHECK_CASE("stepper") stepper();
    CHECK_CASE("twin") twins();
    return check_done();
}
