# SPDX-License-Identifier: MIT
# An independent evaluation of Lutra's model families in NumPy, float64, every tensor dequantized by the `gguf`
# package. Made the expected logits under tests/golden/reference; not needed to build or to test.
#   python3 tests/reference.py MODEL.gguf OUT.txt [n_tokens]
import sys

import gguf.gguf_reader
import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

# Types that the package does not decode or does not know: id -> weights per block, bytes per block.
LOW = {41: (128, 18), 42: (64, 18), 142: (128, 34)}


class Types:  # stands for the package's enum
    known = gguf.gguf_reader.GGMLQuantizationType

    def __call__(self, id):
        return int(id) if int(id) in LOW else self.known(id)

    def __getattr__(self, name):
        return getattr(self.known, name)


gguf.gguf_reader.GGMLQuantizationType = Types()
gguf.gguf_reader.GGML_QUANT_SIZES.update(LOW)


def decode(data, kind):  # one and two bits by the formulas of llama.cpp's ggml-quants.c
    if int(kind) not in LOW:
        return dequantize(data, kind)
    n, size = LOW[int(kind)]
    raw = np.ascontiguousarray(data).view(np.uint8).reshape(-1, size)
    d = raw[:, :2].copy().view(np.float16).astype(np.float32)
    bits = np.unpackbits(raw[:, 2:], axis=1, bitorder="little").astype(np.int32)
    if int(kind) == 41:
        return np.where(bits == 1, d, -d)
    return (bits.reshape(len(raw), n, 2) @ np.array([1, 2]) - 1).astype(np.float32) * d


class Model:
    def __init__(self, path):
        r = GGUFReader(path)
        self.kv = {k: f.contents() for k, f in r.fields.items() if not k.startswith("GGUF.")}
        self.t = {}
        for t in r.tensors:
            a = decode(t.data, t.tensor_type).astype(np.float64)
            self.t[t.name] = a.reshape([int(x) for x in reversed(t.shape)])
        self.arch = self.kv["general.architecture"]

    def key(self, name, default=None):
        return self.kv.get(self.arch + "." + name, default)


def rmsnorm(x, w, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * w


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def rotate(x, pos, freq, halves):  # x [n, heads, dim]
    n_rot = 2 * len(freq)
    ang = pos[:, None] * freq[None, :]
    c, s = np.cos(ang)[:, None, :], np.sin(ang)[:, None, :]
    y = x.copy()
    if halves:
        a, b = x[..., : n_rot // 2], x[..., n_rot // 2 : n_rot]
        y[..., : n_rot // 2], y[..., n_rot // 2 : n_rot] = a * c - b * s, a * s + b * c
    else:
        a, b = x[..., 0:n_rot:2], x[..., 1:n_rot:2]
        y[..., 0:n_rot:2], y[..., 1:n_rot:2] = a * c - b * s, a * s + b * c
    return y


def gate_function(arch, x):
    if arch == "gemma3":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    if arch in ("bitnet-25", "bitnet-b1.58"):
        return np.maximum(x, 0) ** 2
    return x / (1 + np.exp(-x))


def forward(m, ids):
    t, arch = m.t, m.arch
    n, n_layer, n_embd = len(ids), m.key("block_count"), m.key("embedding_length")
    heads, kv_heads = m.key("attention.head_count"), m.key("attention.head_count_kv")
    dim = m.key("attention.key_length", n_embd // heads)
    eps = m.key("attention.layer_norm_rms_epsilon")
    halves = arch != "llama"
    n_rot = m.key("rope.dimension_count", dim)
    exps = -np.arange(0, n_rot, 2) / n_rot
    freq = float(m.key("rope.freq_base", 10000.0)) ** exps
    if "rope_freqs.weight" in t:
        freq = freq / t["rope_freqs.weight"]
    local_freq = 10000.0**exps
    window = m.key("attention.sliding_window", 0)
    pos = np.arange(n, dtype=np.float64)

    x = t["token_embd.weight"][ids]
    if arch == "gemma3":
        x = x * np.float64(np.float32(np.sqrt(np.float32(n_embd))))
    for il in range(n_layer):
        w = lambda name: t[f"blk.{il}.{name}"]
        has = lambda name: f"blk.{il}.{name}" in t
        local = arch == "gemma3" and (il + 1) % 6 != 0
        h = rmsnorm(x, w("attn_norm.weight"), eps)
        q, k, v = (h @ w(f"attn_{c}.weight").T for c in "qkv")
        if has("attn_q.bias"):
            q, k, v = q + w("attn_q.bias"), k + w("attn_k.bias"), v + w("attn_v.bias")
        q, k, v = q.reshape(n, heads, dim), k.reshape(n, kv_heads, dim), v.reshape(n, kv_heads, dim)
        if has("attn_q_norm.weight"):
            q, k = rmsnorm(q, w("attn_q_norm.weight"), eps), rmsnorm(k, w("attn_k_norm.weight"), eps)
        f = local_freq if local else freq
        q, k = rotate(q, pos, f, halves), rotate(k, pos, f, halves)
        out = np.zeros((n, heads, dim))
        for head in range(heads):
            kh, vh = k[:, head * kv_heads // heads], v[:, head * kv_heads // heads]
            s = q[:, head] @ kh.T / np.sqrt(dim)
            i, j = np.arange(n)[:, None], np.arange(n)[None, :]
            masked = (j > i) | ((i - j >= window) if local and window else False)
            out[:, head] = softmax(np.where(masked, -np.inf, s)) @ vh
        a = out.reshape(n, heads * dim)
        if has("attn_sub_norm.weight"):
            a = rmsnorm(a, w("attn_sub_norm.weight"), eps)
        a = a @ w("attn_output.weight").T
        if has("post_attention_norm.weight"):
            a = rmsnorm(a, w("post_attention_norm.weight"), eps)
        x = x + a
        h = rmsnorm(x, w("ffn_norm.weight"), eps)
        g = gate_function(arch, h @ w("ffn_gate.weight").T) * (h @ w("ffn_up.weight").T)
        if has("ffn_sub_norm.weight"):
            g = rmsnorm(g, w("ffn_sub_norm.weight"), eps)
        g = g @ w("ffn_down.weight").T
        if has("post_ffw_norm.weight"):
            g = rmsnorm(g, w("post_ffw_norm.weight"), eps)
        x = x + g
    x = rmsnorm(x, t["output_norm.weight"], eps)
    return x @ t.get("output.weight", t["token_embd.weight"]).T


def main():
    m = Model(sys.argv[1])
    n = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    n_vocab = m.t["token_embd.weight"].shape[0]
    ids = [(7 + 31 * i * i + 5 * i) % n_vocab for i in range(n)]
    logits = forward(m, np.array(ids))
    with open(sys.argv[2], "w") as f:
        f.write("# ids; then rows: position and its logits. Made by tests/reference.py\n")
        f.write(" ".join(map(str, ids)) + "\n")
        for row in (0, n // 2, n - 1):
            f.write(str(row) + " " + " ".join("%.7g" % v for v in logits[row]) + "\n")


main()
