/* SPDX-License-Identifier: MIT */
/* cc app.c $(pkg-config --cflags --libs lutra) */
#include <lutra.h>
#include <stdio.h>

static int show(void *user, const char *text, size_t n)
{
    return fwrite(text, 1, n, (FILE *)user) != n;
}

int main(int argc, char **argv)
{
    lutra_error err;
    lutra_model *m = NULL;
    lutra_session *s = NULL;
    int32_t *ids = NULL;
    size_t n;
    lutra_generate_options g = {sizeof(g), NULL, 24, 0, NULL, 0, show, NULL, stdout, NULL, 0};
    int bad = lutra_model_open(&m, argc > 1 ? argv[1] : "model.gguf", NULL, &err) ||
              lutra_session_open(&s, m, NULL, &err) ||
              lutra_tokenize(m, "KING RICHARD:", 13, LUTRA_ADD_SPECIAL, &ids, &n, &err) ||
              lutra_session_feed(s, ids, (int)n, &err) || lutra_generate(s, &g, NULL, &err);
    if (bad) fprintf(stderr, "%s\n", err.msg);
    lutra_free(ids);
    lutra_session_free(s);
    lutra_model_free(m);
    return bad;
}
