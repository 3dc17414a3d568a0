/* SPDX-License-Identifier: MIT */
/* The model half of lutra.h: open, describe, plan. Argument checks and hand-over; the work is done below. */
#include "kernels/cpu.h"
#include "kernels/ram.h"
#include "runtime/session.h"
#include "runtime/sized.h"
#include "runtime/template.h"

#include <stdlib.h>
#include <string.h>

const char *lutra_version(void)
{
    return LUTRA_VERSION;
}

const char *lutra_status_name(lutra_status code)
{
    return lutra_status_text(code);
}

void lutra_free(void *p)
{
    free(p);
}

int lutra_threads_default(char *why, size_t why_cap)
{
    int cpus[256];
    char line[200];
    return lutra_cpu_thread_plan(cpus, 256, why ? why : line, why ? why_cap : sizeof line);
}

/* Options with every default filled in. */
struct settings {
    uint32_t features;
    const char *lacks; /* CPU level that was asked for and does not run here; NULL: none */
    int n_threads;
    enum lutra_precision precision;
    enum lutra_mode mode;
    enum lutra_head_bits head;
    enum lutra_i2s_layout i2s;
    lutra_model_options opt;
};

static lutra_status bad(lutra_error *err, const char *what)
{
    return lutra_fail(err, LUTRA_EINVAL, "%s", what);
}

static lutra_status pick_level(struct settings *s, const char *name, lutra_error *err)
{
    if (name == NULL) name = "auto";
    const struct lutra_cpu_level *l = lutra_cpu_at_most(name, lutra_cpu_detect());
    if (l == NULL) {
        char shown[32], list[160];
        size_t at = 0;
        lutra_escape(shown, sizeof shown, name, strlen(name));
        for (l = lutra_cpu_levels(); l->name && at < sizeof list; l++)
            at += (size_t)lutra_format(list + at, sizeof list - at, " %s", l->name);
        return lutra_fail(err, LUTRA_EINVAL, "CPU level \"%s\" does not exist here; these do: auto%s", shown, list);
    }
    s->features = l->features; /* of whole levels: each is tested as one */
    if (strcmp(name, "auto") != 0 && strcmp(name, l->name) != 0) s->lacks = name;
    return LUTRA_OK;
}

static lutra_status pick_mode(struct settings *s, lutra_kernels kernels, lutra_error *err)
{
    static const enum lutra_mode modes[] = {
        [LUTRA_KERNELS_AUTO] = LUTRA_MODE_AUTO,
        [LUTRA_KERNELS_LUT] = LUTRA_MODE_LUT,
        [LUTRA_KERNELS_DOT] = LUTRA_MODE_DOT,
        [LUTRA_KERNELS_DEQ] = LUTRA_MODE_DEQ,
    };
    if ((unsigned)kernels > LUTRA_KERNELS_DEQ) return bad(err, "kernels must be a LUTRA_KERNELS_* value");
    s->mode = modes[kernels];
    if (s->precision == LUTRA_PREC_HIGH && (s->mode == LUTRA_MODE_LUT || s->mode == LUTRA_MODE_DOT))
        return bad(err, "precision high computes with float activations: kernels lut and dot need integers");
    return LUTRA_OK;
}

static lutra_status read_settings(struct settings *s, const lutra_model_options *opt, lutra_error *err)
{
    static const size_t older[] = {offsetof(lutra_model_options, on_log), 0};
    static const enum lutra_head_bits heads[] = {
        [LUTRA_HEAD_FILE] = LUTRA_HEAD_AS_FILE,
        [LUTRA_HEAD_Q8] = LUTRA_HEAD_8,
        [LUTRA_HEAD_Q6] = LUTRA_HEAD_6,
        [LUTRA_HEAD_Q4] = LUTRA_HEAD_4,
        [LUTRA_HEAD_FAST] = LUTRA_HEAD_SHORTLIST,
    };
    static const enum lutra_i2s_layout layouts[] = {
        [LUTRA_I2S_128] = LUTRA_I2S_LAYOUT_128,
        [LUTRA_I2S_64] = LUTRA_I2S_LAYOUT_64,
        [LUTRA_I2S_ROWS4] = LUTRA_I2S_LAYOUT_ROWS4,
    };
    lutra_status st = LUTRA_OK;
    memset(s, 0, sizeof *s);
    if (opt != NULL) st = lutra_sized_in(&s->opt, sizeof s->opt, opt, older, "lutra_model_options", err);
    if (st != LUTRA_OK) return st;
    const lutra_model_options *o = &s->opt;
    if (o->n_threads < 0 || o->n_threads > 256) return bad(err, "n_threads must be 1..256");
    if ((unsigned)o->precision > LUTRA_PRECISION_HIGH) return bad(err, "precision must be a LUTRA_PRECISION_* value");
    if ((unsigned)o->head > LUTRA_HEAD_FAST) return bad(err, "head must be a LUTRA_HEAD_* value");
    if ((unsigned)o->i2s_layout > LUTRA_I2S_ROWS4) return bad(err, "i2s_layout must be a LUTRA_I2S_* value");
    s->n_threads = o->n_threads ? o->n_threads : lutra_threads_default(NULL, 0);
    s->precision = o->precision == LUTRA_PRECISION_HIGH ? LUTRA_PREC_HIGH : LUTRA_PREC_DEFAULT;
    s->head = heads[o->head];
    s->i2s = layouts[o->i2s_layout];
    st = pick_mode(s, o->kernels, err);
    return st == LUTRA_OK ? pick_level(s, o->cpu, err) : st;
}

static bool report_progress(void *user, double fraction)
{
    const struct settings *s = user;
    return s->opt.on_progress(s->opt.user, fraction) == 0;
}

static lutra_status copy_name(lutra_model *m, const struct lutra_gguf *g, lutra_error *err)
{
    const char *s;
    size_t n;
    bool found;
    lutra_status st = lutra_gguf_str(g, "general.name", &s, &n, &found, err);
    if (st == LUTRA_OK && found) lutra_escape(m->name, sizeof m->name, s, n);
    return st;
}

/* What the file recommends, in llama.cpp's ranges. */
static lutra_status copy_sampling(lutra_model *m, const struct lutra_gguf *g, lutra_error *err)
{
    lutra_sampling *s = &m->sampling;
    const struct {
        const char *key;
        float *out;
        double min, max;
    } floats[] = {{"general.sampling.temp", &s->temp, 0.0, 1e6},
                  {"general.sampling.top_p", &s->top_p, 0.0, 1e6},
                  {"general.sampling.min_p", &s->min_p, 0.0, 1e6},
                  {"general.sampling.penalty_repeat", &s->repeat_penalty, 1e-6, 1e6}};
    const struct {
        const char *key;
        int *out;
    } ints[] = {{"general.sampling.top_k", &s->top_k}, {"general.sampling.penalty_last_n", &s->repeat_last_n}};
    lutra_status st = LUTRA_OK;
    lutra_sampling_default(s);
    for (size_t i = 0; i < sizeof floats / sizeof floats[0] && st == LUTRA_OK; i++) {
        double v = (double)*floats[i].out;
        st = lutra_gguf_float(g, floats[i].key, floats[i].min, floats[i].max, &v, NULL, err);
        *floats[i].out = (float)v;
    }
    for (size_t i = 0; i < sizeof ints / sizeof ints[0] && st == LUTRA_OK; i++) {
        int64_t v = *ints[i].out;
        st = lutra_gguf_int(g, ints[i].key, -1, INT32_MAX, &v, NULL, err);
        *ints[i].out = (int)v;
    }
    return st;
}

static lutra_status load(lutra_model *m, const struct lutra_gguf *g, struct settings *s, lutra_error *err)
{
    struct lutra_config config;
    uint64_t bytes;
    lutra_status st;
    /* everything the header can get wrong comes before anything costs memory */
    if ((st = lutra_net_plan(g, s->head, &config, &bytes, err))) return st;
    if ((st = lutra_tokenizer_load(&m->tok, g, err))) return st;
    if ((st = lutra_model_template(m, g, &s->opt, err))) return st;
    if ((st = copy_name(m, g, err))) return st;
    if ((st = copy_sampling(m, g, err))) return st;
    struct lutra_net_options o = {.features = s->features, .n_threads = s->n_threads, .head = s->head,
                                  .planes = s->mode == LUTRA_MODE_LUT};
    if (s->opt.on_progress) {
        o.on_progress = report_progress;
        o.user = s;
    }
    if ((st = lutra_net_load(&m->net, g, &o, err))) return st;
    return lutra_fingerprint_take(&m->print, g, &m->net->config, err);
}

/* Memory may be read as fast by fewer threads than there are cores. Finding that out belongs to loading, which takes
 * longer: a session opens at once. Who named a number of threads is not asked again. */
static void plan_threads(lutra_model *m, const struct settings *s)
{
    char why[200], probe[160] = "";
    m->n_threads = m->n_threads_batch = lutra_threads_default(why, sizeof why);
    if (s->opt.n_threads == 0)
        m->n_threads = lutra_net_probe_threads(m->net, m->mode, m->n_threads_batch, probe, sizeof probe);
    if (probe[0])
        lutra_format(m->threads, sizeof m->threads, "%s; for single tokens %d: %s", why, m->n_threads, probe);
    else
        lutra_format(m->threads, sizeof m->threads, "%s", why);
}

static void note_level(const struct settings *s)
{
    char line[200];
    const char *why = lutra_cpu_withheld(lutra_cpu_level(s->lacks)->features);
    lutra_format(line, sizeof line, "CPU level \"%s\" does not run on this machine, \"%s\" is used%s%s", s->lacks,
                 lutra_cpu_best(s->features)->name, why ? ": " : "", why ? why : "");
    s->opt.on_log(s->opt.user, LUTRA_LOG_WARN, line);
}

lutra_status lutra_model_open(lutra_model **out, const char *path, const lutra_model_options *opt, lutra_error *err)
{
    if (out == NULL) return bad(err, "lutra_model_open: out is NULL");
    *out = NULL;
    if (path == NULL) return bad(err, "lutra_model_open: path is NULL");
    struct settings s;
    struct lutra_gguf *g;
    double start = lutra_clock();
    lutra_status st = read_settings(&s, opt, err);
    if (st != LUTRA_OK) return st;
    if ((st = lutra_gguf_open(&g, path, err))) return st;
    lutra_gguf_set_i2s(g, s.i2s);
    lutra_model *m = calloc(1, sizeof *m);
    if (m == NULL) {
        lutra_gguf_close(g);
        return lutra_fail(err, LUTRA_ENOMEM, "no memory for a model");
    }
    atomic_init(&m->n_users, 1);
    m->precision = s.precision;
    m->mode = s.mode;
    m->file_bytes = lutra_gguf_file_bytes(g);
    st = load(m, g, &s, err);
    if (st == LUTRA_OK) {
        plan_threads(m, &s);
        if (s.opt.on_log && s.lacks) note_level(&s);
        if (s.opt.on_log) lutra_model_notes(m, g, &s.opt);
    }
    lutra_gguf_close(g);
    if (st != LUTRA_OK) {
        lutra_model_free(m);
        return st;
    }
    m->load_seconds = lutra_clock() - start;
    *out = m;
    return LUTRA_OK;
}

void lutra_model_free(lutra_model *m)
{
    if (m != NULL) lutra_model_release(m);
}

void lutra_model_release(const lutra_model *shared)
{
    lutra_model *m = (lutra_model *)shared;
    if (atomic_fetch_sub(&m->n_users, 1) != 1) return;
    lutra_net_free(m->net);
    lutra_tokenizer_free(m->tok);
    free(m->chat_template);
    free(m->template_kwargs);
    free(m);
}

void lutra_model_sampling(const lutra_model *m, lutra_sampling *p)
{
    if (p == NULL) return;
    if (m != NULL) *p = m->sampling;
    else lutra_sampling_default(p);
}

lutra_status lutra_model_describe(const lutra_model *m, lutra_model_info *info)
{
    static const size_t older[] = {offsetof(lutra_model_info, encoder), 0};
    if (m == NULL || info == NULL) return LUTRA_EINVAL;
    const struct lutra_net *net = m->net;
    const struct lutra_config *c = &net->config;
    const lutra_model_info all = {.arch = c->arch,
                                  .name = m->name,
                                  .type_name = net->type_name,
                                  .kernel = net->ops.name,
                                  .self_test = net->self_test,
                                  .head = net->head,
                                  .threads = m->threads,
                                  .n_params = net->n_params,
                                  .file_bytes = m->file_bytes,
                                  .weight_bytes = net->arena.used,
                                  .vocab_bytes = lutra_tokenizer_bytes(m->tok),
                                  .token_bytes = net->token_bytes,
                                  .n_vocab = c->n_vocab,
                                  .n_embd = c->n_embd,
                                  .n_layer = c->n_layer,
                                  .n_head = c->n_head,
                                  .n_head_kv = c->n_head_kv,
                                  .n_ctx_train = c->n_ctx_train,
                                  .has_template = m->has_template,
                                  .load_seconds = m->load_seconds,
                                  .encoder = c->encoder,
                                  .pooling = lutra_pooling_of(c)};
    return lutra_sized_out(info, &all, sizeof all, older);
}

/* ---- plan ---- */

static lutra_status plan_session(lutra_plan *plan, const struct lutra_config *c, const struct settings *s,
                                 const lutra_session_options *so, lutra_error *err)
{
    struct lutra_ops ops;
    lutra_ops_init(&ops, s->features);
    struct lutra_eval_options eo = {.precision = s->precision, .mode = s->mode};
    eo.shortlist = s->head == LUTRA_HEAD_SHORTLIST;
    eo.n_ctx = so->n_ctx;
    eo.n_batch = lutra_batch_step(so->n_batch);
    eo.n_threads = so->n_threads ? so->n_threads : s->n_threads;
    eo.n_threads_batch = so->n_threads_batch ? so->n_threads_batch : eo.n_threads;
    lutra_status st = lutra_choose_ctx(c, &ops, &eo, plan->weights + plan->vocab, err);
    if (st != LUTRA_OK) return st;
    if (!lutra_eval_plan(c, &ops, &eo, &plan->kv, &plan->scratch))
        return lutra_fail(err, LUTRA_ENOMEM, "sizes overflow");
    plan->n_ctx = eo.n_ctx;
    plan->scratch += lutra_sampler_bytes(c->n_vocab, plan->n_ctx) + LUTRA_TEXT_BYTES +
                     (uint64_t)plan->n_ctx * sizeof(int32_t);
    return LUTRA_OK;
}

lutra_status lutra_plan_file(lutra_plan *plan, const char *path, const lutra_model_options *opt,
                             const lutra_session_options *sopt, lutra_error *err)
{
    if (plan == NULL || plan->size != sizeof *plan || path == NULL) return bad(err, "lutra_plan_file: bad argument");
    struct settings s;
    lutra_session_options so;
    struct lutra_gguf *g;
    struct lutra_config c;
    struct lutra_tokenizer *tok = NULL;
    lutra_status st = read_settings(&s, opt, err);
    if (st == LUTRA_OK) st = lutra_session_read_options(&so, sopt, err);
    if (st != LUTRA_OK) return st;
    if ((st = lutra_gguf_open(&g, path, err))) return st;
    lutra_gguf_set_i2s(g, s.i2s);
    *plan = (lutra_plan){.size = sizeof *plan};
    if ((st = lutra_net_plan(g, s.head, &c, &plan->weights, err)) == LUTRA_OK && (st = lutra_tokenizer_load(&tok, g, err)) == LUTRA_OK) {
        plan->vocab = lutra_tokenizer_bytes(tok);
        st = plan_session(plan, &c, &s, &so, err);
    }
    plan->available = lutra_ram_available();
    plan->total = plan->weights + plan->vocab + plan->kv + plan->scratch;
    lutra_tokenizer_free(tok);
    lutra_gguf_close(g);
    return st;
}
