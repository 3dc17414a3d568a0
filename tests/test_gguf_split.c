/* SPDX-License-Identifier: MIT */
/* Models in several files: all parts found from any of them; missing, mixed, renamed and doubled ones refused. */
#include "models/gguf.h"
#include "tests/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One part: its name says i of n, its keys what the caller likes. Tensor t<tensor> holds that number. */
static void put_part_of(const char *arch, const char *stem, int i, int n, int no, int count, int total, int tensor)
{
    struct lutra_gguf_writer *w;
    char path[600], name[20];
    float data[4] = {(float)tensor, 1, 2, 3};
    uint64_t ne = 4;
    CHECK_EQ(lutra_gguf_writer_open(&w, NULL), LUTRA_OK);
    if (arch) lutra_gguf_put_str(w, "general.architecture", arch, strlen(arch));
    lutra_gguf_put_u32(w, "split.no", (uint32_t)no);
    lutra_gguf_put_u32(w, "split.count", (uint32_t)count);
    if (total >= 0) lutra_gguf_put_i32(w, "split.tensors.count", total);
    snprintf(name, sizeof name, "t%d", tensor);
    lutra_gguf_put_tensor(w, name, 0, 1, &ne, data, NULL, NULL);
    snprintf(path, sizeof path, "%s/%s-%05d-of-%05d.gguf", check_tmp(), stem, i, n);
    CHECK_EQ(lutra_gguf_writer_save(w, path, NULL), LUTRA_OK);
    lutra_gguf_writer_close(w);
}

static void put_part(const char *stem, int i, int n, int no, int count, int total, int tensor)
{
    put_part_of(i == 1 ? "llama" : NULL, stem, i, n, no, count, total, tensor);
}

static lutra_status open_named(struct lutra_gguf **g, const char *name, lutra_error *err)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", check_tmp(), name);
    return lutra_gguf_open(g, path, err);
}

static void expect(const char *name, lutra_status want, const char *reason)
{
    struct lutra_gguf *g;
    lutra_error err = {0};
    CHECK_EQ(open_named(&g, name, &err), want);
    CHECK(g == NULL || want == LUTRA_OK);
    bool found = strstr(err.msg, reason) != NULL;
    if (!found) printf("  %s: \"%s\" not in \"%s\"\n", name, reason, err.msg);
    CHECK(found);
    lutra_gguf_close(g);
}

static void put_three(const char *stem, int total)
{
    for (int i = 1; i <= 3; i++) put_part(stem, i, 3, i - 1, 3, total, i);
}

/* The same tensors and keys whichever part is named. */
static void test_whole(void)
{
    put_three("good", 3);
    put_three("old", -1); /* without split.tensors.count */
    const char *const names[] = {"good-00001-of-00003.gguf", "good-00002-of-00003.gguf", "good-00003-of-00003.gguf",
                                 "old-00002-of-00003.gguf"};
    for (int i = 0; i < 4; i++) {
        struct lutra_gguf *g;
        CHECK_EQ(open_named(&g, names[i], NULL), LUTRA_OK);
        CHECK_EQ(lutra_gguf_n_tensors(g), 3);
        CHECK(lutra_gguf_find(g, "general.architecture") != NULL);
        CHECK(strstr(lutra_gguf_path(g), "-00001-of-00003.gguf") != NULL);
        for (int k = 1; k <= 3; k++) {
            char name[20];
            float x[4] = {0};
            snprintf(name, sizeof name, "t%d", k);
            const struct lutra_gguf_tensor *t = lutra_gguf_tensor(g, name);
            CHECK(t != NULL);
            if (t == NULL) continue;
            CHECK_EQ(lutra_gguf_read(g, t, 0, x, sizeof x, NULL), LUTRA_OK);
            CHECK(x[0] == (float)k && x[3] == 3.0f);
            snprintf(name, sizeof name, "-%05d-of", k);
            CHECK(strstr(lutra_gguf_tensor_path(g, t), name) != NULL);
        }
        lutra_gguf_close(g);
    }
}

static void remove_part(const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", check_tmp(), name);
    unlink(path);
}

static void test_refused(void)
{
    put_three("gone", 3);
    remove_part("gone-00002-of-00003.gguf");
    expect("gone-00001-of-00003.gguf", LUTRA_EIO, "gone-00002-of-00003.gguf: cannot open");
    expect("gone-00003-of-00003.gguf", LUTRA_EIO, "part 2 of a model in 3 files");
    put_three("gone", 3);
    remove_part("gone-00001-of-00003.gguf");
    expect("gone-00003-of-00003.gguf", LUTRA_EIO, "gone-00001-of-00003.gguf: cannot open");

    put_three("mixed", 3);
    put_part("mixed", 2, 3, 1, 3, 9, 7); /* of a model of nine tensors */
    expect("mixed-00001-of-00003.gguf", LUTRA_EFORMAT, "parts of different models are mixed");
    put_part("mixed", 2, 3, 1, 4, 3, 7); /* of four parts */
    expect("mixed-00001-of-00003.gguf", LUTRA_EFORMAT, "part 2 of 3, but its keys say part 2 of 4");
    put_part("mixed", 2, 3, 0, 3, 3, 7); /* the first part under the second's name */
    expect("mixed-00003-of-00003.gguf", LUTRA_EFORMAT, "but its keys say part 1 of 3: a file was renamed");

    put_three("other", 3);
    put_part_of("qwen3", "other", 2, 3, 1, 3, 3, 2);
    expect("other-00003-of-00003.gguf", LUTRA_EFORMAT, "qwen3, but llama in the first part: parts of different models");
    put_part_of("llama", "other", 2, 3, 1, 3, 3, 2);
    expect("other-00003-of-00003.gguf", LUTRA_OK, "");

    put_three("twice", 3);
    put_part("twice", 3, 3, 2, 3, 3, 1);
    expect("twice-00001-of-00003.gguf", LUTRA_EFORMAT, "tensor t1");
    expect("twice-00002-of-00003.gguf", LUTRA_EFORMAT, "duplicate tensor name");

    put_three("few", 4);
    expect("few-00001-of-00003.gguf", LUTRA_EFORMAT, "4 tensors in all, but the parts hold 3");

    put_part("name", 1, 2, 0, 3, 3, 1); /* named as one of two */
    expect("name-00001-of-00002.gguf", LUTRA_EUNSUPPORTED, "part 1 of a model in 3 files: the others are found by names that end in -00002-of-00003.gguf");
    put_part("many", 1, 999, 0, 999, 3, 1);
    expect("many-00001-of-00999.gguf", LUTRA_EUNSUPPORTED, "too many");
    put_part("no", 1, 3, 5, 3, 3, 1);
    expect("no-00001-of-00003.gguf", LUTRA_EFORMAT, "key split.no");
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_gguf_split");
    CHECK_CASE("whole") test_whole();
    CHECK_CASE("refused") test_refused();
    return check_done();
}
