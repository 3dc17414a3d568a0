#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Known answers for tests/test_qtypes.c: random blocks and what the Python package `gguf`
(gguf/quants.py of llama.cpp, MIT) makes of them. Q1_0 and Q2_0 are too new for that package: low_bits below is the
formula of llama.cpp's ggml-quants.c (dequantize_row_q1_0, dequantize_row_q2_0).

    python3 tests/data/make_qtypes.py > tests/data/qtypes_known.h
"""
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

TYPES = ("F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K Q3_K Q4_K Q5_K Q6_K TQ1_0 TQ2_0").split()
# a second run of random numbers: what was made before stays as it was
BOOKS = ("IQ4_NL IQ4_XS MXFP4 NVFP4 IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S").split()
# where d, m and dmin are: a random f16 there would be anything, infinite too
SCALES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q2_K": [80, 82],
          "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "TQ1_0": [52], "TQ2_0": [64],
          "Q1_0": [0], "Q2_0": [0], "Q2_0_G128": [0], "IQ4_NL": [0], "IQ4_XS": [0], "IQ1_S": [0], "IQ2_XXS": [0],
          "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0]}
# id, weights per block, bits
LOW = {"Q1_0": (41, 128, 1), "Q2_0": (42, 64, 2), "Q2_0_G128": (142, 128, 2)}


def block(rng, name, size):
    b = rng.integers(0, 256, size, dtype=np.uint8)
    for at in SCALES.get(name, []):
        b[at:at + 2] = np.array([rng.normal() * 0.05], dtype=np.float16).view(np.uint8)
    if name == "IQ1_M":  # the f16 scale is the high nibbles of four numbers
        h = int(np.array([rng.normal() * 0.05], dtype=np.float16).view(np.uint16)[0])
        for i in range(4):
            b[49 + 2 * i] = (b[49 + 2 * i] & 15) | (h >> 4 * i & 15) << 4
    if name == "MXFP4":
        b[0] = rng.integers(0, 3) if b[0] < 64 else rng.integers(100, 140)  # the smallest ones, and usual ones
    if name == "NVFP4":
        b[:4] &= 0x7f
    if name in ("F16", "BF16"):
        f = np.array([rng.normal()], dtype=np.float32)
        b = f.astype(np.float16).view(np.uint8) if name == "F16" else f.view(np.uint8)[2:]
    return b


def low_bits(raw, n, bits):
    d = raw[:, :2].copy().view(np.float16).astype(np.float32)
    b = np.unpackbits(raw[:, 2:], axis=1, bitorder="little").astype(np.int32)
    if bits == 1:
        return np.where(b == 1, d, -d)
    q = b.reshape(len(raw), n, 2) @ np.array([1, 2])
    return (q - 1).astype(np.float32) * d


def array(values, fmt, per_line):
    out = []
    for i in range(0, len(values), per_line):
        out.append("    " + " ".join(fmt % v + "," for v in values[i:i + per_line]))
    return "\n".join(out)


def main():
    rng = np.random.default_rng(20240901)
    table = []
    print("/* SPDX-License-Identifier: MIT */")
    print("/* Some blocks of each format and their weights as f32 bits. Made by make_qtypes.py. */")
    for name in TYPES + list(LOW) + BOOKS:
        if name == BOOKS[0]:
            rng = np.random.default_rng(20261130)
        if name in LOW:
            t, n, bits = LOW[name]
            raw = np.stack([block(rng, name, 2 + n * bits // 8) for _ in range(2)])
            w = low_bits(raw, n, bits)
        else:
            t = GGMLQuantizationType[name]
            n, size = GGML_QUANT_SIZES[t]
            raw = np.stack([block(rng, name, size) for _ in range(16 if n < 256 and name in BOOKS else 2)])
            w = dequantize(raw.view(np.float16) if name == "F16" else raw, t)
        w = w.astype(np.float32).reshape(-1)
        low = name.lower()
        print("static const uint8_t known_%s_bytes[] = {\n%s\n};" %
              (low, array(list(raw.reshape(-1)), "%d", 18)))
        print("static const uint32_t known_%s[] = {\n%s\n};" %
              (low, array(list(w.view(np.uint32)), "0x%08x", 8)))
        table.append("    {%d, %d, known_%s_bytes, known_%s}," % (int(t), len(raw) * n, low, low))
    print("static const struct {\n    int type, n;\n    const uint8_t *bytes;\n"
          "    const uint32_t *weights;\n} known[] = {\n%s\n};" % "\n".join(table))


main()
