/* SPDX-License-Identifier: MIT */
/* Every prefix of tiny models, and seeded mutants of them: each is opened, and used if it opens.
 * Never a crash.
 *
 *   test_mutants [COUNT [MODEL.gguf...]]      COUNT mutants in all (default 200000; fewer under a sanitizer), of
 *                                             these files or else of models made here
 *   test_mutants one MODEL NUMBER FILE        write one mutant to a file, to look at it
 *
 * Of the edits 6 in 10 hit a length, count, type, dimension or offset, found by walking the file.
 * Mutants run in children: when one dies, its number is printed and the next child goes on behind
 * it. */
#include "tests/hostile_run.h"
#include "tests/hostile_tiny.h"

#include <sys/syscall.h>

enum { N_MODELS = 4, SUBJECTS_MAX = 16, DEATHS_MAX = 5, EDITS_MAX = 4 };

static const struct tiny models[N_MODELS] = {
    {.arch = "llama",
     .type = LUTRA_TYPE_Q4_0,
     .type_embd = LUTRA_TYPE_Q4_0,
     .n_embd = 32,
     .n_ff = 32,
     .n_layer = 1,
     .tied = true,
     .rope_freqs = true},
    {.arch = "llama",
     .spm = true,
     .type = LUTRA_TYPE_F16,
     .type_embd = LUTRA_TYPE_Q8_0,
     .n_embd = 32,
     .n_ff = 32,
     .n_layer = 1},
    {.arch = "gemma3",
     .spm = true,
     .type = LUTRA_TYPE_Q4_1,
     .type_embd = LUTRA_TYPE_Q5_0,
     .n_embd = 32,
     .n_ff = 64,
     .n_layer = 2,
     .tied = true,
     .qk_norm = true,
     .post_norms = true,
     .window = 4},
    {.arch = "bitnet-b1.58",
     .type = LUTRA_TYPE_TQ2_0,
     .type_embd = LUTRA_TYPE_Q4_K,
     .n_embd = 256,
     .n_ff = 256,
     .n_layer = 1,
     .head_dim = 8,
     .tied = true,
     .sub_norms = true},
};

struct place {
    size_t at;
    int width;
};

/* A model, its numeric fields, and the counts its children share. */
struct subject {
    const char *name;
    uint8_t *b;
    size_t n;
    struct place *fields;
    size_t n_fields, header;
};

struct progress {
    int now; /* the mutant being tried */
    int opened, refused, bad;
    int by_status[16];
    char what[300];
};

static struct subject subjects[SUBJECTS_MAX];
static int n_subjects;
static struct progress *progress; /* shared with the children */

/* ---- fields ---- */

static void add_field(struct subject *s, size_t at, int width)
{
    s->fields = realloc(s->fields, (s->n_fields + 1) * sizeof *s->fields);
    if (!s->fields) hostile_die("no memory");
    s->fields[s->n_fields++] = (struct place){at, width};
}

static void add_value_fields(struct subject *s, const struct mark *m)
{
    uint32_t type = (uint32_t)le_get(s->b + m->type, 4);
    if (type == T_STR)
        add_field(s, m->value, 8);
    else if (type != T_ARR)
        add_field(s, m->value, type_width(type));
    if (type != T_ARR) return;
    uint32_t elem = (uint32_t)le_get(s->b + m->value, 4);
    add_field(s, m->value, 4);
    add_field(s, m->value + 4, 8);
    size_t at = m->value + 12;
    for (int i = 0; i < 8; i++) { /* the first elements stand for all */
        add_field(s, at, elem == T_STR ? 8 : type_width(elem));
        at += elem == T_STR ? 8 + (size_t)le_get(s->b + at, 8) : (size_t)type_width(elem);
    }
}

static void find_fields(struct subject *s)
{
    struct doc d;
    struct image im;
    doc_parse(&d, s->b, s->n);
    image_build(&im, &d);
    if (im.n != s->n || memcmp(im.b, s->b, s->n) != 0)
        hostile_die("the walk does not give back the file");
    add_field(s, 4, 4);
    add_field(s, 8, 8);
    add_field(s, 16, 8);
    for (size_t i = 0; i < im.n_kv; i++) {
        add_field(s, im.kv[i].len, 8);
        add_field(s, im.kv[i].type, 4);
        add_value_fields(s, &im.kv[i]);
    }
    for (size_t i = 0; i < im.n_t; i++) {
        const struct mark *m = &im.t[i];
        add_field(s, m->len, 8);
        add_field(s, m->dims, 4);
        for (size_t at = m->ne; at < m->t_type; at += 8) add_field(s, at, 8);
        add_field(s, m->t_type, 4);
        add_field(s, m->offset, 8);
    }
    s->header = im.data;
    image_free(&im);
    doc_free(&d);
}

/* ---- one mutant ---- */

static uint64_t draw(uint64_t *state, uint64_t below)
{
    return tiny_random(state) % below;
}

static uint64_t odd_number(uint64_t *state, uint64_t now, int width)
{
    static const uint64_t list[] = {
        0,          1,          2,          3,          4,          7,          8,
        12,         13,         31,         32,         33,         63,         64,
        255,        256,        1024,       65535,      65536,      0x7fc00000, 0x7f800000,
        0xff800000, 0x3f800000, 0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32, (1ull << 32) + 1,
        1ull << 58, 1ull << 60, 1ull << 61, 1ull << 62, INT64_MAX,  1ull << 63, UINT64_MAX - 31,
        UINT64_MAX};
    switch (draw(state, 8)) {
    case 0:
        return now + 1;
    case 1:
        return now - 1;
    case 2:
        return now * 2;
    case 3:
        return now / 2;
    case 4:
        return now ^ 1ull << draw(state, 8 * (uint64_t)width);
    case 5:
        return now + 32 * (1 + draw(state, 8));
    case 6:
        return draw(state, 48);
    default:
        return list[draw(state, sizeof list / sizeof list[0])];
    }
}

/* Remove `cut` bytes at `at` and put `put` bytes of noise there. */
static size_t replace(uint64_t *state, uint8_t *b, size_t n, size_t at, size_t cut, size_t put)
{
    if (cut > n - at) cut = n - at;
    memmove(b + at + put, b + at + cut, n - at - cut);
    for (size_t i = 0; i < put; i++) b[at + i] = (uint8_t)tiny_random(state);
    return n - cut + put;
}

static size_t any_edit(uint64_t *state, const struct subject *s, uint8_t *b, size_t n)
{
    size_t within = draw(state, 10) < 7 && s->header < n ? s->header : n;
    if (within < 64) return n;
    size_t at = (size_t)draw(state, within), len = 1 + (size_t)draw(state, 16);
    switch (draw(state, 8)) {
    case 0:
        return replace(state, b, n, at, len, 0);
    case 1:
        return replace(state, b, n, at, 0, len);
    case 2:
        return replace(state, b, n, at, len, len);
    case 3:
        return draw(state, 4) ? n : at; /* cut the file */
    case 4:
        b[at] = (uint8_t)(draw(state, 2) ? 0xff : 0);
        return n;
    case 5:
        memmove(b + at, b + draw(state, within - 32), at + 32 <= n ? 32 : 1);
        return n;
    default:
        b[at] ^= (uint8_t)(1u << draw(state, 8));
        return n;
    }
}

/* The mutant of this number in `b`, which has room for EDITS_MAX insertions; returns its size. */
static size_t mutate(int model, int number, uint8_t *b)
{
    const struct subject *s = &subjects[model];
    uint64_t state = ((uint64_t)model << 32 | (uint32_t)number) * 0x9e3779b97f4a7c15u + 1;
    size_t n = s->n;
    memcpy(b, s->b, n);
    int edits = 1 + (int)draw(&state, EDITS_MAX);
    if (draw(&state, 3)) edits = 1; /* single faults reach furthest */
    for (int i = 0; i < edits; i++) {
        const struct place *f = &s->fields[draw(&state, s->n_fields)];
        bool field = draw(&state, 10) < 6;
        if (field && f->at + (size_t)f->width <= n)
            le_put(b + f->at, odd_number(&state, le_get(b + f->at, f->width), f->width), f->width);
        else if (!field)
            n = any_edit(&state, s, b, n);
    }
    return n;
}

/* ---- trying it ---- */

/* A file in memory: nothing is written to a disk. */
struct memory_file {
    int fd;
    char path[64];
};

static void open_memory(struct memory_file *f)
{
    f->fd = (int)syscall(SYS_memfd_create, "mutant.gguf", 0u);
    if (f->fd < 0) hostile_die("no memfd");
    snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
}

static void fill_memory(const struct memory_file *f, const uint8_t *b, size_t n)
{
    if (ftruncate(f->fd, (off_t)n) != 0 || pwrite(f->fd, b, n, 0) != (ssize_t)n)
        hostile_die("memfd");
}

static void note(struct progress *p, const char *what, const char *detail)
{
    if (p->bad++ == 0)
        snprintf(p->what, sizeof p->what, "mutant %d: %.90s: %.180s", p->now, what, detail);
}

static void use_model(struct progress *p, const lutra_model *m)
{
    struct run_result r = {.stage = ""};
    lutra_model_info info = {.size = sizeof info};
    lutra_session_options o = {.size = sizeof o, .n_ctx = 16, .n_batch = 4, .n_threads = 1};
    lutra_session *s = NULL;
    lutra_error err = {LUTRA_OK, ""};
    lutra_model_describe(m, &info);
    run_tokenize(&r, m, info.n_vocab, "the \xff hand<s>", 14,
                 LUTRA_ADD_SPECIAL | LUTRA_PARSE_SPECIAL);
    lutra_status st = lutra_session_open(&s, m, &o, &err);
    if (st == LUTRA_OK) {
        int32_t id = 70 % info.n_vocab;
        st = lutra_session_feed(s, &id, 1, &err);
        if (st == LUTRA_OK) r.greedy = run_generate(&r, s, 0.0f);
    }
    run_status(&r, st, &err, "message of a session");
    for (int i = 0; i < r.n_ids; i++)
        if (r.ids[i] < 0 || r.ids[i] >= info.n_vocab) run_wrong(&r, "an id outside the vocabulary");
    if (r.wrong[0]) note(p, r.wrong, err.msg);
    lutra_session_free(s);
}

static lutra_status try_file(struct progress *p, const char *path)
{
    lutra_model *m = NULL;
    lutra_error err = {LUTRA_OK, ""};
    lutra_model_options o = {.size = sizeof o, .n_threads = 1};
    lutra_status st = lutra_model_open(&m, path, &o, &err);
    if ((st == LUTRA_OK) != (m != NULL)) note(p, "status and model disagree", err.msg);
    if (st != LUTRA_OK && (!plain_line(err.msg) || !strstr(err.msg, path)))
        note(p, "message", err.msg);
    if (st != LUTRA_OK && st != LUTRA_EFORMAT && st != LUTRA_EUNSUPPORTED)
        note(p, "status", err.msg);
    if (m) use_model(p, m);
    lutra_model_free(m);
    p->by_status[st & 15]++;
    return st;
}

/* Mutants [first, end) of a model, in a child. */
static void run_mutants(int model, int first, int end)
{
    struct progress *p = &progress[model];
    struct memory_file f;
    uint8_t *b = malloc(subjects[model].n + 16 * EDITS_MAX);
    if (!b) hostile_die("no memory");
    open_memory(&f);
    for (p->now = first; p->now < end; p->now++) {
        if (p->now % 256 == 0) alarm(HANG_SECONDS);
        fill_memory(&f, b, mutate(model, p->now, b));
        if (try_file(p, f.path) == LUTRA_OK)
            p->opened++;
        else
            p->refused++;
    }
    close(f.fd);
    free(b);
}

static void end_child(void)
{
    for (int i = 0; i < N_MODELS; i++) {
        free(subjects[i].b);
        free(subjects[i].fields);
    }
#if HOSTILE_SANITIZED
    exit(0); /* leaks are looked for */
#else
    _exit(0);
#endif
}

static pid_t start_child(int model, int first, int end)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0) return pid;
    struct rlimit core = {0, 0};
    setrlimit(RLIMIT_CORE, &core);
    run_mutants(model, first, end);
    end_child();
    return 0;
}

/* All models at once, a child each; a death costs one mutant. */
static void check_mutants(int each)
{
    pid_t pid[SUBJECTS_MAX];
    int deaths = 0, running = n_subjects;
    for (int i = 0; i < n_subjects; i++) pid[i] = start_child(i, 0, each);
    while (running > 0) {
        int status = 0, i = 0;
        pid_t done = wait(&status);
        while (i < n_subjects && pid[i] != done) i++;
        if (done < 0 || i == n_subjects) break;
        if (status == 0) {
            running--;
            continue;
        }
        printf("  wait status %d at: test_mutants one %d %d FILE\n", status, i, progress[i].now);
        CHECK_EQ(status, 0);
        if (++deaths < DEATHS_MAX && progress[i].now < each)
            pid[i] = start_child(i, progress[i].now + 1, each);
        else
            running--;
    }
}

/* ---- prefixes ---- */

static void check_prefixes(int model)
{
    struct progress p = {.now = 0};
    struct memory_file f;
    open_memory(&f);
    fill_memory(&f, subjects[model].b, subjects[model].n);
    CHECK_EQ(try_file(&p, f.path), LUTRA_OK);
    for (size_t n = subjects[model].n; n-- > 0;) {
        p.now = (int)n;
        if (ftruncate(f.fd, (off_t)n) != 0) hostile_die("memfd");
        if (try_file(&p, f.path) == LUTRA_OK) note(&p, "a prefix opens", "");
    }
    if (p.bad) printf("  %d: %s\n", p.bad, p.what);
    CHECK_EQ(p.bad, 0);
    close(f.fd);
}

/* ---- */

static void add_subject(const char *name, const char *path)
{
    if (n_subjects == SUBJECTS_MAX) hostile_die("too many files");
    struct subject *s = &subjects[n_subjects++];
    const char *slash = strrchr(name, '/');
    s->name = slash ? slash + 1 : name;
    s->n = tiny_read(path, &s->b);
    find_fields(s);
}

static void make_subjects(int n_files, char **files)
{
    static const char *const names[N_MODELS] = {"llama Q4_0", "llama F16", "gemma3 Q4_1", "bitnet TQ2_0"};
    char path[600];
    snprintf(path, sizeof path, "%s/tiny.gguf", check_tmp());
    for (int i = 0; i < n_files; i++) add_subject(files[i], files[i]);
    for (int i = 0; i < N_MODELS && n_files == 0; i++) {
        tiny_save(&models[i], path);
        add_subject(names[i], path);
    }
}

static int write_one(char **argv)
{
    int model = atoi(argv[2]), number = atoi(argv[3]);
    if (model < 0 || model >= n_subjects) return 2;
    uint8_t *b = malloc(subjects[model].n + 16 * EDITS_MAX);
    size_t n = b ? mutate(model, number, b) : 0;
    bool ok = b && tiny_write(argv[4], b, n);
    free(b);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    int count = HOSTILE_SANITIZED ? 20000 : 200000;
    check_init(argc, argv, "test_mutants");
    int n_files = argc > 2 && strcmp(argv[1], "one") != 0 ? argc - 2 : 0;
    make_subjects(n_files, argv + 2);
    if (argc == 5 && strcmp(argv[1], "one") == 0) return write_one(argv);
    if (argc > 1 && atoi(argv[1]) > 0) count = atoi(argv[1]);
    progress = mmap(NULL, n_subjects * sizeof *progress, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED) hostile_die("no shared memory");
    if (n_files == 0) {
        CHECK_CASE("prefixes bpe") check_prefixes(0);
        CHECK_CASE("prefixes spm") check_prefixes(1);
    }
    CHECK_CASE("mutants")
    {
        double start = check_seconds();
        check_mutants(count / n_subjects);
        double took = check_seconds() - start;
        int done = 0;
        for (int i = 0; i < n_subjects; i++) {
            const struct progress *p = &progress[i];
            printf("  %-18s %6zu bytes: %d loaded, %d refused (%d malformed, %d unsupported, %d no "
                   "memory)\n",
                   subjects[i].name, subjects[i].n, p->opened, p->refused, p->by_status[LUTRA_EFORMAT],
                   p->by_status[LUTRA_EUNSUPPORTED], p->by_status[LUTRA_ENOMEM]);
            if (p->bad) printf("  %d properties do not hold, first: %s\n", p->bad, p->what);
            CHECK_EQ(p->bad, 0);
            done += p->opened + p->refused;
        }
        CHECK_EQ(done, count / n_subjects * n_subjects);
        printf("  %d mutants in %.1f s, %.0f per second\n", done, took, (double)done / took);
    }
    for (int i = 0; i < n_subjects; i++) {
        free(subjects[i].b);
        free(subjects[i].fields);
    }
    munmap(progress, n_subjects * sizeof *progress);
    return check_done();
}
