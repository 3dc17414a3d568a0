/* SPDX-License-Identifier: MIT */
/* lutra.h in the hands of a careless program: wrong arguments and sizes to every function, one session used by several
 * threads, callbacks that stop, cancel or call back, sessions and models freed in any order. Statuses and messages,
 * never a crash, and everything usable after. Clean under -fsanitize=thread too. */
#include "runtime/lutra.h"
#include "tests/check.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char verse[] = "tests/data/tiny-verse-ternary.gguf";
static const char prompt[] = "Now is the winter of our discontent made glorious summer";
static lutra_model *model;
static lutra_error err;
static int32_t *ids;
static size_t n_ids;
static int n_vocab, n_embd;

static lutra_session *open_session(int n_ctx, int n_threads)
{
    lutra_session *s = NULL;
    lutra_session_options o = {.size = sizeof o, .n_ctx = n_ctx, .n_batch = 8, .n_threads = n_threads};
    CHECK_EQ(lutra_session_open(&s, model, &o, &err), LUTRA_OK);
    return s;
}

/* Ids and text of an answer, and what a callback should do when. */
struct answer {
    int32_t ids[256];
    int n, at; /* do it when the at-th id comes */
    void (*act)(struct answer *a);
    lutra_session *s;
    char text[4096];
    size_t len;
    int stop_text, bad_text;
    lutra_status inner;
};

static bool is_utf8(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s, *end = p + n;
    while (p < end) {
        int more = *p < 0x80 ? 0 : *p >= 0xc2 && *p <= 0xdf ? 1 : (*p & 0xf0) == 0xe0 ? 2 : *p >= 0xf0 && *p <= 0xf4 ? 3 : -1;
        if (more < 0 || end - p <= more) return false;
        if (*p == 0xe0 && p[1] < 0xa0) return false;
        if (*p == 0xed && p[1] > 0x9f) return false;
        if (*p == 0xf0 && p[1] < 0x90) return false;
        if (*p == 0xf4 && p[1] > 0x8f) return false;
        for (int i = 1; i <= more; i++)
            if ((p[i] & 0xc0) != 0x80) return false;
        p += more + 1;
    }
    return true;
}

static int on_text(void *user, const char *utf8, size_t n)
{
    struct answer *a = user;
    a->bad_text += n == 0 || !is_utf8(utf8, n);
    if (a->len + n < sizeof a->text) memcpy(a->text + a->len, utf8, n);
    a->len += n;
    return a->stop_text;
}

static int on_token(void *user, int32_t id)
{
    struct answer *a = user;
    if (a->n < 256) a->ids[a->n] = id;
    a->n++;
    if (a->act && a->n == a->at) a->act(a);
    return 0;
}

static lutra_status generate(lutra_session *s, struct answer *a, int n, float temp, uint64_t seed, lutra_stop *why)
{
    lutra_sampling p;
    lutra_sampling_default(&p);
    p.temp = temp;
    p.seed = seed;
    if (temp > 3) p.top_k = 0, p.top_p = 1, p.min_p = 0; /* any token at all */
    lutra_generate_options g = {.size = sizeof g, .sampling = &p, .n_predict = n, .ignore_end = 1, .on_text = on_text,
                                .on_token = on_token, .user = a};
    a->s = s;
    return lutra_generate(s, &g, why, &err);
}

/* ---- arguments ---- */

static void null_arguments(void)
{
    lutra_session *s = open_session(64, 1);
    lutra_model *m = model;
    lutra_plan plan = {.size = sizeof plan};
    lutra_model_info info = {.size = sizeof info};
    lutra_stats stats = {.size = sizeof stats};
    lutra_generate_options g = {.size = sizeof g};
    lutra_chat_message msg = {NULL, NULL, 0};
    int32_t *out = NULL, id = 1;
    size_t n = 0;
    float v[8];
    CHECK_EQ(lutra_model_open(NULL, verse, NULL, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_model_open(&m, NULL, NULL, &err), LUTRA_EINVAL);
    CHECK(m == NULL);
    CHECK_EQ(lutra_model_describe(NULL, &info), LUTRA_EINVAL);
    CHECK_EQ(lutra_model_describe(model, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_plan_file(NULL, verse, NULL, NULL, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_plan_file(&plan, NULL, NULL, NULL, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_tokenize(NULL, "a", 1, 0, &out, &n, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_tokenize(model, NULL, 1, 0, &out, &n, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_tokenize(model, "a", 1, 0, NULL, &n, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_tokenize(model, "a", 1, 0, &out, NULL, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_tokenize(model, NULL, 0, 0, &out, &n, &err), LUTRA_OK);
    CHECK_EQ(n, 0);
    lutra_free(out);
    CHECK_EQ(lutra_token_bytes(NULL, 0, 0, NULL, 0), 0);
    CHECK_EQ(lutra_token_is_end(NULL, 0), 0);
    CHECK_EQ(lutra_chat_tokenize(NULL, &msg, 1, 1, &out, &n, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_chat_tokenize(model, NULL, 1, 1, &out, &n, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_chat_tokenize(model, &msg, -1, 1, &out, &n, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_chat_tokenize(model, &msg, 1, 1, NULL, &n, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_open(NULL, model, NULL, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_feed(NULL, &id, 1, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_sync(NULL, &id, 1, NULL, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_sync(s, NULL, 1, NULL, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_sync(s, &id, -1, NULL, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_truncate(NULL, 0, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_truncate(s, -1, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_truncate(s, INT_MAX, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_length(NULL), 0);
    CHECK_EQ(lutra_session_n_ctx(NULL), 0);
    CHECK(lutra_session_logits(NULL) == NULL);
    CHECK_EQ(lutra_session_stats(NULL, &stats), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_stats(s, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_generate(NULL, &g, NULL, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_generate(s, NULL, NULL, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_embed(NULL, &id, 1, NULL, v, 8, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_embed(s, NULL, 1, NULL, v, 8, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_embed(s, &id, 1, NULL, NULL, 8, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_embed(s, &id, 1, NULL, v, 8, &err), LUTRA_EINVAL); /* no room */
    lutra_session_cancel(NULL);
    lutra_session_on_progress(NULL, NULL, NULL);
    lutra_session_free(NULL);
    lutra_model_free(NULL);
    lutra_free(NULL);
    lutra_sampling_default(NULL);
    lutra_model_sampling(NULL, NULL);
    CHECK(lutra_threads_default(NULL, 0) >= 1);
    CHECK_STR(lutra_status_name((lutra_status)-1), "unknown status");
    CHECK_STR(lutra_version(), LUTRA_VERSION);
    CHECK_EQ(lutra_session_feed(s, ids, 4, NULL), LUTRA_OK);
    CHECK_EQ(lutra_session_feed(s, ids, 0, &err), LUTRA_OK);
    lutra_session_free(s);
}

static void ranges(void)
{
    lutra_model *m;
    lutra_session *s = open_session(64, 1), *none;
    const int bad_threads[] = {-1, 257, INT_MAX, INT_MIN};
    for (int i = 0; i < 4; i++) {
        lutra_model_options o = {.size = sizeof o, .n_threads = bad_threads[i]};
        CHECK_EQ(lutra_model_open(&m, verse, &o, &err), LUTRA_EINVAL);
        lutra_session_options so = {.size = sizeof so, .n_threads = bad_threads[i]};
        CHECK_EQ(lutra_session_open(&none, model, &so, &err), LUTRA_EINVAL);
        so = (lutra_session_options){.size = sizeof so, .n_threads_batch = bad_threads[i]};
        CHECK_EQ(lutra_session_open(&none, model, &so, &err), LUTRA_EINVAL);
        so = (lutra_session_options){.size = sizeof so, .n_batch = i < 2 ? -1 : 65537};
        CHECK_EQ(lutra_session_open(&none, model, &so, &err), LUTRA_EINVAL);
    }
    lutra_session_options huge = {.size = sizeof huge, .n_ctx = INT_MAX};
    CHECK_EQ(lutra_session_open(&none, model, &huge, &err), LUTRA_ENOMEM);
    huge.n_ctx = -1;
    CHECK_EQ(lutra_session_open(&none, model, &huge, &err), LUTRA_EINVAL);
    lutra_model_options wrong[5];
    for (int i = 0; i < 5; i++) wrong[i] = (lutra_model_options){.size = sizeof *wrong};
    wrong[0].precision = (lutra_precision_mode)7;
    wrong[1].kernels = (lutra_kernels)-1;
    wrong[2].head = (lutra_head)99;
    wrong[3].i2s_layout = (lutra_i2s)3;
    wrong[4].template_kwargs = "{\"a\": ";
    for (int i = 0; i < 5; i++) CHECK_EQ(lutra_model_open(&m, verse, &wrong[i], &err), LUTRA_EINVAL);
    const int32_t bad_ids[] = {-1, n_vocab, INT32_MAX, INT32_MIN};
    float *v = malloc((size_t)n_embd * sizeof *v);
    char piece[8];
    for (int i = 0; i < 4; i++) {
        int32_t two[2] = {3, bad_ids[i]};
        CHECK_EQ(lutra_session_feed(s, two, 2, &err), LUTRA_EINVAL);
        CHECK_EQ(lutra_session_sync(s, two, 2, NULL, &err), LUTRA_EINVAL);
        CHECK_EQ(lutra_embed(s, two, 2, NULL, v, (size_t)n_embd, &err), LUTRA_EINVAL);
        CHECK_EQ(lutra_token_bytes(model, bad_ids[i], 1, piece, sizeof piece), 0);
        CHECK_EQ(lutra_token_is_end(model, bad_ids[i]), 0);
    }
    free(v);
    lutra_sampling p;
    lutra_sampling_default(&p);
    lutra_generate_options g = {.size = sizeof g, .sampling = &p, .n_predict = 2};
    CHECK_EQ(lutra_session_feed(s, ids, 4, &err), LUTRA_OK);
    p.temp = (float)(1e300 * 1e300);
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_EINVAL);
    lutra_sampling_default(&p);
    p.repeat_penalty = 0;
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_EINVAL);
    lutra_sampling_default(&p);
    p.repeat_last_n = -2;
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_EINVAL);
    lutra_sampling_default(&p);
    const char *nothing = NULL;
    g.stop = &nothing;
    g.n_stop = 1;
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_EINVAL);
    g.n_stop = -1;
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_EINVAL);
    g.n_stop = INT_MAX;
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_EINVAL);
    g.n_stop = 0;
    g.grammar = "root ::= \"yes\"";
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_EUNSUPPORTED);
    CHECK(strstr(err.msg, "grammar") != NULL);
    g.grammar = NULL;
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_length(s), 6);
    lutra_session_free(s);
}

/* ---- sizes of structs ---- */

/* A struct of `n` bytes of which the first say `size`, right before a page that cannot be read. */
static void *sized(size_t n, size_t size)
{
    unsigned char *p = check_guard(n, 8);
    memset(p, 0, n);
    memcpy(p, &size, sizeof size);
    return p;
}

static void sizes(void)
{
    const size_t never[] = {0, 1, 4, 9, 1000, SIZE_MAX};
    lutra_session *s = open_session(64, 1), *opened;
    lutra_model *m;
    CHECK_EQ(lutra_session_feed(s, ids, 4, &err), LUTRA_OK);
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        void *p = sized(sizeof(size_t), never[i]);
        float v;
        CHECK_EQ(lutra_model_open(&m, verse, p, &err), LUTRA_EINVAL);
        CHECK(strstr(err.msg, "lutra_model_options: size is") != NULL);
        CHECK_EQ(lutra_session_open(&opened, model, p, &err), LUTRA_EINVAL);
        CHECK_EQ(lutra_generate(s, p, NULL, &err), LUTRA_EINVAL);
        CHECK_EQ(lutra_embed(s, ids, 1, p, &v, 1, &err), LUTRA_EINVAL);
        CHECK_EQ(lutra_model_describe(model, p), LUTRA_EINVAL);
        CHECK_EQ(lutra_session_stats(s, p), LUTRA_EINVAL);
        CHECK_EQ(lutra_plan_file(p, verse, NULL, NULL, &err), LUTRA_EINVAL);
        lutra_plan plan = {.size = sizeof plan};
        CHECK_EQ(lutra_plan_file(&plan, verse, p, NULL, &err), LUTRA_EINVAL);
        CHECK_EQ(lutra_plan_file(&plan, verse, NULL, p, &err), LUTRA_EINVAL);
        lutra_generate_options g = {.size = sizeof g, .n_predict = 1, .sampling = p};
        CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_EINVAL);
        check_guard_free(p);
    }
    lutra_session_free(s);
}

/* Programs compiled with the header of 0.1.0's first days: nothing behind their structs is read or written. */
static void older_sizes(void)
{
    lutra_model *m = NULL;
    lutra_session *s = NULL;
    void *p = sized(offsetof(lutra_model_options, on_log), offsetof(lutra_model_options, on_log));
    CHECK_EQ(lutra_model_open(&m, verse, p, &err), LUTRA_OK);
    check_guard_free(p);
    p = sized(offsetof(lutra_model_info, encoder), offsetof(lutra_model_info, encoder));
    CHECK_EQ(lutra_model_describe(m, p), LUTRA_OK);
    const lutra_model_info *info = p; /* its last member of that time */
    CHECK_EQ(info->size, offsetof(lutra_model_info, encoder));
    CHECK_STR(info->arch, "bitnet-b1.58");
    CHECK(info->load_seconds > 0);
    check_guard_free(p);
    CHECK_EQ(lutra_session_open(&s, m, NULL, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_feed(s, ids, 4, &err), LUTRA_OK);
    p = sized(offsetof(lutra_generate_options, grammar), offsetof(lutra_generate_options, grammar));
    ((lutra_generate_options *)p)->n_predict = 3;
    ((lutra_generate_options *)p)->ignore_end = 1;
    CHECK_EQ(lutra_generate(s, p, NULL, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_length(s), 7);
    check_guard_free(p);
    lutra_session_free(s);
    lutra_model_free(m);
}

/* ---- text ---- */

static void large_and_wild_text(void)
{
    size_t len = 10u << 20, n;
    char *text = malloc(len), piece[256], *back;
    int32_t *out;
    lutra_session *s = open_session(64, 1);
    for (size_t i = 0; i < len; i++) text[i] = "the king of France, and 1234 others.\n"[i % 37];
    CHECK_EQ(lutra_tokenize(model, text, len, 0, &out, &n, &err), LUTRA_OK);
    CHECK(n > 64 && n <= len);
    CHECK_EQ(lutra_session_feed(s, out, (int)n, &err), LUTRA_EFULL);
    CHECK(strstr(err.msg, "do not fit") != NULL);
    CHECK_EQ(lutra_session_length(s), 0);
    CHECK_EQ(lutra_session_sync(s, out, (int)n, NULL, &err), LUTRA_EFULL);
    CHECK_EQ(lutra_session_feed(s, out, 64, &err), LUTRA_OK);
    lutra_free(out);
    /* any bytes at all come back as they were */
    for (size_t i = 0; i < 1u << 20; i++) text[i] = (char)check_rand();
    back = malloc(1u << 20);
    CHECK_EQ(lutra_tokenize(model, text, 1u << 20, 0, &out, &n, &err), LUTRA_OK);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t got = lutra_token_bytes(model, out[i], 0, piece, sizeof piece);
        if (got > sizeof piece || at + got > 1u << 20) break;
        memcpy(back + at, piece, got);
        at += got;
    }
    CHECK_EQ(at, 1u << 20);
    CHECK(memcmp(text, back, at) == 0);
    lutra_free(out);
    free(back);
    free(text);
    lutra_session_free(s);
}

/* Wild temperatures over a vocabulary with all 256 bytes: only whole characters come out. */
static void whole_characters(void)
{
    lutra_session *s = open_session(256, 1);
    int pieces = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        static struct answer a;
        memset(&a, 0, sizeof a);
        CHECK_EQ(lutra_session_sync(s, ids, 6, NULL, &err), LUTRA_OK);
        CHECK_EQ(generate(s, &a, 200, 50.0f, seed, NULL), LUTRA_OK);
        CHECK_EQ(a.bad_text, 0);
        CHECK_EQ(a.n, 200);
        for (int i = 0; i < a.n; i++) {
            char b[8];
            pieces += lutra_token_bytes(model, a.ids[i], 0, b, 8) == 1 && (b[0] & 0x80);
        }
    }
    CHECK(pieces > 100); /* there were bytes that are no characters */
    lutra_session_free(s);
}

/* ---- stopping ---- */

static void cancel_now(struct answer *a)
{
    lutra_session_cancel(a->s);
}

static lutra_session *for_signal;

static void on_signal(int number)
{
    (void)number;
    lutra_session_cancel(for_signal);
}

static void raise_now(struct answer *a)
{
    for_signal = a->s;
    raise(SIGUSR1);
}

static void *cancel_thread(void *arg)
{
    lutra_session_cancel(arg);
    return NULL;
}

static void cancel_from_thread(struct answer *a)
{
    pthread_t t;
    CHECK_EQ(pthread_create(&t, NULL, cancel_thread, a->s), 0);
    pthread_join(t, NULL);
}

static void one_more_token(void)
{
    void (*const ways[])(struct answer *) = {cancel_now, cancel_from_thread, raise_now};
    static struct answer whole, a;
    lutra_session *s = open_session(128, 2);
    signal(SIGUSR1, on_signal);
    CHECK_EQ(lutra_session_feed(s, ids, 8, &err), LUTRA_OK);
    CHECK_EQ(generate(s, &whole, 60, 0, 0, NULL), LUTRA_OK);
    for (int w = 0; w < 3; w++) {
        lutra_stop why = 0;
        memset(&a, 0, sizeof a);
        a.at = 11;
        a.act = ways[w];
        CHECK_EQ(lutra_session_sync(s, ids, 8, NULL, &err), LUTRA_OK);
        CHECK_EQ(generate(s, &a, 60, 0, 0, &why), LUTRA_OK);
        CHECK_EQ(why, LUTRA_STOP_CALLER);
        CHECK_EQ(a.n, 11); /* the token under way, and no other */
        CHECK_EQ(lutra_session_length(s), 19); /* which is held, as it was shown */
        a.act = NULL;
        CHECK_EQ(generate(s, &a, 49, 0, 0, &why), LUTRA_OK);
        CHECK_EQ(a.n, 60);
        CHECK_MEM(a.ids, whole.ids, 60 * sizeof *a.ids, 'i');
        CHECK_EQ(a.len, whole.len);
        CHECK(memcmp(a.text, whole.text, a.len) == 0);
    }
    signal(SIGUSR1, SIG_DFL);
    memset(&a, 0, sizeof a);
    a.stop_text = 1;
    lutra_stop why = 0;
    CHECK_EQ(lutra_session_sync(s, ids, 8, NULL, &err), LUTRA_OK);
    CHECK_EQ(generate(s, &a, 60, 0, 0, &why), LUTRA_OK);
    CHECK_EQ(why, LUTRA_STOP_CALLER);
    CHECK(a.n <= 2);
    lutra_session_free(s);
}

static int stop_at_16(void *user, int done, int total)
{
    (void)user;
    (void)total;
    return done >= 16;
}

static int cancel_at_16(void *user, int done, int total)
{
    (void)total;
    if (done >= 16) lutra_session_cancel(user);
    return 0;
}

static void stopped_feed(void)
{
    lutra_session *s = open_session(128, 1), *t = open_session(128, 1);
    int32_t many[100];
    for (int i = 0; i < 100; i++) many[i] = (i * 31 + 7) % n_vocab;
    CHECK_EQ(lutra_session_feed(t, many, 100, &err), LUTRA_OK);
    for (int way = 0; way < 2; way++) {
        CHECK_EQ(lutra_session_truncate(s, 0, &err), LUTRA_OK);
        lutra_session_on_progress(s, way ? cancel_at_16 : stop_at_16, s);
        CHECK_EQ(lutra_session_feed(s, many, 100, &err), LUTRA_ECANCEL);
        CHECK_EQ(lutra_session_length(s), 16);
        lutra_session_on_progress(s, NULL, NULL);
        CHECK_EQ(lutra_session_sync(s, many, 100, NULL, &err), LUTRA_OK);
        CHECK_MEM(lutra_session_logits(s), lutra_session_logits(t), (size_t)n_vocab * sizeof(float), 'f');
    }
    lutra_session_free(s);
    lutra_session_free(t);
}

/* ---- calls from callbacks, and from other threads ---- */

static void call_back(struct answer *a)
{
    lutra_stats st = {.size = sizeof st};
    float v[8];
    a->inner = lutra_session_feed(a->s, ids, 1, &err);
    CHECK(strstr(err.msg, "callback") != NULL);
    CHECK_EQ(lutra_session_sync(a->s, ids, 1, NULL, &err), LUTRA_EBUSY);
    CHECK_EQ(lutra_session_truncate(a->s, 0, &err), LUTRA_EBUSY);
    CHECK_EQ(lutra_session_save(a->s, "never-written", &err), LUTRA_EBUSY);
    CHECK_EQ(lutra_session_restore(a->s, "never-read", &err), LUTRA_EBUSY);
    CHECK_EQ(lutra_embed(a->s, ids, 1, NULL, v, 8, &err), LUTRA_EBUSY);
    lutra_generate_options g = {.size = sizeof g};
    CHECK_EQ(lutra_generate(a->s, &g, NULL, &err), LUTRA_EBUSY);
    CHECK_EQ(lutra_session_stats(a->s, &st), LUTRA_OK);
    CHECK_EQ(st.generated_tokens, 4);
    CHECK_EQ(lutra_session_length(a->s), 12);
    CHECK_EQ(lutra_session_n_ctx(a->s), 64);
    CHECK(lutra_session_logits(a->s) != NULL);
}

static void free_now(struct answer *a)
{
    lutra_session_free(a->s);
}

static void from_callbacks(void)
{
    static struct answer a, b;
    lutra_session *s = open_session(64, 1);
    memset(&a, 0, sizeof a);
    a.at = 5;
    a.act = call_back;
    CHECK_EQ(lutra_session_feed(s, ids, 8, &err), LUTRA_OK);
    CHECK_EQ(generate(s, &a, 20, 0, 0, NULL), LUTRA_OK);
    CHECK_EQ(a.inner, LUTRA_EBUSY);
    CHECK_EQ(lutra_session_sync(s, ids, 8, NULL, &err), LUTRA_OK);
    CHECK_EQ(generate(s, &b, 20, 0, 0, NULL), LUTRA_OK);
    CHECK_MEM(a.ids, b.ids, 20 * sizeof *a.ids, 'i');
    /* freed by its own callback: ends soon, and is gone when it returns (a leak checker sees) */
    memset(&a, 0, sizeof a);
    a.at = 3;
    a.act = free_now;
    lutra_stop why = 0;
    CHECK_EQ(lutra_session_sync(s, ids, 8, NULL, &err), LUTRA_OK);
    CHECK_EQ(generate(s, &a, 20, 0, 0, &why), LUTRA_OK);
    CHECK_EQ(why, LUTRA_STOP_CALLER);
    CHECK_EQ(a.n, 3);
}

struct crowd {
    lutra_session *s;
    atomic_int ok, busy, other;
    atomic_bool go;
    char path[300];
};

static void count(struct crowd *c, lutra_status st)
{
    atomic_fetch_add(st == LUTRA_OK ? &c->ok : st == LUTRA_EBUSY ? &c->busy : &c->other, 1);
}

static void *use(void *arg)
{
    struct crowd *c = arg;
    lutra_error e;
    lutra_stats st = {.size = sizeof st};
    lutra_generate_options g = {.size = sizeof g, .n_predict = 2, .ignore_end = 1};
    while (!atomic_load(&c->go)) sched_yield();
    for (int i = 0; i < 60; i++) {
        count(c, lutra_session_sync(c->s, ids, 8 + i % 3, NULL, &e));
        lutra_status s = lutra_generate(c->s, &g, NULL, &e);
        if (s != LUTRA_EINVAL) count(c, s); /* EINVAL: another thread has cut it to nothing */
        count(c, lutra_session_truncate(c->s, 0, &e));
        if (i % 8 == 0) count(c, lutra_session_save(c->s, c->path, &e));
        if (i % 8 == 4) count(c, lutra_session_restore(c->s, c->path, &e));
        count(c, lutra_session_stats(c->s, &st));
        int n = lutra_session_length(c->s);
        if (n < 0 || n > 64 || lutra_session_n_ctx(c->s) != 64) atomic_fetch_add(&c->other, 1);
        lutra_session_on_progress(c->s, NULL, NULL);
    }
    return NULL;
}

static void one_session_many_threads(void)
{
    static struct crowd c;
    pthread_t t[4];
    lutra_session *fresh = open_session(64, 1);
    c.s = open_session(64, 2);
    snprintf(c.path, sizeof c.path, "%s/shared", check_tmp());
    CHECK_EQ(lutra_session_save(c.s, c.path, &err), LUTRA_OK);
    for (int i = 0; i < 4; i++) CHECK_EQ(pthread_create(&t[i], NULL, use, &c), 0);
    atomic_store(&c.go, true);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    printf("  %d calls done, %d refused\n", atomic_load(&c.ok), atomic_load(&c.busy));
    CHECK(atomic_load(&c.ok) > 0);
    CHECK(atomic_load(&c.busy) > 0);
    CHECK_EQ(atomic_load(&c.other), 0);
    CHECK_EQ(lutra_session_sync(c.s, ids, 10, NULL, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_sync(fresh, ids, 10, NULL, &err), LUTRA_OK);
    CHECK_MEM(lutra_session_logits(c.s), lutra_session_logits(fresh), (size_t)n_vocab * sizeof(float), 'f');
    lutra_session_free(c.s);
    lutra_session_free(fresh);
}

/* Freed by another thread in the middle of an answer. */
static void *talk_until_freed(void *arg)
{
    static struct answer a;
    lutra_stop why = 0;
    memset(&a, 0, sizeof a);
    lutra_status st = generate(arg, &a, 0, 0, 0, &why);
    return st == LUTRA_OK && (why == LUTRA_STOP_CALLER || why == LUTRA_STOP_FULL) ? NULL : arg;
}

static void freed_by_another(void)
{
    for (int i = 0; i < 20; i++) {
        pthread_t t;
        void *failed;
        lutra_session *s = open_session(256, 2);
        CHECK_EQ(lutra_session_feed(s, ids, 8, &err), LUTRA_OK);
        CHECK_EQ(pthread_create(&t, NULL, talk_until_freed, s), 0);
        while (lutra_session_length(s) < 9 + i) sched_yield(); /* the answer has begun */
        lutra_session_free(s);
        pthread_join(t, &failed);
        CHECK(failed == NULL);
    }
}

/* ---- eight sessions ---- */

struct one {
    lutra_session *s;
    int number;
    struct answer a;
};

static void *speak(void *arg)
{
    struct one *o = arg;
    lutra_error e;
    lutra_sampling p;
    lutra_sampling_default(&p);
    p.seed = (uint64_t)o->number;
    lutra_generate_options g = {.size = sizeof g, .sampling = &p, .n_predict = 60, .ignore_end = 1, .restart = 1,
                                .on_text = on_text, .on_token = on_token, .user = &o->a};
    o->a.n = 0;
    o->a.len = 0;
    o->a.inner = lutra_session_sync(o->s, ids, 4 + o->number, NULL, &e);
    if (o->a.inner == LUTRA_OK) o->a.inner = lutra_generate(o->s, &g, NULL, &e);
    return NULL;
}

static void eight_sessions(void)
{
    static struct one one[8];
    static struct answer alone[8];
    pthread_t t[8];
    for (int i = 0; i < 8; i++) {
        one[i].s = open_session(96, 1 + i % 2);
        one[i].number = i;
        speak(&one[i]);
        CHECK_EQ(one[i].a.inner, LUTRA_OK);
        alone[i] = one[i].a;
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 8; i++) CHECK_EQ(pthread_create(&t[i], NULL, speak, &one[i]), 0);
        for (int i = 0; i < 8; i++) pthread_join(t[i], NULL);
        for (int i = 0; i < 8; i++) {
            CHECK_EQ(one[i].a.inner, LUTRA_OK);
            CHECK_EQ(one[i].a.n, 60);
            CHECK_MEM(one[i].a.ids, alone[i].ids, 60 * sizeof(int32_t), 'i');
            CHECK_EQ(one[i].a.len, alone[i].len);
            CHECK(memcmp(one[i].a.text, alone[i].text, alone[i].len) == 0);
        }
    }
    for (int i = 0; i < 8; i++) lutra_session_free(one[i].s);
}

static void any_order_of_freeing(void)
{
    lutra_model *m;
    lutra_session *a, *b;
    lutra_model_options o = {.size = sizeof o, .n_threads = 1};
    CHECK_EQ(lutra_model_open(&m, verse, &o, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_open(&a, m, NULL, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_open(&b, m, NULL, &err), LUTRA_OK);
    lutra_model_free(m);
    CHECK_EQ(lutra_session_feed(a, ids, 4, &err), LUTRA_OK);
    lutra_session_free(a);
    CHECK_EQ(lutra_session_feed(b, ids, 4, &err), LUTRA_OK);
    lutra_session_free(b);
}

/* ---- log ---- */

struct lines {
    char all[4000];
    int n, warnings;
};

static void on_log(void *user, int level, const char *line)
{
    struct lines *l = user;
    size_t at = strlen(l->all);
    CHECK(level == LUTRA_LOG_NOTE || level == LUTRA_LOG_WARN);
    CHECK(strchr(line, '\n') == NULL);
    snprintf(l->all + at, sizeof l->all - at, "%s\n", line);
    l->n++;
    l->warnings += level == LUTRA_LOG_WARN;
}

/* The verse model with another id behind one of its keys. */
static bool write_with_id(const char *path, const char *key, uint32_t id)
{
    static unsigned char bytes[1 << 20];
    size_t n, len = strlen(key);
    FILE *f = fopen(verse, "rb");
    if (f == NULL) return false;
    n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t i = 0; i + len + 8 < n; i++) {
        if (memcmp(bytes + i, key, len) != 0) continue;
        memcpy(bytes + i + len + 4, &id, sizeof id); /* behind the value's type */
        f = fopen(path, "wb");
        bool ok = f && fwrite(bytes, 1, n, f) == n;
        return f && fclose(f) == 0 && ok;
    }
    return false;
}

static void logging(void)
{
    struct lines l = {.n = 0};
    char path[300];
    lutra_model *m;
    lutra_model_options o = {.size = sizeof o, .n_threads = 1, .on_log = on_log, .user = &l};
    CHECK_EQ(lutra_model_open(&m, verse, &o, &err), LUTRA_OK);
    lutra_model_free(m);
    CHECK_EQ(l.warnings, 0);
    CHECK(strstr(l.all, "chat template: none") != NULL);
    memset(&l, 0, sizeof l);
    snprintf(path, sizeof path, "%s/dangling.gguf", check_tmp());
    CHECK(write_with_id(path, "tokenizer.ggml.eos_token_id", UINT32_MAX));
    CHECK_EQ(lutra_model_open(&m, path, &o, &err), LUTRA_OK);
    lutra_model_free(m);
    CHECK_EQ(l.warnings, 1);
    CHECK(strstr(l.all, "eos_token_id is 4294967295, but tokens are 0..1023") != NULL);
    CHECK_EQ(lutra_model_open(&m, "no/such/file", &o, &err), LUTRA_EIO);
    CHECK_EQ(l.warnings, 1);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_api");
    lutra_model_options o = {.size = sizeof o, .cpu = check_cpu()};
    lutra_model_info info = {.size = sizeof info};
    if (lutra_model_open(&model, verse, &o, &err) != LUTRA_OK || lutra_model_describe(model, &info) != LUTRA_OK ||
        lutra_tokenize(model, prompt, sizeof prompt - 1, LUTRA_ADD_SPECIAL, &ids, &n_ids, &err) != LUTRA_OK) {
        CHECK_CASE("load") CHECK(!"the tiny model loads");
        return check_done();
    }
    n_vocab = info.n_vocab;
    n_embd = info.n_embd;
    CHECK_CASE("enough tokens") CHECK(n_ids >= 12);
    CHECK_CASE("null arguments") null_arguments();
    CHECK_CASE("ranges") ranges();
    CHECK_CASE("sizes of structs") sizes();
    CHECK_CASE("older sizes") older_sizes();
    CHECK_CASE("large and wild text") large_and_wild_text();
    CHECK_CASE("whole characters") whole_characters();
    CHECK_CASE("cancelled within a token, resumed") one_more_token();
    CHECK_CASE("stopped feed") stopped_feed();
    CHECK_CASE("calls from callbacks") from_callbacks();
    CHECK_CASE("one session, many threads") one_session_many_threads();
    CHECK_CASE("freed by another thread") freed_by_another();
    CHECK_CASE("eight sessions at once") eight_sessions();
    CHECK_CASE("any order of freeing") any_order_of_freeing();
    CHECK_CASE("log") logging();
    lutra_free(ids);
    lutra_model_free(model);
    return check_done();
}
