/* SPDX-License-Identifier: MIT */
/* A model file that is cut, overwritten, unlinked or replaced while it is loaded and while text is
 * generated: an error with a message, or exactly the output of the undisturbed file. Never a
 * signal. */
#include "tests/hostile_run.h"
#include "tests/hostile_tiny.h"

#include <time.h>

enum { ROUNDS = 16, TOKENS = 6 };

static const struct tiny big = {.arch = "llama",
                                .spm = true,
                                .type = LUTRA_TYPE_Q8_0,
                                .type_embd = LUTRA_TYPE_Q8_0,
                                .n_embd = 512,
                                .n_ff = 1536,
                                .n_layer = 6};

struct outcome {
    lutra_status open, generate;
    char msg[500];
    int32_t ids[TOKENS];
    int n_ids;
    int ready; /* the child is about to open the file */
    double seconds; /* of lutra_model_open */
};

/* What is done to the file; `random` is drawn by the parent. */
struct attack {
    const char *name;
    void (*fn)(uint64_t random);
    bool seen; /* a load that it meets must fail, not go on with other bytes */
};

static char path[600], program[600];
static uint8_t *bytes;
static size_t size;
static struct outcome *outcome, reference; /* outcome: shared with the children */
static double load_seconds;

/* ---- attacks ---- */

static void overwrite(size_t at, size_t n, int with)
{
    uint8_t block[4096];
    int fd = open(path, O_WRONLY);
    memset(block, with, sizeof block);
    for (size_t end = at + n; fd >= 0 && at < end && at < size; at += sizeof block)
        if (pwrite(fd, block, sizeof block < size - at ? sizeof block : size - at, (off_t)at) < 0)
            break;
    if (fd >= 0) close(fd);
}

static void cut(uint64_t random)
{
    if (truncate(path, (off_t)(random % size)) != 0) hostile_die("truncate");
}

static void cut_to_nothing(uint64_t random)
{
    (void)random;
    if (truncate(path, 0) != 0) hostile_die("truncate");
}

static void overwrite_some(uint64_t random)
{
    overwrite((size_t)(random % size), 1 << 20, 0xff);
}

static void overwrite_all(uint64_t random)
{
    overwrite(0, size, random & 1 ? 0xff : 0);
}

static void overwrite_header(uint64_t random)
{
    overwrite(0, 8192, (int)(random & 0xff));
}

static void overwrite_mapped(uint64_t random)
{
    int fd = open(path, O_RDWR);
    uint8_t *p = fd >= 0 ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (p == MAP_FAILED) hostile_die("mmap");
    memset(p + random % (size / 2), 0xff, size / 2);
    munmap(p, size);
    close(fd);
}

static void grow(uint64_t random)
{
    if (truncate(path, (off_t)(size + random % size)) != 0) hostile_die("truncate");
}

static void take_away(uint64_t random)
{
    (void)random;
    unlink(path);
}

static void replace_file(uint64_t random)
{
    char other[700];
    snprintf(other, sizeof other, "%s.new", path);
    if (!tiny_write(other, bytes, (size_t)(random % size)) || rename(other, path) != 0)
        hostile_die("rename");
}

static const struct attack attacks[] = {
    {"cut", cut, true},
    {"cut to nothing", cut_to_nothing, true},
    {"overwrite a part", overwrite_some, true},
    {"overwrite all", overwrite_all, true},
    {"overwrite the header", overwrite_header, true},
    {"overwrite by mapping", overwrite_mapped, false}, /* the kernel may date such writes late */
    {"grow", grow, true},
    {"unlink", take_away, true},
    {"replace", replace_file, true},
};
enum { N_ATTACKS = sizeof attacks / sizeof attacks[0] };

/* ---- the victim ---- */

static int keep_id(void *user, int32_t id)
{
    struct outcome *o = user;
    if (o->n_ids < TOKENS) o->ids[o->n_ids++] = id;
    return 0;
}

static const struct attack *while_generating; /* in the child, after the second token */

static int keep_and_attack(void *user, int32_t id)
{
    const struct outcome *o = user;
    keep_id(user, id);
    if (while_generating && o->n_ids == 2) while_generating->fn(123456789u);
    return 0;
}

static void generate(struct outcome *o, const lutra_model *m)
{
    lutra_session_options so = {.size = sizeof so, .n_ctx = 64, .n_threads = 1};
    lutra_session *s = NULL;
    lutra_error err = {LUTRA_OK, ""};
    lutra_sampling greedy;
    const int32_t prompt[3] = {70, 80, 90};
    lutra_sampling_default(&greedy);
    greedy.temp = 0.0f;
    lutra_generate_options g = {
        .size = sizeof g, .sampling = &greedy, .n_predict = TOKENS, .ignore_end = 1};
    g.on_token = keep_and_attack;
    g.user = o;
    o->generate = lutra_session_open(&s, m, &so, &err);
    if (o->generate == LUTRA_OK) o->generate = lutra_session_feed(s, prompt, 3, &err);
    if (o->generate == LUTRA_OK) o->generate = lutra_generate(s, &g, NULL, &err);
    if (o->generate != LUTRA_OK) memcpy(o->msg, err.msg, sizeof o->msg);
    lutra_session_free(s);
}

static void victim(void)
{
    struct outcome *o = outcome;
    lutra_model *m = NULL;
    lutra_error err = {LUTRA_OK, ""};
    lutra_model_options mo = {.size = sizeof mo, .n_threads = 1};
    __atomic_store_n(&o->ready, 1, __ATOMIC_RELEASE);
    double start = check_seconds();
    o->open = lutra_model_open(&m, path, &mo, &err);
    o->seconds = check_seconds() - start;
    memcpy(o->msg, err.msg, sizeof o->msg);
    if (m) generate(o, m);
    lutra_model_free(m);
}

static pid_t start_victim(void)
{
    memset(outcome, 0, sizeof *outcome);
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0) return pid;
    struct rlimit core = {0, 0};
    setrlimit(RLIMIT_CORE, &core);
    alarm(HANG_SECONDS);
    victim();
#if HOSTILE_SANITIZED
    free(bytes);
    exit(0); /* leaks are looked for */
#else
    _exit(0);
#endif
}

/* The file as it was, last written long ago: any later write shows in its date. */
static void restore(void)
{
    struct timespec old[2];
    clock_gettime(CLOCK_REALTIME, &old[0]);
    old[0].tv_sec -= 1000;
    old[1] = old[0];
    unlink(path);
    if (!tiny_write(path, bytes, size) || utimensat(AT_FDCWD, path, old, 0) != 0)
        hostile_die("cannot restore the file");
}

static void wait_seconds(double s)
{
    struct timespec t = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};
    nanosleep(&t, NULL);
}

static int finish(pid_t pid)
{
    int status = -1;
    if (pid > 0) waitpid(pid, &status, 0);
    return status;
}

static void check_same(void)
{
    CHECK_EQ(outcome->generate, LUTRA_OK);
    CHECK_EQ(outcome->n_ids, reference.n_ids);
    CHECK_MEM(outcome->ids, reference.ids, sizeof reference.ids, 'i');
}

/* ---- cases ---- */

static void check_loading(const struct attack *a)
{
    int failed = 0, rounds = 0;
    bool must_show =
        a->fn == cut_to_nothing || a->fn == overwrite_all; /* else the test tests nothing */
    for (; rounds < ROUNDS || (must_show && !failed && rounds < 20 * ROUNDS); rounds++) {
        restore();
        uint64_t random = check_rand();
        double delay = load_seconds * (double)check_rand_float(0.0f, 1.1f);
        pid_t pid = start_victim();
        while (pid > 0 && !__atomic_load_n(&outcome->ready, __ATOMIC_ACQUIRE)) wait_seconds(20e-6);
        wait_seconds(delay);
        a->fn(random);
        CHECK_EQ(finish(pid), 0);
        failed += outcome->open != LUTRA_OK;
        if (outcome->open == LUTRA_OK && a->seen) check_same();
        if (outcome->open == LUTRA_OK) continue;
        CHECK(plain_line(outcome->msg));
        CHECK(strstr(outcome->msg, "live.gguf") != NULL);
        CHECK(outcome->open == LUTRA_EIO || outcome->open == LUTRA_EFORMAT ||
              outcome->open == LUTRA_EUNSUPPORTED);
    }
    printf("  %-22s %2d of %d loads refused\n", a->name, failed, rounds);
    CHECK(!must_show || failed > 0);
}

static void check_generating(const struct attack *a)
{
    restore();
    while_generating = a;
    CHECK_EQ(finish(start_victim()), 0);
    while_generating = NULL;
    CHECK_EQ(outcome->open, LUTRA_OK);
    check_same();
}

static pid_t start_program(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0) return pid;
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0) _exit(99);
    alarm(HANG_SECONDS);
    execl(program, program, "run", "-m", path, "-p", "the", "-n", "4", "-t", "1", "--temp", "0",
          (char *)NULL);
    _exit(98);
}

static void check_program(const struct attack *a)
{
    for (int i = 0; i < ROUNDS / 2; i++) {
        restore();
        uint64_t random = check_rand();
        pid_t pid = start_program();
        wait_seconds(load_seconds * (double)check_rand_float(0.0f, 1.6f));
        a->fn(random);
        int status = finish(pid), code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (code != 0 && code != 1 && code != 3 && code != 4) {
            printf("  wait status %d\n", status);
            CHECK(!"exit code 0, 1, 3 or 4");
        }
    }
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

static void check_undisturbed(void)
{
    restore();
    CHECK_EQ(finish(start_victim()), 0);
    load_seconds = outcome->seconds;
    CHECK_EQ(outcome->open, LUTRA_OK);
    CHECK_EQ(outcome->generate, LUTRA_OK);
    CHECK_EQ(outcome->n_ids, TOKENS);
    reference = *outcome;
    printf("  %.1f MB, loads in %.0f ms\n", (double)size * 1e-6, load_seconds * 1e3);
}

int main(int argc, char **argv)
{
    char name[100];
    check_init(argc, argv, "test_live");
    find_program(argv[0]);
    snprintf(path, sizeof path, "%s/live.gguf", check_tmp());
    outcome =
        mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outcome == MAP_FAILED) hostile_die("no shared memory");
    tiny_save(&big, path);
    size = tiny_read(path, &bytes);
    check_case("undisturbed"); /* whatever --only says: the others compare with it */
    check_undisturbed();
    for (int i = 0; i < N_ATTACKS; i++) {
        snprintf(name, sizeof name, "loading: %s", attacks[i].name);
        CHECK_CASE(name) check_loading(&attacks[i]);
        snprintf(name, sizeof name, "generating: %s", attacks[i].name);
        CHECK_CASE(name) check_generating(&attacks[i]);
        snprintf(name, sizeof name, "program: %s", attacks[i].name);
        CHECK_CASE(name)
        {
            if (program[0])
                check_program(&attacks[i]);
            else
                check_skip("no lutra beside this test and in LUTRA");
        }
    }
    free(bytes);
    munmap(outcome, sizeof *outcome);
    return check_done();
}
