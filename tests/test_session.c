/* SPDX-License-Identifier: MIT */
/* Sessions through lutra.h: the same bits however tokens arrive, clear errors, stop rules, cancelling. */
#include "runtime/lutra.h"
#include "tests/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char tiny[] = "tests/data/tiny-verse-ternary.gguf";
static lutra_model *model;
static lutra_error err;
static int32_t *ids;
static size_t n_ids;
static int n_vocab;

static lutra_session *open_session(int n_ctx, int n_batch, int n_threads)
{
    lutra_session *s = NULL;
    lutra_session_options o = {.size = sizeof o, .n_ctx = n_ctx, .n_batch = n_batch, .n_threads = n_threads};
    CHECK_EQ(lutra_session_open(&s, model, &o, &err), LUTRA_OK);
    return s;
}

static void same_bits_however_fed(void)
{
    lutra_session *whole = open_session(128, 0, 1);
    CHECK_EQ(lutra_session_feed(whole, ids, (int)n_ids, &err), LUTRA_OK);
    const struct {
        int n_batch, n_threads;
    } ways[] = {{1, 1}, {2, 2}, {3, 4}, {7, 1}, {512, 3}};
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        lutra_session *s = open_session(128, ways[w].n_batch, ways[w].n_threads);
        CHECK_EQ(lutra_session_feed(s, ids, (int)n_ids, &err), LUTRA_OK);
        CHECK_MEM(lutra_session_logits(s), lutra_session_logits(whole), (size_t)n_vocab * sizeof(float), 'f');
        lutra_session_free(s);
    }
    lutra_session_free(whole);
}

static void same_bits_after_a_cache_hit(void)
{
    lutra_session *fresh = open_session(128, 0, 1), *used = open_session(128, 0, 2);
    int32_t other[64];
    int reused = -1;
    memcpy(other, ids, 20 * sizeof *ids);
    for (int i = 10; i < 20; i++) other[i] = (other[i] + 5) % n_vocab;
    CHECK_EQ(lutra_session_sync(used, other, 20, &reused, &err), LUTRA_OK);
    CHECK_EQ(reused, 0);
    CHECK_EQ(lutra_session_sync(used, ids, (int)n_ids, &reused, &err), LUTRA_OK);
    CHECK_EQ(reused, 10);
    CHECK_EQ(lutra_session_feed(fresh, ids, (int)n_ids, &err), LUTRA_OK);
    CHECK_MEM(lutra_session_logits(used), lutra_session_logits(fresh), (size_t)n_vocab * sizeof(float), 'f');
    /* everything there already: the last token is fed again, so that logits are fresh */
    CHECK_EQ(lutra_session_sync(used, ids, (int)n_ids, &reused, &err), LUTRA_OK);
    CHECK_EQ(reused, (int)n_ids - 1);
    CHECK_MEM(lutra_session_logits(used), lutra_session_logits(fresh), (size_t)n_vocab * sizeof(float), 'f');
    lutra_session_free(fresh);
    lutra_session_free(used);
}

static void bad_arguments(void)
{
    lutra_session *s = open_session(32, 0, 1);
    int32_t bad[3] = {1, -1, 2};
    lutra_generate_options g = {.size = sizeof g};
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_EINVAL); /* nothing fed yet */
    CHECK(lutra_session_logits(s) == NULL);
    CHECK_EQ(lutra_session_feed(s, bad, 3, &err), LUTRA_EINVAL);
    bad[1] = n_vocab;
    CHECK_EQ(lutra_session_feed(s, bad, 3, &err), LUTRA_EINVAL);
    CHECK(strstr(err.msg, "ids are 0..") != NULL);
    CHECK_EQ(lutra_session_length(s), 0);
    CHECK_EQ(lutra_session_feed(s, ids, 33, &err), LUTRA_EFULL);
    CHECK_EQ(lutra_session_feed(s, NULL, 1, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_feed(s, ids, -1, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_session_truncate(s, 1, &err), LUTRA_EINVAL);
    g.size = 3;
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_EINVAL);
    lutra_session_options o = {.size = 1};
    lutra_session *none = s;
    CHECK_EQ(lutra_session_open(&none, model, &o, &err), LUTRA_EINVAL);
    CHECK(none == NULL);
    CHECK_EQ(lutra_session_open(NULL, model, NULL, NULL), LUTRA_EINVAL);
    /* still usable */
    CHECK_EQ(lutra_session_feed(s, ids, 32, &err), LUTRA_OK);
    lutra_session_free(s);
    lutra_session_free(NULL);
    lutra_model_free(NULL);
}

/* ---- generate ---- */

struct text {
    char s[8192];
    size_t n;
    int tokens, stop_after;
};

static int on_text(void *user, const char *utf8, size_t n)
{
    struct text *t = user;
    if (t->n + n < sizeof t->s) memcpy(t->s + t->n, utf8, n);
    t->n += n;
    t->s[t->n < sizeof t->s ? t->n : sizeof t->s - 1] = 0;
    return t->stop_after > 0 && t->tokens >= t->stop_after;
}

static int on_token(void *user, int32_t id)
{
    (void)id;
    ((struct text *)user)->tokens++;
    return 0;
}

static lutra_stop generate(lutra_session *s, struct text *t, int n_predict, const char *stop)
{
    lutra_stop why = 0;
    lutra_sampling greedy;
    lutra_sampling_default(&greedy);
    greedy.temp = 0;
    lutra_generate_options g = {.size = sizeof g, .sampling = &greedy, .n_predict = n_predict, .on_text = on_text,
                                .on_token = on_token, .user = t, .stop = &stop, .n_stop = stop != NULL};
    CHECK_EQ(lutra_generate(s, &g, &why, &err), LUTRA_OK);
    return why;
}

static void stop_rules(void)
{
    static struct text all, part;
    lutra_session *s = open_session(128, 0, 1);
    CHECK_EQ(lutra_session_feed(s, ids, 12, &err), LUTRA_OK);
    CHECK_EQ(generate(s, &all, 40, NULL), LUTRA_STOP_LENGTH);
    CHECK_EQ(all.tokens, 40);
    CHECK_EQ(lutra_session_length(s), 52);

    /* a stop string in the middle of what was just said ends the same answer right before it */
    char stop[8];
    CHECK(all.n > 60);
    memcpy(stop, all.s + all.n / 2, 6);
    stop[6] = 0;
    size_t at = (size_t)(strstr(all.s, stop) - all.s);
    CHECK_EQ(lutra_session_truncate(s, 0, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_feed(s, ids, 12, &err), LUTRA_OK);
    CHECK_EQ(generate(s, &part, 40, stop), LUTRA_STOP_STRING);
    CHECK_EQ(part.n, at);
    CHECK(memcmp(part.s, all.s, at) == 0);

    memset(&part, 0, sizeof part);
    part.stop_after = 3;
    CHECK_EQ(lutra_session_sync(s, ids, 12, NULL, &err), LUTRA_OK);
    CHECK_EQ(generate(s, &part, 40, NULL), LUTRA_STOP_CALLER);
    CHECK_EQ(part.tokens, 3);

    memset(&part, 0, sizeof part);
    CHECK_EQ(lutra_session_sync(s, ids, 12, NULL, &err), LUTRA_OK);
    lutra_session_cancel(s);
    CHECK_EQ(generate(s, &part, 40, NULL), LUTRA_STOP_CALLER);
    CHECK_EQ(part.tokens, 0);
    CHECK_EQ(generate(s, &part, 5, NULL), LUTRA_STOP_LENGTH); /* cancelling holds once */
    lutra_session_free(s);
}

static void full_context(void)
{
    static struct text t;
    lutra_session *s = open_session(20, 0, 1);
    CHECK_EQ(lutra_session_feed(s, ids, 12, &err), LUTRA_OK);
    CHECK_EQ(generate(s, &t, 0, NULL), LUTRA_STOP_FULL);
    CHECK_EQ(lutra_session_length(s), 20);
    CHECK_EQ(t.tokens, 9); /* the ninth is chosen and said, but has no room any more */
    CHECK_EQ(lutra_session_feed(s, ids, 1, &err), LUTRA_EFULL);
    lutra_session_free(s);
}

static void cancelled_feed(void)
{
    lutra_session *s = open_session(128, 4, 1);
    lutra_session_cancel(s);
    CHECK_EQ(lutra_session_feed(s, ids, 12, &err), LUTRA_ECANCEL);
    CHECK_EQ(lutra_session_length(s), 0);
    CHECK_EQ(lutra_session_feed(s, ids, 12, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_length(s), 12);
    lutra_session_free(s);
}

static int cancel_load(void *user, double fraction)
{
    CHECK(fraction >= 0.0 && fraction <= 1.0);
    return ++*(int *)user == 3;
}

static void loading(void)
{
    lutra_model *m;
    int calls = 0;
    lutra_model_options o = {.size = sizeof o, .on_progress = cancel_load, .user = &calls};
    CHECK_EQ(lutra_model_open(&m, tiny, &o, &err), LUTRA_ECANCEL);
    CHECK(m == NULL);
    CHECK_EQ(calls, 3);
    o = (lutra_model_options){.size = sizeof o, .cpu = "no such level"};
    CHECK_EQ(lutra_model_open(&m, tiny, &o, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_model_open(&m, "no/such/file", NULL, &err), LUTRA_EIO);
    CHECK(strstr(err.msg, "no/such/file") != NULL);
    CHECK_EQ(lutra_model_open(&m, NULL, NULL, NULL), LUTRA_EINVAL);
    lutra_model_info info = {.size = sizeof info};
    CHECK_EQ(lutra_model_describe(model, &info), LUTRA_OK);
    CHECK_STR(info.self_test, "ok");
    CHECK_STR(info.arch, "bitnet-b1.58");
    CHECK_STR(info.type_name, "TQ2_0");
    lutra_plan plan = {.size = sizeof plan};
    CHECK_EQ(lutra_plan_file(&plan, tiny, NULL, NULL, &err), LUTRA_OK);
    CHECK(info.weight_bytes <= plan.weights);
    CHECK_EQ(plan.vocab, info.vocab_bytes);
    CHECK_EQ(plan.n_ctx, 256);
}

int main(int argc, char **argv)
{
    static const char text[] = "Now is the winter of our discontent made glorious summer by this sun of York, and all the clouds";
    check_init(argc, argv, "test_session");
    lutra_model_options o = {.size = sizeof o, .cpu = check_cpu()};
    if (lutra_model_open(&model, tiny, &o, &err) != LUTRA_OK ||
        lutra_tokenize(model, text, strlen(text), LUTRA_ADD_SPECIAL, &ids, &n_ids, &err) != LUTRA_OK) {
        CHECK_CASE("load") CHECK(!"the tiny model loads");
        return check_done();
    }
    lutra_model_info info = {.size = sizeof info};
    lutra_model_describe(model, &info);
    n_vocab = info.n_vocab;
    CHECK_CASE("same bits however fed") same_bits_however_fed();
    CHECK_CASE("same bits after a cache hit") same_bits_after_a_cache_hit();
    CHECK_CASE("bad arguments") bad_arguments();
    CHECK_CASE("stop rules") stop_rules();
    CHECK_CASE("full context") full_context();
    CHECK_CASE("cancelled feed") cancelled_feed();
    CHECK_CASE("loading") loading();
    lutra_free(ids);
    lutra_model_free(model);
    return check_done();
}
