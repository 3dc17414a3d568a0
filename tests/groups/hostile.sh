# SPDX-License-Identifier: MIT
# Groups about files nobody should trust: malformed ones, and good ones that change under us.

# every class of malformed file, every prefix, 200,000 mutants
group_hostile() {
    program test_hostile "$BUILD/test_hostile"
    grep -E '^  [0-9]+ (rows|files)' "$tmp/out"
    program test_mutants "$BUILD/test_mutants"
    grep -E 'per second' "$tmp/out"
    # and of families with tensors and keys of their own
    program test_mutants "$BUILD/test_mutants" 20000 "$tiny_dir"/{phi3,gpt-oss,lfm2,qwen35,mamba2,gemma4}-Q4_0.gguf
    grep -E 'per second' "$tmp/out"
}

# every allocation, thread, write and read of the library's calls fails once, and from then on
group_faults() {
    program test_faults "$BUILD/test_faults" "$tiny_dir"
    grep -E 'failures of an allocation' "$tmp/out"
}

# 10,000 times opened and closed
group_cycles() {
    program test_cycles "$BUILD/test_cycles" "$tiny_dir"
    grep -E 'cycles in' "$tmp/out"
}

# cut, overwritten, unlinked while loading and while generating
group_live() { program test_live "$BUILD/test_live"; }
