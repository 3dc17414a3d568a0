/* SPDX-License-Identifier: MIT */
/* Malformed model files, a class per row: each is opened, planned, talked to and shown by the
 * program, in a child. Refused files must say file, place and reason in one line and cost nothing;
 * none may crash or hang anything. */
#include "tests/hostile_cases_container.h"
#include "tests/hostile_cases_hparam.h"
#include "tests/hostile_cases_tensor.h"
#include "tests/hostile_cases_tokenizer.h"
#include "tests/hostile_run.h"
#include "tests/hostile_tiny.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct tiny models[N_BASES] = {
    [BASE_BPE] = {.arch = "llama",
                  .type = LUTRA_TYPE_Q4_0,
                  .type_embd = LUTRA_TYPE_Q8_0,
                  .n_embd = 64,
                  .n_ff = 96,
                  .n_layer = 2,
                  .rope_freqs = true},
    [BASE_SPM] = {.arch = "llama",
                  .spm = true,
                  .type = LUTRA_TYPE_F16,
                  .type_embd = LUTRA_TYPE_F16,
                  .n_embd = 64,
                  .n_ff = 96,
                  .n_layer = 1},
};

static uint8_t *base_bytes[N_BASES];
static size_t base_size[N_BASES];
static struct run_result base_result[N_BASES];
static struct run_result *result; /* shared with the children */
static char bad_path[600], program[600];
static bool show; /* every message, for people */

static struct {
    int refused, loaded, either_refused, files;
    uint64_t peak_kib, peak_refused_kib;
    double seconds, cli_seconds;
    char cli_name[80];
    const char *peak_name, *slow_name;
} figures;

/* ---- one file ---- */

static void complain(const char *what, const char *detail)
{
    printf("  %s: %s\n", what, detail);
    CHECK(!"as it should be");
}

static int exit_code_of(lutra_status st)
{
    switch (st) {
    case LUTRA_OK:
        return 0;
    case LUTRA_EUNSUPPORTED:
        return 4;
    case LUTRA_ENOMEM:
        return 5;
    default:
        return 3;
    }
}

/* Our program with this file. `want`: the exit code. A model that loads may still give no numbers
 * (1) or no token to begin with (2). */
static void check_program(const char *name, char *const *argv, int want, bool runs)
{
    static struct cli_result c;
    double start = check_seconds();
    run_cli(&c, argv);
    double took = check_seconds() - start;
    if (took > figures.cli_seconds) {
        figures.cli_seconds = took;
        snprintf(figures.cli_name, sizeof figures.cli_name, "%s of %s", argv[1], name);
    }
    char line[300];
    int code = WIFEXITED(c.status) ? WEXITSTATUS(c.status) : -1;
    if (code != want && !(runs && (code == 1 || code == 2))) {
        snprintf(line, sizeof line, "%s: wait status %d, exit code %d expected: %.150s", argv[1],
                 c.status, want, c.err);
        complain(name, line);
    }
    for (const char *p = c.err; *p; p++)
        if ((unsigned char)*p < 0x20 && *p != '\n') {
            complain(name, "a control byte on stderr");
            break;
        }
    const char *end = strchr(c.err, '\n');
    if (code >= 3 && code <= 5 && (!end || end[1])) complain(name, "not one line on stderr");
    if (strcmp(argv[1], "info") == 0)
        for (const char *p = c.out; *p; p++)
            if ((unsigned char)*p < 0x20 && *p != '\n') {
                complain(name, "a control byte on stdout");
                break;
            }
}

static void check_programs(const char *name, const char *path)
{
    char file[6000];
    if (!program[0]) return;
    snprintf(file, sizeof file, "%s", path);
    char *info[] = {program, "info", file, "--no-forecast", NULL}; /* 0.3 s each, and no news */
    char *tokenize[] = {program, "tokenize", "-m", file, "-p", "the hand", NULL};
    char *run[] = {program, "run", "-m", file, "-p",           "the hand",
                   "-n",    "2",   "-t", "1",  "--ignore-eos", NULL};
    check_program(name, info, exit_code_of(result->gguf), false);
    check_program(name, tokenize, exit_code_of(result->tok), false);
    check_program(name, run, exit_code_of(result->open), result->open == LUTRA_OK);
}

static void check_refusal(const char *name, const char *file, const char *reason, bool offset)
{
    lutra_status st = result->open;
    if (st != LUTRA_EFORMAT && st != LUTRA_EUNSUPPORTED && st != LUTRA_EIO && st != LUTRA_ENOMEM)
        complain(name, "refused with another status");
    if (!strstr(result->msg, file)) complain("does not name the file", result->msg);
    if (!strstr(result->msg, reason)) complain(reason, result->msg);
    if (offset && !strstr(result->msg, " offset "))
        complain("does not name the offset", result->msg);
}

/* limit_kib: resident memory that this file may cost */
static void check_run(const char *name, const char *path, uint64_t limit_kib)
{
    uint64_t peak = 0;
    char line[100];
    int status = run_child(result, path, &peak);
    if (status != 0) {
        snprintf(line, sizeof line, "wait status %d (signal %d) in stage %s", status,
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0, result->stage ? result->stage : "?");
        complain(name, line);
    }
    if (result->wrong[0]) complain(name, result->wrong);
    if (result->open == LUTRA_OK && result->plan != LUTRA_OK)
        complain("loads without a plan", result->plan_msg);
    if (!HOSTILE_SANITIZED && peak > limit_kib) {
        snprintf(line, sizeof line, "peak of %llu KiB", (unsigned long long)peak);
        complain(name, line);
    }
    if (peak > figures.peak_kib) {
        figures.peak_kib = peak;
        figures.peak_name = name;
    }
    if (result->seconds > figures.seconds) {
        figures.seconds = result->seconds;
        figures.slow_name = name;
    }
    if (result->open != LUTRA_OK && peak > figures.peak_refused_kib)
        figures.peak_refused_kib = peak;
    figures.files++;
    if (result->open == LUTRA_OK)
        figures.loaded++;
    else
        figures.refused++;
}

/* ---- one row ---- */

static void check_same(const struct hostile_case *c)
{
    const struct run_result *good = &base_result[c->base];
    CHECK_EQ(result->n_ids, good->n_ids);
    CHECK_MEM(result->ids, good->ids, sizeof good->ids, 'i');
}

static void check_row(const struct hostile_case *c)
{
    struct doc d;
    struct image im;
    doc_parse(&d, base_bytes[c->base], base_size[c->base]);
    if (c->doc) c->doc(&d, c);
    image_build(&im, &d);
    if (c->raw) c->raw(&im, c);
    CHECK(tiny_write(bad_path, im.b, im.n));
    size_t header = im.data < im.n ? im.data : im.n;
    image_free(&im); /* before the fork: the child starts small */
    doc_free(&d);
    check_run(c->name, bad_path, (64 << 10) + 4 * header / 1024);
    bool refused = result->open != LUTRA_OK;
    if (refused && (c->expect == LOADS || c->expect == NOISE || c->expect == SAME))
        complain("should load", result->msg);
    if (!refused && c->expect == REFUSED) complain(c->name, "should be refused");
    if (refused) check_refusal(c->name, "bad.gguf", c->reason, true);
    /* what a whole model is refused for, a vocabulary alone is refused for */
    if (refused && c->what && strncmp(c->what, "tokenizer.ggml.", 15) == 0)
        CHECK(!strstr(result->msg, c->what) || result->tok != LUTRA_OK);
    if (!refused && c->expect == SAME) check_same(c);
    if (!refused && c->expect == NOISE) CHECK_EQ(result->greedy, LUTRA_ENUMERIC);
    if (refused && c->expect == EITHER) figures.either_refused++;
    if (show) printf("    %-26s %s\n", c->name, refused ? result->msg : "loads");
    check_programs(c->name, bad_path);
}

static int check_table(const struct hostile_case *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) CHECK_CASE(rows[i].name) check_row(&rows[i]);
    return (int)n;
}
#define TABLE(rows) check_table(rows, sizeof rows / sizeof rows[0])

/* ---- things that are no files ---- */

struct object {
    const char *name;
    bool (*make)(char *path, size_t cap); /* NULL: `path` is there on every Linux */
    const char *path, *file, *reason;
};

static bool in_tmp(char *path, size_t cap, const char *name)
{
    return snprintf(path, cap, "%s/%s", check_tmp(), name) < (int)cap;
}

static bool make_dir(char *path, size_t cap)
{
    return in_tmp(path, cap, "dir.gguf") && (mkdir(path, 0777) == 0 || errno == EEXIST);
}

static bool make_fifo(char *path, size_t cap)
{
    return in_tmp(path, cap, "fifo.gguf") && mkfifo(path, 0666) == 0;
}

static bool make_socket(char *path, size_t cap)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (!in_tmp(path, cap, "socket.gguf") || strlen(path) >= sizeof a.sun_path || fd < 0)
        return false;
    memcpy(a.sun_path, path, strlen(path) + 1);
    bool ok = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return ok;
}

static bool make_loop(char *path, size_t cap)
{
    return in_tmp(path, cap, "loop.gguf") && symlink("loop.gguf", path) == 0;
}

static bool make_dangling(char *path, size_t cap)
{
    return in_tmp(path, cap, "dangling.gguf") && symlink("nowhere.gguf", path) == 0;
}

static bool make_locked(char *path, size_t cap)
{
    return in_tmp(path, cap, "locked.gguf") && tiny_write(path, "GGUF", 4) && chmod(path, 0) == 0;
}

static bool make_sparse(char *path, size_t cap)
{
    return in_tmp(path, cap, "sparse.gguf") && tiny_write(path, "", 0) &&
           truncate(path, (off_t)1 << 40) == 0;
}

static bool make_long(char *path, size_t cap)
{
    if (cap < 5001) return false;
    memset(path, 'p', 5000);
    path[5000] = '\0';
    return true;
}

static bool make_newline(char *path, size_t cap)
{
    return in_tmp(path, cap, "new\nline\x1b[2J.gguf") && tiny_write(path, "GGUF", 4);
}

static bool make_empty_name(char *path, size_t cap)
{
    path[0] = '\0';
    return cap > 0;
}

static const struct object objects[] = {
    {"object_missing", NULL, "/nonexistent/bad.gguf", "bad.gguf", "cannot open"},
    {"object_empty_path", make_empty_name, NULL, "", "cannot open"},
    {"object_directory", make_dir, NULL, "dir.gguf", "is a directory"},
    {"object_fifo", make_fifo, NULL, "fifo.gguf", "is a pipe"},
    {"object_dev_zero", NULL, "/dev/zero", "/dev/zero", "is a device"},
    {"object_dev_full", NULL, "/dev/full", "/dev/full", "is a device"},
    {"object_dev_null", NULL, "/dev/null", "/dev/null", "is a device"},
    {"object_proc_mem", NULL, "/proc/self/mem", "/proc/self/mem", ""},
    {"object_proc_maps", NULL, "/proc/self/maps", "/proc/self/maps", "shorter than a GGUF header"},
    {"object_socket", make_socket, NULL, "socket.gguf", "cannot open"},
    {"object_locked", make_locked, NULL, "locked.gguf", ""},
    {"object_symlink_loop", make_loop, NULL, "loop.gguf", "cannot open"},
    {"object_symlink_dangling", make_dangling, NULL, "dangling.gguf", "cannot open"},
    {"object_sparse_1tib", make_sparse, NULL, "sparse.gguf", "not a GGUF file"},
    {"object_path_5000", make_long, NULL, "...ppppp", "cannot open"},
    {"object_newline_name", make_newline, NULL, "new\\x0aline\\x1b[2J.gguf",
     "shorter than a GGUF header"},
};

static void check_object(const struct object *o)
{
    char path[5100];
    if (o->path) snprintf(path, sizeof path, "%s", o->path);
    if (o->make && !o->make(path, sizeof path)) {
        check_skip("cannot be made on this file system");
        return;
    }
    check_run(o->name, path, 64 << 10);
    if (result->open == LUTRA_OK) complain(o->name, "should be refused");
    check_refusal(o->name, o->file, o->reason, false);
    if (path[0]) check_programs(o->name, path);
    if (o->make && path[0]) unlink(path);
}

/* A good model with a hole of 1 TiB behind it is a good model. */
static void check_long_tail(void)
{
    CHECK(tiny_write(bad_path, base_bytes[BASE_BPE], base_size[BASE_BPE]));
    if (truncate(bad_path, (off_t)1 << 40) != 0) {
        check_skip("no sparse files here");
        return;
    }
    check_run("object_1tib_tail", bad_path, 64 << 10);
    CHECK_EQ(result->open, LUTRA_OK);
    CHECK_MEM(result->ids, base_result[BASE_BPE].ids, sizeof result->ids, 'i');
    CHECK_EQ(truncate(bad_path, 0), 0);
}

/* ---- */

static void find_program(const char *self)
{
    const char *given = getenv("LUTRA"), *slash = strrchr(self, '/');
    if (given)
        snprintf(program, sizeof program, "%s", given);
    else
        snprintf(program, sizeof program, "%.*slutra", slash ? (int)(slash - self + 1) : 0, self);
    if (access(program, X_OK) != 0) program[0] = '\0';
}

static void make_bases(void)
{
    for (int i = 0; i < N_BASES; i++) {
        tiny_save(&models[i], bad_path);
        base_size[i] = tiny_read(bad_path, &base_bytes[i]);
        CHECK_CASE(i == BASE_BPE ? "good_bpe" : "good_spm")
        {
            check_run("good model", bad_path, 64 << 10);
            if (result->open != LUTRA_OK) complain("should load", result->msg);
            CHECK_EQ(result->greedy, LUTRA_OK);
            CHECK_EQ(result->sampled, LUTRA_OK);
            CHECK_EQ(result->chat, LUTRA_OK);
            CHECK_EQ(result->n_ids, 8);
            base_result[i] = *result;
            check_programs("good model", bad_path);
        }
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_hostile");
    find_program(argv[0]);
    for (int i = 1; i < argc; i++) show |= strcmp(argv[i], "show") == 0;
    result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (result == MAP_FAILED) hostile_die("no shared memory");
    snprintf(bad_path, sizeof bad_path, "%s/bad.gguf", check_tmp());
    make_bases();
    int container = TABLE(container_cases), tensor = TABLE(tensor_cases),
        weight = TABLE(weight_cases);
    int tokenizer = TABLE(tokenizer_cases), hparam = TABLE(hparam_cases), n_objects = 0;
    for (; n_objects < (int)(sizeof objects / sizeof objects[0]); n_objects++)
        CHECK_CASE(objects[n_objects].name) check_object(&objects[n_objects]);
    CHECK_CASE("object_1tib_tail") check_long_tail();
    CHECK_CASE("program_found")
    if (!program[0]) check_skip("no lutra beside this test and in LUTRA: library only");
    printf("  %d rows: container %d, tensors %d, weights %d, tokenizer %d, hyper-parameters %d, "
           "objects %d\n",
           container + tensor + weight + tokenizer + hparam + n_objects + 1, container, tensor,
           weight, tokenizer, hparam, n_objects + 1);
    printf("  %d files: %d refused (%d of them might load), %d loaded; peak %.1f MiB when refused, "
           "%.1f MiB in all (%s), open %.0f ms (%s), program %.0f ms (%s)\n",
           figures.files, figures.refused, figures.either_refused, figures.loaded,
           (double)figures.peak_refused_kib / 1024, (double)figures.peak_kib / 1024,
           figures.peak_name, figures.seconds * 1e3, figures.slow_name, figures.cli_seconds * 1e3,
           figures.cli_name);
    for (int i = 0; i < N_BASES; i++) free(base_bytes[i]);
    munmap(result, sizeof *result);
    return check_done();
}
