/* SPDX-License-Identifier: MIT */
/* Another llama-bench: run it, read what it says. */
#ifndef LUTRA_TOOLS_BENCH_PEER_H
#define LUTRA_TOOLS_BENCH_PEER_H

#include "tools/bench.h"
#include "tools/text.h"

struct lutra_peer {
    const char *program, *model, *args; /* args: NULL, or words separated by blanks */
    bool no_warmup;
};

struct lutra_peer_result {
    double ts;          /* tokens per second: the interquartile mean of its samples */
    double cpu_seconds; /* of the whole process, loading too */
};

/* Run one test with `reps` repetitions. False: why says what went wrong, in one line. */
bool lutra_peer_run(const struct lutra_peer *p, const struct lutra_bench_test *t, int reps,
                    struct lutra_peer_result *r, char *why, size_t why_cap);

/* Speed of the first record of -o json or -o jsonl output that is this test. False: none is. */
bool lutra_peer_parse(const char *text, size_t n, const struct lutra_bench_test *t, double *ts);

#endif
