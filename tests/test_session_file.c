/* SPDX-License-Identifier: MIT */
/* Saved sessions: what is restored goes on as what was saved, in every family, at any number of threads and CPU level;
 * files that are cut, changed, of other models or too large are refused and the session stays as it was.
 *   test_session_file [FOLDER of tiny models] */
#include "runtime/lutra.h"
#include "runtime/session_file.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mount.h>
#endif

static const char verse[] = "tests/data/tiny-verse-ternary.gguf";
static const char *folder;
static lutra_error err;

enum { PROMPT = 40, MADE = 8, MORE = 24 };

struct setup {
    const char *path, *cpu;
    lutra_precision_mode precision;
    lutra_kernels kernels;
    lutra_head head;
};

static lutra_model *open_model(const struct setup *u)
{
    lutra_model *m = NULL;
    lutra_model_options o = {.size = sizeof o, .cpu = u->cpu, .n_threads = 1, .precision = u->precision,
                             .kernels = u->kernels, .head = u->head};
    if (lutra_model_open(&m, u->path, &o, &err) != LUTRA_OK) {
        printf("%s: %s\n", u->path, err.msg);
        CHECK(!"the model loads");
    }
    return m;
}

static lutra_session *open_session(const lutra_model *m, int n_ctx, int n_threads)
{
    lutra_session *s = NULL;
    lutra_session_options o = {.size = sizeof o, .n_ctx = n_ctx, .n_threads = n_threads};
    CHECK_EQ(lutra_session_open(&s, m, &o, &err), LUTRA_OK);
    return s;
}

struct ids {
    int32_t v[64];
    int n;
};

static int on_token(void *user, int32_t id)
{
    struct ids *to = user;
    if (to->n < 64) to->v[to->n++] = id;
    return 0;
}

static struct ids generate(lutra_session *s, int n, float temp)
{
    struct ids out = {.n = 0};
    lutra_sampling p;
    lutra_sampling_default(&p);
    p.temp = temp;
    p.seed = 7;
    p.repeat_penalty = temp > 0 ? 1.1f : 1.0f;
    lutra_generate_options g = {.size = sizeof g, .sampling = &p, .n_predict = n, .ignore_end = 1, .on_token = on_token, .user = &out};
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_OK);
    return out;
}

static int n_vocab_of(const lutra_model *m)
{
    lutra_model_info info = {.size = sizeof info};
    lutra_model_describe(m, &info);
    return info.n_vocab;
}

static void prompt_ids(int32_t *ids, int n, int n_vocab)
{
    for (int i = 0; i < n; i++) ids[i] = (int32_t)((unsigned)(i * 37 + 11) % (unsigned)n_vocab);
}

static const char *file_path(void)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/session", check_tmp());
    return path;
}

/* ---- going on ---- */

/* A session of `a` is saved in the middle of an answer and goes on; one of `b` restores it and says the same. */
static void go_on(const struct setup *a, const struct setup *b, int n_ctx, int n_threads, float temp)
{
    lutra_model *ma = open_model(a), *mb = open_model(b);
    if (ma == NULL || mb == NULL) return;
    int32_t ids[PROMPT];
    int n_vocab = n_vocab_of(ma);
    lutra_session *sa = open_session(ma, 128, 1), *sb = open_session(mb, n_ctx, n_threads);
    prompt_ids(ids, PROMPT, n_vocab);
    CHECK_EQ(lutra_session_feed(sa, ids, PROMPT, &err), LUTRA_OK);
    generate(sa, MADE, temp);
    CHECK_EQ(lutra_session_save(sa, file_path(), &err), LUTRA_OK);
    CHECK_EQ(lutra_session_feed(sb, ids + 3, 9, &err), LUTRA_OK); /* is replaced */
    lutra_status st = lutra_session_restore(sb, file_path(), &err);
    if (st != LUTRA_OK) printf("%s\n", err.msg);
    CHECK_EQ(st, LUTRA_OK);
    CHECK_EQ(lutra_session_length(sb), PROMPT + MADE);
    struct ids x = generate(sa, MORE, temp), y = generate(sb, MORE, temp);
    CHECK_EQ(x.n, MORE);
    CHECK_MEM(x.v, y.v, MORE * sizeof *x.v, 'i');
    CHECK_MEM(lutra_session_logits(sa), lutra_session_logits(sb), (size_t)n_vocab * sizeof(float), 'f');
    /* and back to a place before the end, where recurrent layers need their copies */
    CHECK_EQ(lutra_session_truncate(sa, PROMPT - 5, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_truncate(sb, PROMPT - 5, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_feed(sa, ids, 7, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_feed(sb, ids, 7, &err), LUTRA_OK);
    CHECK_MEM(lutra_session_logits(sa), lutra_session_logits(sb), (size_t)n_vocab * sizeof(float), 'f');
    lutra_session_free(sa);
    lutra_session_free(sb);
    lutra_model_free(ma);
    lutra_model_free(mb);
}

static void families(void)
{
    static const char *const names[] = {"llama-F16", "llama-Q4_K", "bitnet-TQ1_0", "qwen3-Q4_0", "gemma3-Q4_0", "gemma2-Q4_0",
                                        "gemma4-Q4_0", "phi3-Q4_0", "lfm2-Q4_0", "mamba2-Q4_0", "qwen35-Q4_0", "gpt-oss-Q4_0"};
    if (folder == NULL) {
        check_skip("no folder of tiny models was given");
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[500];
        snprintf(path, sizeof path, "%s/%s.gguf", folder, names[i]);
        struct setup u = {.path = path, .cpu = check_cpu()};
        go_on(&u, &u, 200, 3, 0.9f);
        go_on(&u, &u, 90, 2, 0.0f);
    }
}

static void levels_and_modes(void)
{
    struct setup best = {.path = verse}, scalar = {.path = verse, .cpu = "scalar"};
    go_on(&best, &scalar, 128, 4, 0.8f);
    go_on(&scalar, &best, 256, 1, 0.8f);
    struct setup high = {.path = verse, .precision = LUTRA_PRECISION_HIGH};
    go_on(&high, &high, 128, 2, 0.8f);
    struct setup deq = {.path = verse, .kernels = LUTRA_KERNELS_DEQ}, lut = {.path = verse, .kernels = LUTRA_KERNELS_LUT};
    go_on(&deq, &deq, 128, 2, 0.0f);
    go_on(&best, &lut, 128, 2, 0.8f);
    struct setup fast = {.path = verse, .head = LUTRA_HEAD_FAST};
    go_on(&fast, &fast, 128, 2, 0.0f);
}

static void nothing_held(void)
{
    struct setup u = {.path = verse};
    lutra_model *m = open_model(&u);
    lutra_session *s = open_session(m, 64, 1), *t = open_session(m, 64, 1);
    int32_t ids[5] = {5, 6, 7, 8, 9};
    CHECK_EQ(lutra_session_save(s, file_path(), &err), LUTRA_OK);
    CHECK_EQ(lutra_session_feed(t, ids, 5, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_restore(t, file_path(), &err), LUTRA_OK);
    CHECK_EQ(lutra_session_length(t), 0);
    CHECK(lutra_session_logits(t) == NULL);
    lutra_session_free(s);
    lutra_session_free(t);
    lutra_model_free(m);
}

/* ---- damage ---- */

/* A session, the file of another one of the same model, and what must not change. */
struct victim {
    lutra_model *model;
    lutra_session *s;
    uint8_t *bytes;
    size_t n;
    int fd, n_vocab, length;
    float *logits;
};

static bool victim_open(struct victim *v, const char *path)
{
    struct setup u = {.path = path, .cpu = check_cpu()};
    struct stat st;
    int32_t ids[12];
    memset(v, 0, sizeof *v);
    if ((v->model = open_model(&u)) == NULL) return false;
    v->n_vocab = n_vocab_of(v->model);
    prompt_ids(ids, 12, v->n_vocab);
    lutra_session *other = open_session(v->model, 32, 1);
    CHECK_EQ(lutra_session_feed(other, ids, 6, &err), LUTRA_OK);
    generate(other, 2, 0.8f);
    CHECK_EQ(lutra_session_save(other, file_path(), &err), LUTRA_OK);
    lutra_session_free(other);
    v->s = open_session(v->model, 32, 1);
    CHECK_EQ(lutra_session_feed(v->s, ids + 2, 5, &err), LUTRA_OK);
    v->length = 5;
    v->logits = malloc((size_t)v->n_vocab * sizeof(float));
    memcpy(v->logits, lutra_session_logits(v->s), (size_t)v->n_vocab * sizeof(float));
    v->fd = open(file_path(), O_RDWR);
    CHECK(fstat(v->fd, &st) == 0);
    v->n = (size_t)st.st_size;
    v->bytes = malloc(v->n);
    CHECK_EQ(pread(v->fd, v->bytes, v->n, 0), (long long)v->n);
    return true;
}

static void victim_close(struct victim *v)
{
    lutra_session_free(v->s);
    lutra_model_free(v->model);
    free(v->bytes);
    free(v->logits);
    if (v->fd >= 0) close(v->fd);
}

static bool unchanged(const struct victim *v)
{
    const float *l = lutra_session_logits(v->s);
    return lutra_session_length(v->s) == v->length && l && memcmp(l, v->logits, (size_t)v->n_vocab * sizeof(float)) == 0;
}

static void prefixes(const char *path)
{
    struct victim v;
    if (!victim_open(&v, path)) return;
    int accepted = 0, changed = 0, untold = 0;
    for (size_t n = v.n; n-- > 0;) {
        if (ftruncate(v.fd, (off_t)n) != 0) break;
        err.msg[0] = 0;
        lutra_status st = lutra_session_restore(v.s, file_path(), &err);
        accepted += st != LUTRA_EFORMAT;
        untold += strstr(err.msg, "session") == NULL; /* the file's name */
        if (n % 64 == 0) changed += !unchanged(&v);
    }
    printf("  %zu prefixes of %s\n", v.n, path);
    CHECK_EQ(accepted, 0);
    CHECK_EQ(changed, 0);
    CHECK_EQ(untold, 0);
    CHECK(unchanged(&v));
    victim_close(&v);
}

/* One to four bytes, a number, a stretch of zeros, or two stretches exchanged. Returns where. */
static size_t mutate(uint8_t *p, size_t n, size_t *len)
{
    static const uint32_t numbers[] = {0, 1, 0x7fffffff, 0x80000000u, 0xffffffffu, 0x10000};
    size_t at = (size_t)(check_rand() % n);
    if (check_rand() % 2) at = (size_t)(check_rand() % (n < 700 ? n : 700)); /* the part with sizes more often */
    *len = n - at < 16 ? n - at : 16;
    switch (check_rand() % 5) {
    case 0: p[at] ^= (uint8_t)(1u << check_rand() % 8); break;
    case 1:
        for (size_t i = 0; i < 4 && i < *len; i++) p[at + i] = (uint8_t)check_rand();
        break;
    case 2:
        if (*len >= 4) memcpy(p + at, &numbers[check_rand() % 6], 4);
        break;
    case 3: memset(p + at, 0, *len); break;
    default:
        if (*len == 16)
            for (size_t i = 0; i < 8; i++) {
                uint8_t t = p[at + i];
                p[at + i] = p[at + 8 + i];
                p[at + 8 + i] = t;
            }
    }
    return at;
}

static void mutants(const char *path, int rounds)
{
    struct victim v;
    if (!victim_open(&v, path)) return;
    uint8_t *p = malloc(v.n);
    int wrong = 0, same = 0, changed = 0;
    memcpy(p, v.bytes, v.n);
    for (int i = 0; i < rounds; i++) {
        size_t len, at = mutate(p, v.n, &len);
        bool equal = memcmp(p + at, v.bytes + at, len) == 0;
        if (pwrite(v.fd, p + at, len, (off_t)at) != (ssize_t)len) break;
        lutra_status st = lutra_session_restore(v.s, file_path(), &err);
        if (equal) {
            same++;
            wrong += st != LUTRA_OK;
            CHECK_EQ(lutra_session_truncate(v.s, 0, &err), LUTRA_OK);
            int32_t ids[12];
            prompt_ids(ids, 12, v.n_vocab);
            CHECK_EQ(lutra_session_feed(v.s, ids + 2, 5, &err), LUTRA_OK);
        } else {
            wrong += st != LUTRA_EFORMAT && st != LUTRA_EUNSUPPORTED;
        }
        if (i % 50 == 0) changed += !unchanged(&v);
        memcpy(p + at, v.bytes + at, len);
        if (pwrite(v.fd, p + at, len, (off_t)at) != (ssize_t)len) break;
    }
    printf("  %d mutants of %s, %d of them equal\n", rounds, path, same);
    CHECK_EQ(wrong, 0);
    CHECK_EQ(changed, 0);
    CHECK_EQ(lutra_session_restore(v.s, file_path(), &err), LUTRA_OK);
    CHECK_EQ(lutra_session_length(v.s), 8);
    free(p);
    victim_close(&v);
}

/* A forger repairs the checksums: refused or usable, whatever the numbers say. */
static void repair(uint8_t *p, size_t n)
{
    struct lutra_ses_header h;
    memcpy(&h, p, sizeof h);
    h.sum = lutra_ses_header_sum(&h);
    memcpy(p, &h, sizeof h);
    size_t at = sizeof h;
    for (unsigned i = 0; i < LUTRA_SES_N; i++) {
        if (h.bytes[i] > n || at + h.bytes[i] + 8 > n) return;
        uint64_t sum = lutra_hash64(i, p + at, (size_t)h.bytes[i]);
        memcpy(p + at + h.bytes[i], &sum, sizeof sum);
        at += (size_t)h.bytes[i] + 8;
    }
}

static void forgeries(const char *path, int rounds)
{
    struct victim v;
    if (!victim_open(&v, path)) return;
    uint8_t *p = malloc(v.n);
    int taken = 0;
    for (int i = 0; i < rounds; i++) {
        size_t len;
        memcpy(p, v.bytes, v.n);
        mutate(p, v.n, &len);
        if (i % 2) mutate(p, v.n, &len);
        repair(p, v.n);
        if (pwrite(v.fd, p, v.n, 0) != (ssize_t)v.n) break;
        if (lutra_session_restore(v.s, file_path(), &err) != LUTRA_OK) continue;
        taken++;
        lutra_generate_options g = {.size = sizeof g, .n_predict = 2};
        lutra_status st = lutra_generate(v.s, &g, NULL, &err);
        CHECK(st == LUTRA_OK || st == LUTRA_ENUMERIC || st == LUTRA_EINVAL); /* nothing held */
        int n = lutra_session_length(v.s);
        CHECK(n >= 0 && n <= 32);
        CHECK_EQ(lutra_session_truncate(v.s, n / 2, &err), LUTRA_OK);
    }
    printf("  %d forgeries of %s, %d taken\n", rounds, path, taken);
    CHECK(taken > 0 && taken < rounds);
    free(p);
    victim_close(&v);
}

static void damage(void (*fn)(const char *path, int rounds), int rounds)
{
    char path[500];
    fn(verse, rounds);
    if (folder == NULL) return;
    snprintf(path, sizeof path, "%s/mamba2-Q4_0.gguf", folder);
    fn(path, rounds);
}

static void prefixes_n(const char *path, int rounds)
{
    (void)rounds;
    prefixes(path);
}

/* ---- refusals ---- */

static void refused(lutra_session *s, lutra_status want, const char *what)
{
    CHECK_EQ(lutra_session_restore(s, file_path(), &err), want);
    if (strstr(err.msg, what) == NULL) printf("  message: %s\n", err.msg);
    CHECK(strstr(err.msg, what) != NULL);
}

static void other_models(void)
{
    struct setup u = {.path = verse}, high = {.path = verse, .precision = LUTRA_PRECISION_HIGH},
                 deq = {.path = verse, .kernels = LUTRA_KERNELS_DEQ};
    lutra_model *m = open_model(&u), *mh = open_model(&high), *md = open_model(&deq);
    lutra_session *s = open_session(m, 64, 1), *sh = open_session(mh, 64, 1), *sd = open_session(md, 64, 1);
    lutra_session *small = open_session(m, 16, 1);
    int32_t ids[20];
    prompt_ids(ids, 20, n_vocab_of(m));
    CHECK_EQ(lutra_session_feed(s, ids, 20, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_save(s, file_path(), &err), LUTRA_OK);
    refused(sh, LUTRA_EUNSUPPORTED, "precision default");
    refused(sd, LUTRA_EUNSUPPORTED, "kernels deq");
    CHECK_EQ(lutra_session_feed(small, ids, 3, &err), LUTRA_OK);
    refused(small, LUTRA_EFULL, "holds 20 tokens, and this context has room for 16");
    CHECK_EQ(lutra_session_length(small), 3);
    CHECK_EQ(lutra_session_feed(small, ids, 13, &err), LUTRA_OK);
    if (folder != NULL) {
        /* the same family, shapes and vocabulary: only the weights differ */
        char a[500], b[500];
        snprintf(a, sizeof a, "%s/llama-Q4_0.gguf", folder);
        snprintf(b, sizeof b, "%s/llama-Q4_1.gguf", folder);
        struct setup ua = {.path = a}, ub = {.path = b};
        lutra_model *ma = open_model(&ua), *mb = open_model(&ub);
        lutra_session *sa = open_session(ma, 64, 1), *sb = open_session(mb, 64, 1);
        refused(sa, LUTRA_EUNSUPPORTED, "belongs to another model: \"tiny verse, ternary\" (bitnet-b1.58, TQ2_0)");
        CHECK_EQ(lutra_session_feed(sa, ids, 5, &err), LUTRA_OK);
        CHECK_EQ(lutra_session_save(sa, file_path(), &err), LUTRA_OK);
        refused(sb, LUTRA_EUNSUPPORTED, "belongs to another model");
        lutra_session_free(sa);
        lutra_session_free(sb);
        lutra_model_free(ma);
        lutra_model_free(mb);
        snprintf(a, sizeof a, "%s/phi3-Q4_0.gguf", folder);
        ma = open_model(&ua);
        sa = open_session(ma, 8, 1); /* the one family that rotates otherwise in long contexts */
        sb = open_session(ma, 200, 1);
        CHECK_EQ(lutra_session_feed(sa, ids, 5, &err), LUTRA_OK);
        CHECK_EQ(lutra_session_save(sa, file_path(), &err), LUTRA_OK);
        refused(sb, LUTRA_EUNSUPPORTED, "saved in a shorter context");
        lutra_session_free(sa);
        lutra_session_free(sb);
        lutra_model_free(ma);
    }
    lutra_session_free(s);
    lutra_session_free(sh);
    lutra_session_free(sd);
    lutra_session_free(small);
    lutra_model_free(m);
    lutra_model_free(mh);
    lutra_model_free(md);
}

static void put_file(const void *p, size_t n)
{
    int fd = open(file_path(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK_EQ(write(fd, p, n), (long long)n);
    close(fd);
}

static void bad_paths(void)
{
    struct victim v;
    if (!victim_open(&v, verse)) return;
    char fifo[320];
    struct lutra_ses_header h;
    memcpy(&h, v.bytes, sizeof h);
    h.version = 2;
    h.sum = lutra_ses_header_sum(&h);
    memcpy(v.bytes, &h, sizeof h);
    put_file(v.bytes, v.n);
    refused(v.s, LUTRA_EUNSUPPORTED, "format 2");
    put_file("GGUF and much more, but no session: 80 bytes are needed to look like a header at all......", 90);
    refused(v.s, LUTRA_EFORMAT, "not a saved session");
    CHECK_EQ(unlink(file_path()), 0);
    refused(v.s, LUTRA_EIO, "cannot open");
    snprintf(fifo, sizeof fifo, "%s/fifo", check_tmp());
    CHECK_EQ(mkfifo(fifo, 0600), 0);
    CHECK_EQ(lutra_session_restore(v.s, fifo, &err), LUTRA_EIO); /* does not wait for a writer */
    CHECK_EQ(lutra_session_save(v.s, fifo, &err), LUTRA_EIO);
    CHECK_EQ(lutra_session_restore(v.s, check_tmp(), &err), LUTRA_EIO);
    CHECK_EQ(lutra_session_save(v.s, check_tmp(), &err), LUTRA_EIO);
    CHECK_EQ(lutra_session_save(v.s, "/dev/full", &err), LUTRA_EIO);
    CHECK_EQ(lutra_session_save(v.s, "no/such/folder/file", &err), LUTRA_EIO);
    CHECK(strstr(err.msg, "no/such/folder/file") != NULL);
    CHECK_EQ(lutra_session_save(v.s, "", &err), LUTRA_EIO);
    CHECK_EQ(lutra_session_save(NULL, "x", &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_save(v.s, NULL, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_restore(NULL, "x", &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_restore(v.s, NULL, NULL), LUTRA_EINVAL);
    CHECK(unchanged(&v));
    unlink(fifo);
    victim_close(&v);
}

static bool only_file_in(const char *dir, const char *name)
{
    char command[700];
    snprintf(command, sizeof command, "test \"$(ls -A '%s')\" = '%s'", dir, name);
    return system(command) == 0;
}

/* No room for the whole file: nothing of it stays, and the older one does. */
static void no_room(void)
{
    struct victim v;
    if (!victim_open(&v, verse)) return;
    struct rlimit old, less;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    int told = 0, tries = 0;
    for (size_t room = 0; room < v.n; room += room < 512 ? 97 : 4001, tries++) {
        less = (struct rlimit){room, old.rlim_max};
        CHECK(setrlimit(RLIMIT_FSIZE, &less) == 0);
        lutra_status st = lutra_session_save(v.s, file_path(), &err);
        setrlimit(RLIMIT_FSIZE, &old);
        if (st == LUTRA_OK) break; /* this one holds fewer tokens than the older file */
        CHECK_EQ(st, LUTRA_EIO);
        told += strstr(err.msg, "nothing was saved") != NULL;
        CHECK(only_file_in(check_tmp(), "session"));
        uint8_t *now = malloc(v.n);
        CHECK_EQ(pread(v.fd, now, v.n, 0), (long long)v.n);
        CHECK(memcmp(now, v.bytes, v.n) == 0);
        free(now);
    }
    CHECK(tries > 5);
    CHECK_EQ(told, tries);
    signal(SIGXFSZ, SIG_DFL);
    victim_close(&v);
}

#ifdef __linux__
/* A disk of this size, seen by this process alone, in the folder; there already: its size changes. */
static bool small_disk(const char *at, int kib)
{
    static bool mounted;
    char size[40];
    snprintf(size, sizeof size, "size=%dk", kib);
    if (!mounted && (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)) return false;
    bool ok = mount("none", at, "tmpfs", mounted ? MS_REMOUNT : 0, size) == 0;
    mounted = mounted || ok;
    return ok;
}

/* The disk itself is full, and not only a write that fails: told with its reason, nothing of the file stays, what was
 * saved before does, and the session goes on as its twin that saved nothing; with room again it saves. */
static void full_disk(void)
{
    struct victim v;
    if (!victim_open(&v, verse)) return;
    char disk[320], path[340], old[340];
    int32_t ids[40];
    snprintf(disk, sizeof disk, "%s/disk", check_tmp());
    snprintf(path, sizeof path, "%s/new", disk);
    snprintf(old, sizeof old, "%s/old", disk);
    lutra_session *s = open_session(v.model, 64, 1), *twin = open_session(v.model, 64, 1);
    prompt_ids(ids, 40, v.n_vocab);
    CHECK_EQ(mkdir(disk, 0700), 0);
    int kib = (int)(v.n / 1024) + 8;
    if (!small_disk(disk, kib)) {
        check_skip("no small disk can be mounted here");
    } else {
        CHECK_EQ(lutra_session_save(v.s, old, &err), LUTRA_OK); /* five tokens */
        CHECK_EQ(lutra_session_feed(s, ids, 40, &err), LUTRA_OK);
        CHECK_EQ(lutra_session_feed(twin, ids, 40, &err), LUTRA_OK);
        for (int over = 0; over < 2; over++) { /* a new file; one that is there */
            CHECK_EQ(lutra_session_save(s, over ? old : path, &err), LUTRA_EIO);
            CHECK(strstr(err.msg, strerror(ENOSPC)) != NULL);
            CHECK(strstr(err.msg, "nothing was saved") != NULL);
            CHECK(only_file_in(disk, "old"));
        }
        struct ids a = generate(s, 9, 0.8f), b = generate(twin, 9, 0.8f);
        CHECK_EQ(a.n, 9);
        CHECK_MEM(a.v, b.v, sizeof a.v, 'i');
        CHECK_EQ(lutra_session_restore(twin, old, &err), LUTRA_OK);
        CHECK_EQ(lutra_session_length(twin), 5);
        CHECK(small_disk(disk, kib * 20));
        CHECK_EQ(lutra_session_save(s, path, &err), LUTRA_OK);
        CHECK_EQ(lutra_session_restore(twin, path, &err), LUTRA_OK);
        CHECK_EQ(lutra_session_length(twin), 49);
        CHECK_EQ(umount(disk), 0);
    }
    rmdir(disk);
    lutra_session_free(s);
    lutra_session_free(twin);
    victim_close(&v);
}
#endif

/* Killed while it saves, again and again: under the final name there is always a whole session. */
static void killed(void)
{
    struct victim v;
    if (!victim_open(&v, verse)) return;
    for (int i = 0; i < 40; i++) {
        pid_t child = fork();
        if (child == 0)
            for (;;) lutra_session_save(v.s, file_path(), NULL);
        usleep((useconds_t)(500 + check_rand() % 9000));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        lutra_status st = lutra_session_restore(v.s, file_path(), &err);
        if (st != LUTRA_OK) printf("  %s\n", err.msg);
        CHECK_EQ(st, LUTRA_OK);
        int n = lutra_session_length(v.s);
        CHECK(n == 5 || n == 8); /* the one that was there, or a later one */
    }
    victim_close(&v);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_session_file");
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-') folder = argv[i];
    CHECK_CASE("families go on") families();
    CHECK_CASE("levels and modes go on") levels_and_modes();
    CHECK_CASE("nothing held") nothing_held();
    CHECK_CASE("every prefix") damage(prefixes_n, 0);
    CHECK_CASE("10,000 mutants") damage(mutants, 10000);
    CHECK_CASE("forged checksums") damage(forgeries, 5000);
    CHECK_CASE("other models") other_models();
    CHECK_CASE("bad paths") bad_paths();
    CHECK_CASE("no room") no_room();
    CHECK_CASE("killed") killed();
#ifdef __linux__
    CHECK_CASE("full disk") full_disk();
#endif
    return check_done();
}
