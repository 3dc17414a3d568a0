/* SPDX-License-Identifier: MIT */
/* Cancelled by another thread after a few tokens, then resumed: prints the text of 32 tokens, the same as
 * without a stop (`cancel FILE 1`). */
#include <lutra.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct app {
    lutra_session *s;
    int n_tokens, asked, stop_at;
    pthread_mutex_t lock;
    pthread_cond_t ready;
};

static int show(void *user, const char *text, size_t n)
{
    (void)user;
    return fwrite(text, 1, n, stdout) != n;
}

static int count(void *user, int32_t id)
{
    struct app *a = (struct app *)user;
    (void)id;
    pthread_mutex_lock(&a->lock);
    a->n_tokens++;
    pthread_cond_broadcast(&a->ready);
    /* wait for the other thread, so that the stop comes where the test expects it */
    while (a->n_tokens == a->stop_at && !a->asked) pthread_cond_wait(&a->ready, &a->lock);
    pthread_mutex_unlock(&a->lock);
    return 0;
}

static void *stopper(void *user)
{
    struct app *a = (struct app *)user;
    pthread_mutex_lock(&a->lock);
    while (a->n_tokens < a->stop_at) pthread_cond_wait(&a->ready, &a->lock);
    lutra_session_cancel(a->s);
    a->asked = 1;
    pthread_cond_broadcast(&a->ready);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

int main(int argc, char **argv)
{
    enum { TOTAL = 32 };
    struct app a = {NULL, 0, 0, argc > 2 ? -1 : 5, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
    lutra_error err;
    lutra_model *m = NULL;
    lutra_stop why = LUTRA_STOP_END;
    int32_t *ids = NULL;
    size_t n;
    pthread_t t;
    lutra_generate_options g = {sizeof(g), NULL, TOTAL, 0, NULL, 0, show, count, &a, NULL, 0};
    if (argc < 2 || lutra_model_open(&m, argv[1], NULL, &err) || lutra_session_open(&a.s, m, NULL, &err) ||
        lutra_tokenize(m, "KING", 4, LUTRA_ADD_SPECIAL, &ids, &n, &err) || lutra_session_feed(a.s, ids, (int)n, &err))
        return 1;
    if (a.stop_at > 0 && pthread_create(&t, NULL, stopper, &a)) return 1;
    if (lutra_generate(a.s, &g, &why, &err)) return 1;
    if (a.stop_at > 0) {
        pthread_join(t, NULL);
        if (why != LUTRA_STOP_CALLER || a.n_tokens > a.stop_at + 1) return 2; /* within one token */
        g.n_predict = TOTAL - a.n_tokens;
        if (lutra_generate(a.s, &g, &why, &err)) return 1;
    }
    putchar('\n');
    lutra_free(ids);
    lutra_session_free(a.s);
    lutra_model_free(m);
    return a.n_tokens != TOTAL;
}
