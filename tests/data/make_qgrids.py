#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes kernels/qgrids.c: the grids of the IQ formats, format constants of ggml (ggml-common.h, MIT) in the compact
form that the Python package `gguf` (gguf/quants.py, MIT) keeps them in.

    python3 tests/data/make_qgrids.py > kernels/qgrids.c
"""
import numpy as np
from gguf import quants

GRIDS = [("iq2xxs", quants.IQ2_XXS), ("iq2xs", quants.IQ2_XS), ("iq2s", quants.IQ2_S),
         ("iq3xxs", quants.IQ3_XXS), ("iq3s", quants.IQ3_S), ("iq1", quants.IQ1_S)]

print("""/* SPDX-License-Identifier: MIT */
/* Grids of the IQ formats: constants of ggml (ggml-common.h, MIT), in the compact form of its
 * Python package gguf. Made by tests/data/make_qgrids.py; meaning in qgrids.h. */
#include "kernels/qgrids.h"
""")
for name, cls in GRIDS:
    words = np.frombuffer(bytes.fromhex(cls.grid_hex.decode()), dtype="<u2")
    assert len(words) == cls.grid_shape[0]
    print("const uint16_t lutra_grid_%s[%d] = {" % (name, len(words)))
    for i in range(0, len(words), 12):
        print("    " + " ".join("0x%04x," % w for w in words[i:i + 12]))
    print("};\n" if name != "iq1" else "};")
