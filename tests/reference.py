# SPDX-License-Identifier: MIT
# An independent evaluation of Lutra's model families in NumPy, float64, every tensor dequantized by the `gguf`
# package. Made the expected logits under tests/golden/reference; not needed to build or to test.
#   python3 tests/reference.py MODEL.gguf OUT.txt [n_ctx]      logits: tests/golden/reference
#   python3 tests/reference.py MODEL.gguf OUT.txt hidden       what the head would take: tests/golden/hidden
import math
import sys

import gguf.gguf_reader
import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

# Types that the package does not decode or does not know: id -> weights per block, bytes per block.
LOW = {36: (128, 32), 41: (128, 18), 42: (64, 18), 142: (128, 34)}


class Types:  # stands for the package's enum
    known = gguf.gguf_reader.GGMLQuantizationType

    def __call__(self, id):
        return int(id) if int(id) in LOW else self.known(id)

    def __getattr__(self, name):
        return getattr(self.known, name)


gguf.gguf_reader.GGMLQuantizationType = Types()
gguf.gguf_reader.GGML_QUANT_SIZES.update(LOW)


def i2_s(t, file):  # BitNet's ggml-bitnet-mad.cpp: blocks of 128 weights, high bits first; the scale stands behind
    end = int(t.data_offset) + int(np.prod(t.shape)) // 4
    scale = file[end : end + 4].view(np.float32)[0]
    b = np.ascontiguousarray(t.data).view(np.uint8).reshape(-1, 1, 32)
    return ((b >> np.array([6, 4, 2, 0], dtype=np.uint8).reshape(1, 4, 1) & 3).astype(np.float32) - 1) * scale


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
            a = i2_s(t, r.data) if int(t.tensor_type) == 36 else decode(t.data, t.tensor_type)
            a = a.astype(np.float64)
            self.t[t.name] = a.reshape([int(x) for x in reversed(t.shape)])
        self.arch = self.kv["general.architecture"]
        for name in [n for n in self.t if n.endswith(".scale") and not self.arch.startswith("bitnet")]:
            w, scale = name[:-5] + "weight", self.t[name]
            if w.endswith("_exps.weight"):  # one for each expert
                scale = scale.reshape(-1, 1, 1)
            if not w.endswith("ffn_gate_inp.weight"):  # the router's is a norm: see gemma4_feed_forward
                self.t[w] *= scale

    def key(self, name, default=None):
        return self.kv.get(self.arch + "." + name, default)


def rmsnorm(x, w, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * w


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def rotate(x, pos, freq, halves, size=1.0):  # x [n, heads, dim]
    n_rot = 2 * len(freq)
    ang = pos[:, None] * freq[None, :]
    c, s = size * np.cos(ang)[:, None, :], size * np.sin(ang)[:, None, :]
    y = x.copy()
    if halves:
        a, b = x[..., : n_rot // 2], x[..., n_rot // 2 : n_rot]
        y[..., : n_rot // 2], y[..., n_rot // 2 : n_rot] = a * c - b * s, a * s + b * c
    else:
        a, b = x[..., 0:n_rot:2], x[..., 1:n_rot:2]
        y[..., 0:n_rot:2], y[..., 1:n_rot:2] = a * c - b * s, a * s + b * c
    return y


def silu(x):
    return x / (1 + np.exp(-x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gate_function(arch, x):
    if arch.startswith("gemma"):
        return gelu(x)
    if arch in ("bitnet-25", "bitnet-b1.58"):
        return np.maximum(x, 0) ** 2
    return silu(x)


def per_layer(value, n):
    return list(value) if isinstance(value, (list, tuple, np.ndarray)) else [value] * n


PAIRS = ("llama", "internlm2", "xverse", "ernie4_5", "smollm3", "granite", "granitemoe", "minicpm", "mistral3")  # rotate (2i, 2i+1); the others (i, i + n_rot/2)


def frequencies(m, base, n_rot, n_ctx):
    """Angles per position, and what cosines and sines are multiplied by."""
    inv = base ** -(np.arange(0, n_rot, 2) / n_rot)
    factor = m.key("rope.scaling.factor", 1.0)
    original = m.key("rope.scaling.original_context_length", m.key("context_length"))
    size = m.key("rope.scaling.attn_factor", 1.0)
    if "rope_freqs.weight" in m.t:
        inv = inv / m.t["rope_freqs.weight"]
    elif "rope_factors_long.weight" in m.t:
        inv = inv / m.t["rope_factors_long.weight" if n_ctx > original else "rope_factors_short.weight"]
    if m.key("rope.scaling.type") != "yarn":
        return inv / factor, size
    # YaRN, as in the paper: pairs that turn more than beta_fast times within the original context keep
    # their speed, those that turn less than beta_slow times are stretched, a ramp lies between
    dim = lambda turns: n_rot * np.log(original / (turns * 2 * np.pi)) / (2 * np.log(base))
    low = max(np.floor(dim(m.key("rope.scaling.yarn_beta_fast", 32.0))), 0)
    high = min(np.ceil(dim(m.key("rope.scaling.yarn_beta_slow", 1.0))), n_rot - 1)
    ramp = np.clip((np.arange(n_rot // 2) - low) / max(high - low, 0.001), 0, 1)
    inv = inv / factor * ramp + inv * (1 - ramp)
    gain = lambda mul: 0.1 * mul * np.log(factor) + 1 if factor > 1 else 1.0
    log_mul = m.key("rope.scaling.yarn_log_multiplier", 0.0)
    return inv, size * gain(1.0) / (gain(log_mul) if log_mul else 1.0)


def is_local(m, il):
    pattern = m.key("attention.sliding_window_pattern")
    if isinstance(pattern, (list, tuple, np.ndarray)):
        return bool(pattern[il])
    every = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2}.get(m.arch, 0)
    return every > 0 and (il + 1) % every != 0


def attention(m, il, h, n_ctx):
    arch, n = m.arch, len(h)
    w = lambda name: m.t[f"blk.{il}.{name}"]
    has = lambda name: f"blk.{il}.{name}" in m.t
    heads = per_layer(m.key("attention.head_count"), il + 1)[il]
    kv_heads = per_layer(m.key("attention.head_count_kv"), il + 1)[il]
    local = is_local(m, il)
    dim = m.key("attention.key_length", m.key("embedding_length") // heads)
    dim = m.key("attention.key_length_swa", dim) if local else dim
    eps = m.key("attention.layer_norm_rms_epsilon")
    pos = np.arange(n, dtype=np.float64)
    gate = None
    if arch.startswith("qwen35"):  # each head of q is followed by its gate
        both = (h @ w("attn_q.weight").T).reshape(n, heads, 2, dim)
        q, gate = both[:, :, 0], both[:, :, 1].reshape(n, heads * dim)
        k, v = h @ w("attn_k.weight").T, h @ w("attn_v.weight").T
    elif arch == "gemma4":
        if has("attn_k.weight"):  # values are the keys before their norm where there is no matrix for them
            k = h @ w("attn_k.weight").T
            v = h @ w("attn_v.weight").T if has("attn_v.weight") else k
            v = rmsnorm(v.reshape(n, kv_heads, dim), 1.0, eps)
        else:  # keys and values of the last layer of this kind that has some
            k, v = m.kept[max(i for i in m.kept if is_local(m, i) == local)]
        q = h @ w("attn_q.weight").T
    elif has("attn_qkv.weight"):
        q, k, v = np.split(h @ w("attn_qkv.weight").T, [heads * dim, (heads + kv_heads) * dim], axis=1)
    else:
        q, k, v = (h @ w(f"attn_{c}.weight").T for c in "qkv")
    if has("attn_q.bias"):
        q, k, v = q + w("attn_q.bias"), k + w("attn_k.bias"), v + w("attn_v.bias")
    q, k, v = q.reshape(n, heads, dim), k.reshape(n, kv_heads, dim), v.reshape(n, kv_heads, dim)
    if has("attn_q_norm.weight") and not has("attn_k_norm.weight"):
        q = rmsnorm(q, w("attn_q_norm.weight"), eps)
    elif has("attn_q_norm.weight"):
        whole = arch == "olmoe"  # all heads at once
        norm = lambda a, v: rmsnorm(a.reshape(n, -1) if whole else a, v, eps).reshape(a.shape)
        q, k = norm(q, w("attn_q_norm.weight")), norm(k, w("attn_k_norm.weight"))
    n_rot = m.key("rope.dimension_count", dim)
    f, size = frequencies(m, float(m.key("rope.freq_base", 10000.0)), n_rot, n_ctx)
    if arch == "gemma3" and local:
        f, size = 10000.0 ** -(np.arange(0, n_rot, 2) / n_rot), 1.0
    if arch == "gemma4" and local:
        n_rot = m.key("rope.dimension_count_swa")
        f, size = float(m.key("rope.freq_base_swa")) ** -(np.arange(0, n_rot, 2) / n_rot), 1.0
    if arch == "gemma4":
        q = rotate(q, pos, f, True)
        if has("attn_k.weight"):
            k = rotate(k, pos, f, True)
            m.kept[il] = k, v
    elif not (arch == "smollm3" and (il + 1) % 4 == 0):
        q, k = (rotate(a, pos, f, arch not in PAIRS, size) for a in (q, k))
    if m.key("attention.temperature_scale"):
        original = m.key("rope.scaling.original_context_length")
        q = q * (1 + m.key("attention.temperature_scale") * np.log(1 + np.floor(pos / original)))[:, None, None]
    scale = m.key("attention.scale", 1.0 if arch == "gemma4" else 1 / np.sqrt(dim))
    cap = m.key("attn_logit_softcapping", 0.0)
    window = m.key("attention.sliding_window", 0) if local else 0
    out = np.zeros((n, heads, dim))
    i, j = np.arange(n)[:, None], np.arange(n)[None, :]
    masked = (j > i) | ((i - j >= window) if window else False)
    for head in range(heads):
        kh, vh = k[:, head * kv_heads // heads], v[:, head * kv_heads // heads]
        s = q[:, head] @ kh.T * scale
        if cap:
            s = cap * np.tanh(s / cap)
        s = np.where(masked, -np.inf, s)
        if has("attn_sinks.weight"):  # a score of its own per head, whose share gives nothing
            s = np.concatenate([s, np.full((n, 1), w("attn_sinks.weight")[head])], axis=1)
            out[:, head] = softmax(s)[:, :-1] @ vh
            continue
        out[:, head] = softmax(s) @ vh
    a = out.reshape(n, heads * dim)
    if gate is not None:
        a = a * sigmoid(gate)
    if has("attn_sub_norm.weight"):
        a = rmsnorm(a, w("attn_sub_norm.weight"), eps)
    a = a @ w("attn_output.weight").T
    return a + w("attn_output.bias") if has("attn_output.bias") else a


def feed_forward(m, il, h):
    w = lambda name: m.t[f"blk.{il}.{name}"]
    has = lambda name: f"blk.{il}.{name}" in m.t
    if has("ffn_gate.weight"):
        gate, up = h @ w("ffn_gate.weight").T, h @ w("ffn_up.weight").T
    else:
        gate, up = np.split(h @ w("ffn_up.weight").T, 2, axis=1)
    g = gate_function(m.arch, gate) * up
    if has("ffn_sub_norm.weight"):
        g = rmsnorm(g, w("ffn_sub_norm.weight"), m.key("attention.layer_norm_rms_epsilon"))
    return g @ w("ffn_down.weight").T


def causal_convolution(x, kernel):  # x [n, channels], kernel [channels, taps], the present token last
    taps = kernel.shape[1]
    padded = np.concatenate([np.zeros((taps - 1, x.shape[1])), x])
    return sum(padded[k : k + len(x)] * kernel[:, k] for k in range(taps))


def short_convolution(m, il, h):
    w = lambda name: m.t[f"blk.{il}.{name}"]
    b, c, x = np.split(h @ w("shortconv.in_proj.weight").T, 3, axis=1)
    return (c * causal_convolution(b * x, w("shortconv.conv.weight"))) @ w("shortconv.out_proj.weight").T


def delta_net(m, il, h):
    w = lambda name: m.t[f"blk.{il}.{name}"]
    n, eps = len(h), m.key("attention.layer_norm_rms_epsilon")
    dim, heads, groups = m.key("ssm.state_size"), m.key("ssm.time_step_rank"), m.key("ssm.group_count")
    mixed = silu(causal_convolution(h @ w("attn_qkv.weight").T, w("ssm_conv1d.weight")))
    q, k, v = np.split(mixed, [groups * dim, 2 * groups * dim], axis=1)
    unit = lambda a: a / np.sqrt((a * a).sum(axis=-1, keepdims=True) + eps)
    q, k, v = unit(q.reshape(n, groups, dim)), unit(k.reshape(n, groups, dim)), v.reshape(n, heads, dim)
    alpha, beta = h @ w("ssm_alpha.weight").T, sigmoid(h @ w("ssm_beta.weight").T)
    decay = np.exp(w("ssm_a") * np.log1p(np.exp(alpha + w("ssm_dt.bias"))))
    out = np.zeros((n, heads, dim))
    for head in range(heads):
        state, g = np.zeros((dim, dim)), head % groups  # state: keys by values
        for i in range(n):
            state = state * decay[i, head]
            state = state + np.outer(k[i, g], beta[i, head] * (v[i, head] - k[i, g] @ state))
            out[i, head] = q[i, g] @ state / np.sqrt(dim)
    out = rmsnorm(out, w("ssm_norm.weight"), eps).reshape(n, heads * dim)
    return (out * silu(h @ w("attn_gate.weight").T)) @ w("ssm_out.weight").T


def mamba2(m, il, h):
    w = lambda name: m.t[f"blk.{il}.{name}"]
    n, eps, inner = len(h), m.key("attention.layer_norm_rms_epsilon"), m.key("ssm.inner_size")
    states, heads, groups = m.key("ssm.state_size"), m.key("ssm.time_step_rank"), m.key("ssm.group_count")
    dim = inner // heads
    z, mixed, dt = np.split(h @ w("ssm_in.weight").T, [inner, 2 * inner + 2 * groups * states], axis=1)
    mixed = silu(causal_convolution(mixed, w("ssm_conv1d.weight")) + w("ssm_conv1d.bias"))
    x, b, c = np.split(mixed, [inner, inner + groups * states], axis=1)
    x, b, c = x.reshape(n, heads, dim), b.reshape(n, groups, states), c.reshape(n, groups, states)
    dt = np.log1p(np.exp(dt + w("ssm_dt.bias")))
    a, d = w("ssm_a").reshape(-1), w("ssm_d").reshape(-1)
    out = np.zeros((n, heads, dim))
    for head in range(heads):
        state, g = np.zeros((dim, states)), head * groups // heads
        for i in range(n):
            state = state * np.exp(dt[i, head] * a[head]) + np.outer(dt[i, head] * x[i, head], b[i, g])
            out[i, head] = state @ c[i, g] + d[head] * x[i, head]
    y = (out.reshape(n, inner) * silu(z)).reshape(n, groups, inner // groups)
    y = rmsnorm(y, w("ssm_norm.weight").reshape(groups, -1), eps).reshape(n, inner)
    return y @ w("ssm_out.weight").T


def mixer(m, il, h, n_ctx):
    name = lambda s: f"blk.{il}.{s}" in m.t
    if name("shortconv.conv.weight"):
        return short_convolution(m, il, h)
    if name("ssm_in.weight"):
        return mamba2(m, il, h)
    return delta_net(m, il, h) if name("ssm_conv1d.weight") else attention(m, il, h, n_ctx)


def only_best_groups(m, p):  # -inf outside of the groups whose two best sum to most, as in DeepSeek V3
    n, used = m.key("expert_group_count", 0), m.key("expert_group_used_count", 0)
    if n <= 1:
        return p
    groups = p.reshape(n, -1)
    best = np.argsort(-np.sort(groups, axis=1)[:, -2:].sum(axis=1))[:used]
    masked = np.full_like(groups, -np.inf)
    masked[best] = groups[best]
    return masked.reshape(-1)


def expert_feed_forward(m, il, h, router_in=None):
    w = lambda name: m.t[f"blk.{il}.{name}"]
    has = lambda name: f"blk.{il}.{name}" in m.t
    used, out = m.key("expert_used_count"), np.zeros_like(h)
    logits = (h if router_in is None else router_in) @ w("ffn_gate_inp.weight").T
    logits = logits + (w("ffn_gate_inp.bias") if has("ffn_gate_inp.bias") else 0)
    if has("ffn_gate_up_exps.weight"):
        gates, ups = np.split(w("ffn_gate_up_exps.weight"), 2, axis=1)
    else:
        gates, ups = w("ffn_gate_exps.weight"), w("ffn_up_exps.weight")
    for i, row in enumerate(h):
        if m.arch == "gpt-oss":
            chosen = np.argsort(-logits[i])[:used]
            share = softmax(logits[i][chosen])
        elif m.arch == "lfm2moe":  # sigmoids; a bias takes part in the choice only
            p = sigmoid(logits[i])
            chosen = np.argsort(-(p + w("exp_probs_b.bias")))[:used]
            share = p[chosen] / p[chosen].sum()
        else:
            p = softmax(logits[i])
            chosen = np.argsort(-only_best_groups(m, p))[:used]
            share = p[chosen] / (1 if m.arch == "olmoe" else p[chosen].sum())
        share = share * m.key("expert_weights_scale", 1.0)
        for x, s in zip(chosen, share):
            gate, up = gates[x] @ row, ups[x] @ row
            if has("ffn_gate_exps.bias"):
                gate, up = gate + w("ffn_gate_exps.bias")[x], up + w("ffn_up_exps.bias")[x]
            if m.arch == "gpt-oss":
                gate, up = np.minimum(gate, 7), np.clip(up, -7, 7)
                g = gate * sigmoid(1.702 * gate) * (up + 1)
            else:
                g = gate_function(m.arch, gate) * up
            y = w("ffn_down_exps.weight")[x] @ g
            out[i] += s * (y + w("ffn_down_exps.bias")[x] if has("ffn_down_exps.bias") else y)
    if has("ffn_gate_shexp.weight"):
        g = silu(h @ w("ffn_gate_shexp.weight").T) * (h @ w("ffn_up_shexp.weight").T)
        y = g @ w("ffn_down_shexp.weight").T
        if has("ffn_gate_inp_shexp.weight"):
            y = y * sigmoid(h @ w("ffn_gate_inp_shexp.weight"))[:, None]
        out = out + y
    return out


def layer_norm(x, w, b, eps):
    x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * w + b


def encode(m, ids):  # BERT, nomic-bert: norms behind the sums, every token sees all
    t, eps, n = m.t, m.key("attention.layer_norm_epsilon"), len(ids)
    heads, width = m.key("attention.head_count"), m.key("embedding_length")
    dim = width // heads
    norm = lambda x, name: layer_norm(x, t[name + ".weight"], t[name + ".bias"], eps)
    x = t["token_embd.weight"][ids] + t["token_types.weight"][0]
    if m.arch == "bert":
        x = x + t["position_embd.weight"][:n]
    x = norm(x, "token_embd_norm")
    for il in range(m.key("block_count")):
        blk = f"blk.{il}."
        line = lambda x, name: x @ t[blk + name + ".weight"].T + t.get(blk + name + ".bias", 0.0)
        if blk + "attn_qkv.weight" in t:
            q, k, v = np.split(line(x, "attn_qkv"), 3, axis=1)
        else:
            q, k, v = (line(x, f"attn_{c}") for c in "qkv")
        q, k, v = (a.reshape(n, heads, dim) for a in (q, k, v))
        if m.arch == "nomic-bert":
            f = float(m.key("rope.freq_base")) ** -(np.arange(0, dim, 2) / dim)
            q, k = (rotate(a, np.arange(n, dtype=np.float64), f, True) for a in (q, k))
        a = softmax(np.einsum("ihd,jhd->hij", q, k) / np.sqrt(dim))
        a = np.einsum("hij,jhd->ihd", a, v).reshape(n, width)
        x = norm(x + line(a, "attn_output"), blk + "attn_output_norm")
        h = line(x, "ffn_up")
        if m.arch == "nomic-bert":
            h = silu(line(x, "ffn_gate")) * h
        else:
            h = 0.5 * h * (1 + np.vectorize(math.erf)(h / np.sqrt(2)))
        x = norm(x + line(h, "ffn_down"), blk + "layer_output_norm")
    return x


def gemma4_both(m, il, x):  # a dense block and experts side by side; the router reads x under a norm of its own
    w = lambda name: m.t[f"blk.{il}.{name}"]
    eps = m.key("attention.layer_norm_rms_epsilon")
    dense = rmsnorm(feed_forward(m, il, rmsnorm(x, w("ffn_norm.weight"), eps)), w("post_ffw_norm_1.weight"), eps)
    router_in = rmsnorm(x, 1.0, eps) / np.sqrt(x.shape[1]) * w("ffn_gate_inp.scale")
    routed = expert_feed_forward(m, il, rmsnorm(x, w("pre_ffw_norm_2.weight"), eps), router_in)
    return dense + rmsnorm(routed, w("post_ffw_norm_2.weight"), eps)


def hidden(m, ids, n_ctx):
    if m.arch in ("bert", "nomic-bert"):
        return encode(m, ids)
    t, eps = m.t, m.key("attention.layer_norm_rms_epsilon")
    x = t["token_embd.weight"][ids]
    if m.arch.startswith("gemma"):
        x = x * np.float64(np.float32(np.sqrt(np.float32(m.key("embedding_length")))))
    x = x * m.key("embedding_scale", 1.0)
    residual = m.key("residual_scale", 1.0)
    m.kept, pe = {}, None
    if "per_layer_token_embd.weight" in t:
        width = m.key("embedding_length_per_layer_input")
        pe = (x @ t["per_layer_model_proj.weight"].T / np.sqrt(x.shape[1])).reshape(len(ids), -1, width)
        pe = rmsnorm(pe, t["per_layer_proj_norm.weight"], eps)
        pe = (pe + t["per_layer_token_embd.weight"][ids].reshape(pe.shape) * np.sqrt(width)) / np.sqrt(2)
    for il in range(m.key("block_count")):
        w = lambda name: t[f"blk.{il}.{name}"]
        has = lambda name: f"blk.{il}.{name}" in t
        a = mixer(m, il, rmsnorm(x, w("attn_norm.weight"), eps), n_ctx)
        if has("post_attention_norm.weight") and has("ffn_norm.weight"):
            a = rmsnorm(a, w("post_attention_norm.weight"), eps)
        x = x + residual * a
        if m.arch == "mamba2":  # no feed-forward block
            continue
        # gpt-oss and qwen35 name the norm before the feed-forward block after what comes before it
        h = rmsnorm(x, w("ffn_norm.weight" if has("ffn_norm.weight") else "post_attention_norm.weight"), eps)
        if has("pre_ffw_norm_2.weight"):
            g = gemma4_both(m, il, x)
        else:
            g = expert_feed_forward(m, il, h) if has("ffn_gate_inp.weight") else feed_forward(m, il, h)
        if has("post_ffw_norm.weight"):
            g = rmsnorm(g, w("post_ffw_norm.weight"), eps)
        x = x + residual * g
        if pe is not None:
            g = gelu(x @ w("inp_gate.weight").T) * pe[:, il]
            x = x + rmsnorm(g @ w("proj.weight").T, w("post_norm.weight"), eps)
        if has("layer_output_scale.weight"):
            x = x * w("layer_output_scale.weight")
    return rmsnorm(x, t["output_norm.weight" if "output_norm.weight" in t else "token_embd_norm.weight"], eps)


def forward(m, ids, n_ctx):
    t, x = m.t, hidden(m, ids, n_ctx)
    x = x @ t.get("output.weight", t["token_embd.weight"]).T
    x = x / m.key("logit_scale", 1.0)
    cap = m.key("final_logit_softcapping", 0.0)
    return cap * np.tanh(x / cap) if cap else x


def main():
    m = Model(sys.argv[1])
    n = 20
    option = sys.argv[3] if len(sys.argv) > 3 else ""
    n_ctx = int(option) if option.isdigit() else m.key("context_length")
    n_vocab = m.t["token_embd.weight"].shape[0]
    ids = [(7 + 31 * i * i + 5 * i) % n_vocab for i in range(n)]
    logits = (hidden if option == "hidden" else forward)(m, np.array(ids), n_ctx)
    with open(sys.argv[2], "w") as f:
        f.write("# ids; then rows: position and its numbers. Made by tests/reference.py\n")
        f.write(" ".join(map(str, ids)) + "\n")
        for row in (0, n // 2, n - 1):
            f.write(str(row) + " " + " ".join("%.7g" % v for v in logits[row]) + "\n")


main()
