#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the small vocabularies and expected ids of tests/test_tokenizer.c, with other people's tokenizers.

    python3 tests/gen_vocab.py CORPUS... ; needs the packages tokenizers, sentencepiece, gguf
    python3 tests/gen_vocab.py --cases NAME...      only the cases of these pre-tokenizers, added to vocab-cases.txt
    python3 tests/gen_vocab.py --unigram CORPUS...  vocab-ugm.gguf and its cases (sentencepiece), added likewise
    python3 tests/gen_vocab.py --bert CORPUS...     vocab-wpm.gguf and its cases (tokenizers), added likewise

Trains a byte-level BPE vocabulary (Hugging Face tokenizers) and a SentencePiece BPE vocabulary (sentencepiece) on
the corpus and the lines below, writes tests/data/vocab-bpe.gguf and vocab-spm.gguf, and in vocab-cases.txt, for
each pre-tokenizer's published expression, lines "name, text in hex, ids" as those packages compute them.
"""
import io
import random
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as model_pb2
from gguf import GGUFReader, GGUFWriter
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

LINES = """Größe, naïve façade, Straße; déjà vu! Чашка чая, пожалуйста. Привет, мир
你好，世界。我在学习中文 今日は良い天気ですね カタカナ 안녕하세요 세계 مرحبا بالعالم שלום עולם
नमस्ते दुनिया สวัสดีชาวโลก Γειά σου Κόσμε ½ ² Ⅷ ١٢٣ 12345 3.14 1,000,000 x = y + 1; if (a < b) { return c[i]; }
I'm you're we've he'll she'd it's DON'T  two spaces   three\ttab\n\n\nlines 🚀 👍🏽 🦙 e\u0301 a\u030a ﬁ ſ""".split("\n")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?@L+|\p{N}@N| ?[^\s@l\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")


def llama3(letters, digits):
    inner = letters.strip("[]")
    return [LLAMA3.replace("@L", letters).replace("@l", inner).replace("@N", digits)]


U, L = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def gpt4o(digits, suffix):
    lead = r"[^\r\n\p{L}\p{N}]?"
    return [f"{lead}{U}*{L}+{suffix}|{lead}{U}+{L}*{suffix}|\\p{{N}}{digits}"
            r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"]


# DeepSeek LLM's list of letters, from its tokenizer.json
CASED = """41-5A 61-7A B5 C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4-293 295-2AF 370-373 376 377 37B-37D 37F 386 388-38A
38C 38E-3A1 3A3-3F5 3F7-481 48A-52F 531-556 10A0-10C5 13A0-13F5 13F8-13FD 1C90-1CBA 1CBD-1CBF
1D00-1D2B 1D6B-1D77 1D79-1D9A 1E00-1F15 1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D
1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE 1FC2-1FC4 1FC6-1FCC 1FD0-1FD3 1FD6-1FDB 1FE0-1FEC 1FF2-1FF4
1FF6-1FFC 2102 2107 210A-2113 2115 2119-211D 2124 2126 2128 212A-212D 212F-2134 2139 213C-213F
2145-2149 214E 2183 2184 2C00-2C7B 2C7E-2CE4 2CEB-2CEE 2CF2 2CF3 A640-A66D A680-A69B A722-A76F
A771-A787 A78B-A78E AB70-ABBF FB00-FB06 FB13-FB17 FF21-FF3A FF41-FF5A 10400-1044F 104B0-104D3
104D8-104FB 10C80-10CB2 10CC0-10CF2 118A0-118DF 1E900-1E943"""
CASED = "".join("-".join(chr(int(c, 16)) for c in r.split("-")) for r in CASED.split())
EAST = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"

RULES = {
    "gpt-2": [GPT2],
    "smollm": [r"\p{N}", GPT2],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"],
    "llama-bpe": llama3(r"\p{L}", "{1,3}"),
    "qwen2": llama3(r"\p{L}", ""),
    "qwen35": llama3(r"[\p{L}\p{M}]", ""),
    "gpt-4o": gpt4o("{1,3}", "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"),
    "tekken": gpt4o("", ""),
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, r"[0-9][0-9][0-9]"],
    "minicpm5": [r"\p{N}{1,3}"] + llama3(r"\p{L}", "+"),
    "deepseek-llm": [r"[\r\n]", f"\\s?[{CASED}]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", EAST, r"\p{N}"],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", EAST, r"\p{N}"],
    "deepseek-v3": [r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+",
                    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
                    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
}


def pre_tokenizer(name):
    splits = [pre_tokenizers.Split(Regex(r), "isolated") for r in RULES[name]]
    return pre_tokenizers.Sequence(splits + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def texts(rng, more=False):
    atoms = ["'s", "'S", "'ll", "'LL", "'ſ", "'RE", "'m", "'d ", "'", "\n", "\r\n", " ", "  ", "    ", "\t", "\n\n",
             " \n ", "\u00a0", "\u3000", "\u2003", "a", "The", " the", " and", "9", "12", "345", "6789", "١٢", "²", "½",
             "!", "?!", "...", "==", "<|", "|>", "$", "+", "^", "`", "é", "e\u0301", "\u0301", "你", "世界", "мир", "नमस्ते",
             "สวัสดี", "\u200d", "👍🏽", "🚀", "\ufe0f", "\x00", "\x7f", "\u0378", "\U000e0100", "\U0010fffd", "(", ")", "_x",
             "<s>", "</s>", "<unk>", "<0x41>"]
    if more:
        atoms += ["ABC", "aB", "ǅ", "ǅa", "ʰ", "ª", "あア", "한국", "'Sx", "/\n", "//\r\n", "!a", "`x", "~Z", "：", "。", "‘", "\u3000a",
                  "\u0301A", "!\u0301", " \u0301", "1a", "٣x", "\tb", "\u0378b", "Ωσ", "ⅷ", "\u0e01\u0e31"]
    out = [""] + atoms + LINES + ["".join(LINES), "x" * 100, " " * 100, "ab" * 60, "7" * 50, "\n" * 40]
    for _ in range(220):
        out.append("".join(rng.choice(atoms) for _ in range(rng.choice([2, 3, 5, 9, 30]))))
    for _ in range(40):
        out.append("".join(chr(c) for c in (rng.randint(0, 0x10FFFF) for _ in range(8)) if not 0xD800 <= c < 0xE000))
    return out


def write(path, model, pre, tokens, types, scores, merges, charsmap=None):
    w = GGUFWriter(path, "llama")
    w.add_tokenizer_model(model)
    if charsmap:
        w.add_precompiled_charsmap(charsmap)
        w.add_remove_extra_whitespaces(True)
    w.add_tokenizer_pre(pre)
    w.add_token_list(tokens)
    w.add_token_types(types)
    if scores:
        w.add_token_scores(scores)
    if merges:
        w.add_token_merges(merges)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_cases(f, rng, name, vocab, merges, more=False):
    t = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(m.split(" ")) for m in merges],
                             ignore_merges=name in ("llama-bpe", "tekken", "minicpm5")))
    t.pre_tokenizer = pre_tokenizer(name)
    for s in texts(rng, more):
        f.write(f"{name},{s.encode().hex()},{' '.join(map(str, t.encode(s).ids))}\n")


def add_cases(names):
    fields = GGUFReader("tests/data/vocab-bpe.gguf").fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    with open("tests/data/vocab-cases.txt", "a", encoding="ascii") as f:
        for i, name in enumerate(names):
            write_cases(f, random.Random(100 + i), name, {s: k for k, s in enumerate(tokens)},
                        fields["tokenizer.ggml.merges"].contents(), True)


def read_corpus(paths):
    return [open(p, encoding="utf-8").read() for p in paths] + LINES * 3


def unigram(paths):
    """A small unigram model with a few normalizing rules of its own (code points -> code points)."""
    rules = {"ﬁ": "fi", "½": "1⁄2", "é": "e", "e\u0301": "e", "Ａ": "A", "\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ",
             "\u200d": "", "...": "…", "²": "2"}
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as tsv:
        for a, b in rules.items():
            tsv.write(" ".join("%X" % ord(c) for c in a) + "\t" + " ".join("%X" % ord(c) for c in b) + "\n")
        tsv.flush()
        buf = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter("\n".join(read_corpus(paths)).split("\n")), model_writer=buf, model_type="unigram",
            vocab_size=1000, character_coverage=0.995, normalization_rule_tsv=tsv.name, num_threads=1, minloglevel=2,
            pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    proto = model_pb2.ModelProto()
    proto.ParseFromString(buf.getvalue())
    kind = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6}
    write("tests/data/vocab-ugm.gguf", "t5", "default", [p.piece for p in proto.pieces],
          [kind[p.type] for p in proto.pieces], [p.score for p in proto.pieces], None,
          proto.normalizer_spec.precompiled_charsmap)
    sp = sentencepiece.SentencePieceProcessor(model_proto=buf.getvalue())
    with open("tests/data/vocab-cases.txt", "a", encoding="ascii") as f:
        for s in texts(random.Random(200), True):
            if "\0" not in s and "\u2581" not in s:
                f.write(f"ugm,{s.encode().hex()},{' '.join(map(str, sp.encode(s)))}\n")


def bert(paths):
    from tokenizers import normalizers
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    t.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(read_corpus(paths), trainers.WordPieceTrainer(
        vocab_size=1200, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], show_progress=False, limit_alphabet=400))
    vocab = t.get_vocab()
    tokens = sorted(vocab, key=vocab.get)
    spelled = [s[2:] if s.startswith("##") else s if s.startswith("[") and len(s) > 1 else "\u2581" + s for s in tokens]
    w = GGUFWriter("tests/data/vocab-wpm.gguf", "bert")
    w.add_tokenizer_model("bert")
    w.add_token_list(spelled)
    w.add_token_types([3 if i < 4 else 1 for i in range(len(tokens))])
    w.add_unk_token_id(1), w.add_bos_token_id(2), w.add_sep_token_id(3), w.add_pad_token_id(0)
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
    with open("tests/data/vocab-cases.txt", "a", encoding="ascii") as f:
        for s in texts(random.Random(300), True):
            if not any(x in s for x in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")):
                f.write(f"wpm,{s.encode().hex()},{' '.join(map(str, t.encode(s, add_special_tokens=False).ids))}\n")


def main():
    if sys.argv[1:2] in (["--unigram"], ["--bert"]):
        return (unigram if sys.argv[1] == "--unigram" else bert)(sys.argv[2:])
    if sys.argv[1:2] == ["--cases"]:
        return add_cases(sys.argv[2:])
    rng = random.Random(5)
    corpus = [open(p, encoding="utf-8").read() for p in sys.argv[1:]] + LINES * 3
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizer("gpt-2")
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tok.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=2000, initial_alphabet=alphabet, show_progress=False))
    import json
    model = json.loads(tok.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    write("tests/data/vocab-bpe.gguf", "gpt2", "gpt-2", tokens, [1] * len(tokens), None, merges)

    buf = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter("\n".join(corpus).split("\n")), model_writer=buf, model_type="bpe", vocab_size=2000,
        byte_fallback=True, character_coverage=0.995, remove_extra_whitespaces=False, normalization_rule_name="identity",
        split_digits=True, num_threads=1, minloglevel=2, allow_whitespace_only_pieces=True)
    sp = sentencepiece.SentencePieceProcessor(model_proto=buf.getvalue())
    n = sp.get_piece_size()
    kind = [2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 6 if sp.is_byte(i) else 1 for i in range(n)]
    write("tests/data/vocab-spm.gguf", "llama", "default", [sp.id_to_piece(i) for i in range(n)], kind,
          [sp.get_score(i) for i in range(n)], None)

    with open("tests/data/vocab-cases.txt", "w", encoding="ascii") as f:
        f.write("# made by tests/gen_vocab.py; name, text in hex, ids\n")
        for name in RULES:
            write_cases(f, rng, name, model["vocab"], merges)
        for s in texts(rng):
            if "\0" in s or "\u2581" in s:  # sentencepiece's Python binding ends a text there; U+2581: see tok_vocab.c
                continue
            f.write(f"spm,{s.encode().hex()},{' '.join(map(str, sp.encode(s)))}\n")


main()
