/* SPDX-License-Identifier: MIT */
/* Eight sessions of one model in eight threads: prints the text of each, the same as one after the
 * other would (`eight FILE 1`). */
#include <lutra.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 8, ROOM = 4096 };

struct worker {
    const lutra_model *m;
    int index;
    char text[ROOM];
    size_t n;
    int bad;
    lutra_error err;
};

static int add(void *user, const char *text, size_t n)
{
    struct worker *w = (struct worker *)user;
    if (n > ROOM - w->n) return 1;
    memcpy(w->text + w->n, text, n);
    w->n += n;
    return 0;
}

static void *work(void *arg)
{
    struct worker *w = (struct worker *)arg;
    lutra_session *s = NULL;
    int32_t *ids = NULL;
    size_t n;
    char prompt[32];
    lutra_sampling sampling;
    lutra_session_options so = {sizeof(so), 256, 0, 1, 1};
    lutra_generate_options g = {sizeof(g), &sampling, 32, 0, NULL, 0, add, NULL, w, NULL, 0};
    sampling.size = sizeof sampling;
    lutra_sampling_default(&sampling);
    sampling.seed = (uint64_t)w->index;
    snprintf(prompt, sizeof prompt, "KING %d:", w->index);
    w->bad = lutra_session_open(&s, w->m, &so, &w->err) ||
             lutra_tokenize(w->m, prompt, strlen(prompt), LUTRA_ADD_SPECIAL, &ids, &n, &w->err) ||
             lutra_session_feed(s, ids, (int)n, &w->err) || lutra_generate(s, &g, NULL, &w->err);
    lutra_free(ids);
    lutra_session_free(s);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct worker w[WORKERS];
    pthread_t t[WORKERS];
    lutra_error err;
    lutra_model *m = NULL;
    int in_turn = argc > 2, bad = 0;
    if (argc < 2 || lutra_model_open(&m, argv[1], NULL, &err)) return 1;
    for (int i = 0; i < WORKERS; i++) {
        w[i].m = m;
        w[i].index = i;
        if (in_turn) work(&w[i]);
        else if (pthread_create(&t[i], NULL, work, &w[i])) exit(1);
    }
    for (int i = 0; i < WORKERS; i++) {
        if (!in_turn) pthread_join(t[i], NULL);
        printf("%d: %.*s\n", i, (int)w[i].n, w[i].text);
        if (w[i].bad) fprintf(stderr, "%s\n", w[i].err.msg);
        bad |= w[i].bad;
    }
    lutra_model_free(m);
    return bad;
}
