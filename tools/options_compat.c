/* SPDX-License-Identifier: MIT */
/* Flags of llama.cpp that scripts pass and Lutra does not need (ignored, with a line) or cannot do
 * (refused: a script must not get other text than it asked for). Values that switch a refused
 * feature off are fine. */
#include "tools/options.h"

#define SKIP(names, arg, why)                                                                      \
    {                                                                                              \
        names, arg, LUTRA_OPT_IGNORE, 0, 0, 0, why, NULL                                           \
    }
#define STOP(names, arg, why, off)                                                                 \
    {                                                                                              \
        names, arg, LUTRA_OPT_REFUSE, 0, 0, 0, why, off                                            \
    }

static const char gpu[] = "CPU-only build";
static const char load[] = "weights are always read into private memory and repacked";
static const char pin[] = "threads are placed on the performance cores";
static const char server[] = "there is no server in this version";
static const char network[] = "this program does not use the network; download the file first";
static const char sampler[] = "this sampler is not there";

const struct lutra_opt lutra_options_compat[] = {
    SKIP("-ngl, --gpu-layers, --n-gpu-layers", "N", gpu),
    SKIP("-fa, --flash-attn", "[on|off|auto|0|1]", gpu),
    SKIP("-sm, --split-mode", "MODE", gpu),
    SKIP("-mg, --main-gpu", "N", gpu),
    SKIP("-ts, --tensor-split", "LIST", gpu),
    SKIP("-dev, --device", "LIST", gpu),
    SKIP("-kvo, --kv-offload", NULL, gpu),
    SKIP("-nkvo, --no-kv-offload", NULL, gpu),
    SKIP("-ot, --override-tensor", "LIST", gpu),
    SKIP("-cmoe, --cpu-moe", NULL, gpu),
    SKIP("-ncmoe, --n-cpu-moe", "N", gpu),
    SKIP("--op-offload", NULL, gpu),
    SKIP("--no-op-offload", NULL, gpu),
    SKIP("--no-host", NULL, gpu),
    SKIP("-fit, --fit", "[on|off]", gpu),
    SKIP("-fitt, --fit-target", "LIST", gpu),
    SKIP("-fitc, --fit-ctx", "N", gpu),
    SKIP("--mlock", NULL, load),
    SKIP("--mmap", NULL, load),
    SKIP("--no-mmap", NULL, load),
    SKIP("-lm, --load-mode", "MODE", load),
    SKIP("-dio, --direct-io", NULL, load),
    SKIP("-ndio, --no-direct-io", NULL, load),
    SKIP("--repack", NULL, load),
    SKIP("-nr, --no-repack", NULL, load),
    SKIP("--check-tensors", NULL, "every tensor is checked at load"),
    SKIP("--warmup", NULL, "there is nothing to warm up"),
    SKIP("--no-warmup", NULL, "there is nothing to warm up"),
    SKIP("--numa", "TYPE", pin),
    SKIP("-C, --cpu-mask", "MASK", pin),
    SKIP("-Cr, --cpu-range", "LO-HI", pin),
    SKIP("--cpu-strict", "N", pin),
    SKIP("--prio", "N", pin),
    SKIP("--poll", "N", pin),
    SKIP("-Cb, --cpu-mask-batch", "MASK", pin),
    SKIP("-Crb, --cpu-range-batch", "LO-HI", pin),
    SKIP("--cpu-strict-batch", "N", pin),
    SKIP("--prio-batch", "N", pin),
    SKIP("--poll-batch", "N", pin),
    SKIP("-ub, --ubatch-size", "N", "-b is the one batch size"),
    SKIP("--keep", "N", "a chat keeps its system prompt"),
    SKIP("--no-context-shift", NULL, "the context never shifts"),
    SKIP("--swa-full", NULL, "the cache holds every position anyway"),
    SKIP("--jinja", NULL, "templates are always interpreted"),
    SKIP("--no-jinja", NULL, "templates are always interpreted"),
    SKIP("--reasoning-format", "MODE", "thinking is shown as the model writes it"),
    SKIP("-mli, --multiline-input", NULL,
         "a line that ends in \\ continues, and \"\"\" opens a block"),
    SKIP("--log-file", "FILE", "there is no log"),
    SKIP("--log-colors", "[on|off|auto]", "there is no log"),
    SKIP("--log-prefix", NULL, "there is no log"),
    SKIP("--log-timestamps", NULL, "there is no log"),
    SKIP("-lv, --verbosity, --log-verbosity", "N", "there is no log"),
    SKIP("--verbose-prompt", NULL, "'lutra tokenize' shows ids"),
    SKIP("--perf", NULL, "-v shows speeds"),
    SKIP("--no-perf", NULL, "-v shows speeds"),
    SKIP("--show-timings", NULL, "-v shows speeds"),
    SKIP("--no-show-timings", NULL, "-v shows speeds"),
    SKIP("--offline", NULL, "the network is never used"),

    STOP("--samplers", "LIST", "the order is penalties;top_k;top_p;min_p;temperature",
         "penalties;top_k;top_p;min_p;temperature|penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_"
         "p;xtc;"
         "temperature"),
    STOP("--sampling-seq, --sampler-seq", "LIST",
         "the order is penalties;top_k;top_p;min_p;temperature", "edskypmxt"),
    STOP("-l, --logit-bias", "ID+BIAS", sampler, NULL),
    STOP("--typical, --typical-p", "N", sampler, "1"),
    STOP("--top-nsigma, --top-n-sigma", "N", sampler, "-1"),
    STOP("--xtc-probability", "N", sampler, "0"),
    STOP("--xtc-threshold", "N", sampler, "0.1"),
    STOP("--dry-multiplier", "N", sampler, "0"),
    STOP("--dry-base", "N", sampler, "1.75"),
    STOP("--dry-allowed-length", "N", sampler, "2"),
    STOP("--dry-penalty-last-n", "N", sampler, "-1"),
    STOP("--dry-sequence-breaker", "TEXT", sampler, "none"),
    STOP("--dynatemp-range", "N", sampler, "0"),
    STOP("--dynatemp-exp", "N", sampler, "1"),
    STOP("--mirostat", "N", sampler, "0"),
    STOP("--mirostat-lr", "N", sampler, "0.1"),
    STOP("--mirostat-ent", "N", sampler, "5"),
    STOP("--grammar", "TEXT", "constrained output is not there yet", NULL),
    STOP("--grammar-file", "FILE", "constrained output is not there yet", NULL),
    STOP("-j, --json-schema", "JSON", "constrained output is not there yet", NULL),
    STOP("-jf, --json-schema-file", "FILE", "constrained output is not there yet", NULL),
    STOP("-ctk, --cache-type-k", "TYPE", "the cache is f16 (f32 with --precision high)", "f16"),
    STOP("-ctv, --cache-type-v", "TYPE", "the cache is f16 (f32 with --precision high)", "f16"),
    STOP("--context-shift", NULL, "a chat drops its oldest turns instead", NULL),
    STOP("-gan, --grp-attn-n", "N", "there is no self-extend", "1"),
    STOP("-gaw, --grp-attn-w", "N", "there is no self-extend", "512"),
    STOP("--reasoning-budget", "N", "thinking is not limited", "-1"),
    STOP("-rea, --reasoning", "on|off|auto", "the model decides whether it thinks", "auto"),
    STOP("--in-prefix", "TEXT", "the chat template frames messages", NULL),
    STOP("--in-suffix", "TEXT", "the chat template frames messages", NULL),
    STOP("--in-prefix-bos", NULL, "the chat template frames messages", NULL),
    STOP("--override-kv", "KEY=TYPE:VALUE", "keys are taken from the file", NULL),
    STOP("--rope-scaling", "MODE", "positions are those of the file", NULL),
    STOP("--rope-scale", "N", "positions are those of the file", "1"),
    STOP("--rope-freq-base", "N", "positions are those of the file", "0"),
    STOP("--rope-freq-scale", "N", "positions are those of the file", "1"),
    STOP("--yarn-orig-ctx", "N", "positions are those of the file", "0"),
    STOP("--lora", "FILE", "adapters are not there yet", NULL),
    STOP("--lora-scaled", "FILE:SCALE", "adapters are not there yet", NULL),
    STOP("--control-vector", "FILE", "adapters are not there yet", NULL),
    STOP("-md, --model-draft", "FILE", "there is no speculative decoding", NULL),
    STOP("--spec-type", "TYPE", "there is no speculative decoding", "none"),
    STOP("-mm, --mmproj", "FILE", "text models only", NULL),
    STOP("--image", "FILE", "text models only", NULL),
    STOP("--audio", "FILE", "text models only", NULL),
    STOP("-hf, -hfr, --hf-repo", "REPO", network, NULL),
    STOP("-hff, --hf-file", "FILE", network, NULL),
    STOP("-mu, --model-url", "URL", network, NULL),
    STOP("--rpc", "SERVERS", network, NULL),
    STOP("--host", "ADDRESS", server, NULL),
    STOP("--port", "N", server, NULL),
    STOP("-np, --parallel", "N", server, "1"),
    STOP("--api-key", "KEY", server, NULL),
    STOP("-a, --alias", "NAME", server, NULL),
    STOP("--metrics", NULL, server, NULL),
    STOP("--slots", NULL, server, NULL),
    STOP("--slot-save-path", "DIR", server, NULL),
    STOP("--no-webui", NULL, server, NULL),
    STOP("--no-ui", NULL, server, NULL),
    STOP("-to, --timeout", "N", server, NULL),
    STOP("--cors-origins", "LIST", server, NULL),
};

const int lutra_options_n_compat =
    (int)(sizeof lutra_options_compat / sizeof *lutra_options_compat);
