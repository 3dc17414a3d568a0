/* SPDX-License-Identifier: MIT */
/* Damage to the container: header, keys, alignment. */
#ifndef LUTRA_TESTS_HOSTILE_CASES_CONTAINER_H
#define LUTRA_TESTS_HOSTILE_CASES_CONTAINER_H

#include "tests/hostile_edit.h"

#define ARCH "general.architecture"
#define NAME "general.name"
#define TYPES "tokenizer.ggml.token_type"
#define TOKENS "tokenizer.ggml.tokens"
#define ALIGN "general.alignment"
#define EMBD "token_embd.weight"
#define Q0 "blk.0.attn_q.weight"
#define LAST "blk.1.ffn_down.weight"
#define MAX64 UINT64_MAX
#define GONE "past end of file"

static void arch_nul(struct doc *d, const struct hostile_case *c)
{
    (void)c;
    doc_set_str(d, ARCH, "llama\0x", 7);
}

static void align_dup(struct doc *d, const struct hostile_case *c)
{
    struct hostile_case again = *c;
    again.what = ALIGN;
    doc_set_num(d, ALIGN, T_U32, 32);
    key_dup(d, &again);
}

/* clang-format off */
static const struct hostile_case container_cases[] = {
    /* the file as a whole */
    RAW_CUT("hdr_empty_file", NULL, F_START, 0, "shorter than a GGUF header"),
    RAW_CUT("hdr_1_byte", NULL, F_START, 1, "shorter than a GGUF header"),
    RAW_CUT("hdr_magic_only", NULL, F_START, 4, "shorter than a GGUF header"),
    RAW_CUT("hdr_12_bytes", NULL, F_START, 12, "shorter than a GGUF header"),
    RAW_CUT("hdr_23_bytes", NULL, F_START, 23, "shorter than a GGUF header"),
    RAW("hdr_magic_fugg", raw_magic, 0, "FUGG", REFUSED, "not a GGUF file"),
    RAW("hdr_magic_lower", raw_magic, 0, "gguf", REFUSED, "not a GGUF file"),
    RAW("hdr_magic_ggjt", raw_magic, 0, "ggjt", REFUSED, "not a GGUF file"),
    RAW("hdr_magic_zip", raw_magic, 0, "PK\3\4", REFUSED, "not a GGUF file"),
    RAW("hdr_magic_lfs", raw_magic, 130, "vers", REFUSED, "not a GGUF file"),
    RAW("hdr_magic_html", raw_magic, 0, "<!DO", REFUSED, "not a GGUF file"),
    RAW_NUM("hdr_version_0", NULL, F_START, 4, 4, 0, REFUSED, "unsupported version 0"),
    RAW_NUM("hdr_version_1", NULL, F_START, 4, 4, 1, REFUSED, "unsupported version 1"),
    RAW_NUM("hdr_version_4", NULL, F_START, 4, 4, 4, REFUSED, "unsupported version 4"),
    RAW_NUM("hdr_version_max", NULL, F_START, 4, 4, MAX64, REFUSED,
        "unsupported version 4294967295"),
    RAW_NUM("hdr_version_swapped", NULL, F_START, 4, 4, 3u << 24, REFUSED,
        "big-endian GGUF is not supported"),
    RAW_NUM("hdr_version_2", NULL, F_START, 4, 4, 2, SAME, ""),
    RAW_NUM("hdr_n_tensors_minus1", NULL, F_START, 8, 8, MAX64, REFUSED, "tensor count"),
    RAW_NUM("hdr_n_tensors_2_63", NULL, F_START, 8, 8, 1ull << 63, REFUSED, "tensor count"),
    RAW_NUM("hdr_n_tensors_mul_wrap", NULL, F_START, 8, 8, (1ull << 58) + 1, REFUSED,
        "tensor count"),
    RAW_NUM("hdr_n_tensors_2_32", NULL, F_START, 8, 8, 1ull << 32, REFUSED, "tensor count"),
    RAW_NUM("hdr_n_tensors_million", NULL, F_START, 8, 8, 1000000, REFUSED, "tensor count"),
    RAW_NUM("hdr_n_tensors_plus1", NULL, F_START, 8, 1, 23, REFUSED, "tensor"),
    RAW_NUM("hdr_n_tensors_less", NULL, F_START, 8, 1, 21, REFUSED, "is missing"),
    RAW_NUM("hdr_n_tensors_0", NULL, F_START, 8, 8, 0, REFUSED,
        "tensor token_embd.weight is missing"),
    RAW_NUM("hdr_n_kv_minus1", NULL, F_START, 16, 8, MAX64, REFUSED, "kv count"),
    RAW_NUM("hdr_n_kv_2_63", NULL, F_START, 16, 8, 1ull << 63, REFUSED, "kv count"),
    RAW_NUM("hdr_n_kv_mul_wrap", NULL, F_START, 16, 8, 0x555555555555556, REFUSED, "kv count"),
    RAW_NUM("hdr_n_kv_plus1", NULL, F_START, 16, 1, 23, REFUSED, "offset"),
    RAW_NUM("hdr_n_kv_less", NULL, F_START, 16, 1, 21, REFUSED, "tensor tokenizer.chat_template"),
    RAW_NUM("hdr_n_kv_0", NULL, F_START, 16, 8, 0, REFUSED, "tensor general.architecture"),
    RAW("hdr_24_bytes_nkv_500m", raw_header, 500000000, NULL, REFUSED,
        "kv count 500000000 impossible"),
    RAW("hdr_empty_container", raw_header, 0, NULL, REFUSED, "general.architecture is missing"),
    RAW("hdr_body_ff", raw_fill, 0xff, NULL, REFUSED, "unsupported version"),
    RAW("hdr_body_00", raw_fill, 0, NULL, REFUSED, "unsupported version 0"),
    RAW("hdr_all_ff", raw_fill, 0xff, "", REFUSED, "not a GGUF file"),
    RAW("hdr_all_00", raw_fill, 0, "", REFUSED, "not a GGUF file"),

    /* cut short */
    RAW_CUT("trunc_after_version", NULL, F_START, 8, "shorter than a GGUF header"),
    RAW_CUT("trunc_after_n_tensors", NULL, F_START, 16, "shorter than a GGUF header"),
    RAW_CUT("trunc_after_counts", NULL, F_START, 24, "impossible"),
    RAW_CUT("trunc_key_length", TYPES, F_KEY_LEN, 3, GONE),
    RAW_CUT("trunc_key", TYPES, F_KEY, 5, GONE),
    RAW_CUT("trunc_value_type", TYPES, F_TYPE, 2, GONE),
    RAW_CUT("trunc_array_length", TYPES, F_VALUE, 7, GONE),
    RAW_CUT("trunc_array", TYPES, F_VALUE, 101, GONE),
    RAW_CUT("trunc_string_array", TOKENS, F_VALUE, 305, GONE),
    RAW_CUT("trunc_end_of_kvs", NULL, F_KVS_END, 0, GONE),
    RAW_CUT("trunc_tensor_name", Q0, F_NAME, 4, GONE),
    RAW_CUT("trunc_n_dims", Q0, F_DIMS, 1, GONE),
    RAW_CUT("trunc_dims", Q0, F_NE1, 4, GONE),
    RAW_CUT("trunc_tensor_type", Q0, F_TENSOR_TYPE, 2, GONE),
    RAW_CUT("trunc_offset", Q0, F_OFFSET, 7, GONE),
    RAW_CUT("trunc_end_of_infos", NULL, F_INFOS_END, 0, GONE),
    RAW_CUT("trunc_data_start", NULL, F_DATA, 0, GONE),
    RAW_CUT("trunc_mid_data", Q0, F_TENSOR_DATA, 100, GONE),
    RAW_CUT("trunc_last_row", LAST, F_TENSOR_END, -54, GONE),
    RAW_CUT("trunc_last_byte", NULL, F_EOF, -1, GONE),

    /* keys */
    RAW_NUM("kv_keylen_minus1", NAME, F_KEY_LEN, 0, 8, MAX64, REFUSED, GONE),
    RAW_NUM("kv_keylen_2_48", NAME, F_KEY_LEN, 0, 8, (1ull << 48) - 1, REFUSED, GONE),
    RAW_NUM("kv_keylen_wrap", NAME, F_KEY_LEN, 0, 8, MAX64 - 40, REFUSED, GONE),
    RAW_NUM("kv_key_empty", NAME, F_KEY_LEN, 0, 8, 0, REFUSED, "empty key"),
    DOC("kv_key_empty_last", key_named, NULL, 0, 0, 0, "", REFUSED, "empty key"),
    DOC("kv_key_nul", key_named, NULL, 0, 0, 7, "abc\0def", REFUSED,
        "the key is not printable ASCII"),
    DOC("kv_key_utf8", key_named, NULL, 0, 0, 0, "k\xff\xc0\x80y", REFUSED,
        "the key is not printable ASCII"),
    DOC("kv_key_escape", key_named, NULL, 0, 0, 0, "\x1b]0;owned\x07", REFUSED,
        "the key is not printable ASCII"),
    DOC("kv_key_newline", key_named, NULL, 0, 0, 0, "key\nerror: fake line", REFUSED,
        "the key is not printable ASCII"),
    DOC("kv_key_65536", key_long_name, NULL, 0, 0, 65536, NULL, REFUSED, "the key is too long"),
    DOC("kv_dup_architecture", key_dup, ARCH, 0, 0, 0, NULL, REFUSED, "duplicate key"),
    DOC("kv_dup_alignment", align_dup, NULL, 0, 0, 0, NULL, REFUSED, "duplicate key"),
    RAW_NUM("kv_type_13", NAME, F_TYPE, 0, 4, 13, REFUSED, "key general.name"),
    RAW_NUM("kv_type_255", NAME, F_TYPE, 0, 4, 255, REFUSED, "bad value type 255"),
    RAW_NUM("kv_type_7fffffff", NAME, F_TYPE, 0, 4, 0x7fffffff, REFUSED,
        "bad value type 2147483647"),
    RAW_NUM("kv_type_ffffffff", NAME, F_TYPE, 0, 4, MAX64, REFUSED, "bad value type 4294967295"),
    RAW_NUM("kv_strlen_minus1", NAME, F_VALUE, 0, 8, MAX64, REFUSED, "key general.name"),
    RAW_NUM("kv_strlen_2_63", NAME, F_VALUE, 0, 8, 1ull << 63, REFUSED, GONE),
    RAW_NUM("kv_strlen_1gib", NAME, F_VALUE, 0, 8, 1 << 30, REFUSED, GONE),
    RAW("kv_strlen_to_eof", raw_to_end, 0, NULL, REFUSED, GONE),
    RAW_NUM("kv_arr_len_minus1", TYPES, F_VALUE, 4, 8, MAX64, REFUSED,
        "key tokenizer.ggml.token_type"),
    DOC("kv_arr_len_mul_wrap8", key_arr, "test.a", 16, T_U64, (1ull << 61) + 1, NULL, REFUSED,
        GONE),
    DOC("kv_arr_len_mul_wrap4", key_arr, "test.a", 16, T_U32, (1ull << 62) + 1, NULL, REFUSED,
        GONE),
    DOC("kv_arr_str_wrap16", key_arr, "test.a", 16, T_STR, (1ull << 60) + 1, NULL, REFUSED, GONE),
    DOC("kv_arr_len_1e9", key_arr, "test.a", 16, T_U8, 1000000000, NULL, REFUSED, GONE),
    DOC("kv_arr_elem_13", key_arr, "test.a", 16, 13, 1, NULL, REFUSED, "bad element type 13"),
    DOC("kv_arr_elem_99", key_arr, "test.a", 16, 99, 1, NULL, REFUSED, "bad element type 99"),
    DOC("kv_arr_elem_max", key_arr, "test.a", 16, -1, 1, NULL, REFUSED, "bad element type"),
    DOC("kv_arr_empty", key_arr, "test.a", 0, T_U32, 0, NULL, SAME, ""),
    DOC("kv_arr_nested", key_nested, NULL, 0, 0, 1, NULL, REFUSED,
        "nested arrays are not supported"),
    DOC("kv_arr_nested_100000", key_nested, NULL, 0, 0, 100000, NULL, REFUSED,
        "nested arrays are not supported"),
    DOC("kv_bool_2", key_num, "test.b", 0, T_BOOL, 2, NULL, REFUSED, "bool is neither 0 nor 1"),
    DOC("kv_20000", keys_many, NULL, 0, 0, 20000, NULL, SAME, ""),
    DOC("kv_70000", keys_many, NULL, 0, 0, 70000, NULL, EITHER, ""),

    /* architecture, name */
    DOC("arch_missing", key_del, ARCH, 0, 0, 0, NULL, REFUSED, "general.architecture is missing"),
    DOC("arch_u32", key_num, ARCH, 0, T_U32, 7, NULL, REFUSED,
        "expected a string"),
    DOC("arch_array", key_arr, ARCH, 8, T_U32, 2, NULL, REFUSED,
        "expected a string"),
    DOC("arch_empty", key_str, ARCH, 0, 0, 0, "", REFUSED, "not supported"),
    DOC("arch_evil", key_str, ARCH, 0, 0, 0, "evilarch", REFUSED,
        "architecture \"evilarch\" is not supported"),
    DOC("arch_format", key_str, ARCH, 0, 0, 0, "%n%s%n%s", REFUSED,
        "architecture \"%n%s%n%s\" is not supported"),
    DOC("arch_path", key_str, ARCH, 0, 0, 0, "../../etc/passwd", REFUSED, "not supported"),
    DOC("arch_1mib", key_long_str, ARCH, 0, 0, 1 << 20, "a", REFUSED, "not supported"),
    DOC("arch_nul", arch_nul, NULL, 0, 0, 0, NULL, REFUSED, "not supported"),
    DOC("arch_escape", key_str, ARCH, 0, 0, 0, "\x1b[2Jllama", REFUSED, "\\x1b[2Jllama"),
    DOC("name_escape", key_str, NAME, 0, 0, 0, "\x1b]0;x\x07\xff\xc0\xaf\n\xe2\x80\xae evil", SAME,
        ""),
    DOC("name_int", key_num, NAME, 0, T_U32, 7, NULL, EITHER, "key general.name"),

    /* alignment */
    DOC("align_0", key_num, ALIGN, 0, T_U32, 0, NULL, REFUSED, "not a power of two >= 8"),
    DOC("align_1", key_num, ALIGN, 0, T_U32, 1, NULL, REFUSED, "not a power of two >= 8"),
    DOC("align_3", key_num, ALIGN, 0, T_U32, 3, NULL, REFUSED, "not a power of two >= 8"),
    DOC("align_13", key_num, ALIGN, 0, T_U32, 13, NULL, REFUSED, "key general.alignment"),
    DOC("align_48", key_num, ALIGN, 0, T_U32, 48, NULL, REFUSED, "not a power of two >= 8"),
    DOC("align_2_30", key_num, ALIGN, 0, T_U32, 1u << 30, NULL, REFUSED, "too large"),
    DOC("align_2_31", key_num, ALIGN, 0, T_U32, 1u << 31, NULL, REFUSED, "too large"),
    DOC("align_i32", key_num, ALIGN, 0, T_I32, 32, NULL, REFUSED, "not u32"),
    DOC("align_u64", key_num, ALIGN, 0, T_U64, 32, NULL, REFUSED, "not u32"),
    DOC("align_string", key_str, ALIGN, 0, 0, 0, "32", REFUSED, "not u32"),
    DOC("align_array", key_arr, ALIGN, 8, T_U32, 2, NULL, REFUSED, "not u32"),
    DOC("align_4096", key_num, ALIGN, 0, T_U32, 4096, NULL, REFUSED, "not aligned"),
    DOC("align_32", key_num, ALIGN, 0, T_U32, 32, NULL, SAME, ""),
    DOC("align_16", key_num, ALIGN, 0, T_U32, 16, NULL, EITHER, ""),

    /* parts of a model */
    DOC("split_two_parts", key_num, "split.count", 0, T_U16, 2, NULL, REFUSED, "split.count"),
    DOC("split_65535_parts", key_num, "split.count", 0, T_U16, 65535, NULL, REFUSED, "split.count"),
    DOC("split_max_u32", key_num, "split.count", 0, T_U32, MAX64, NULL, REFUSED, "split.count"),
    DOC("split_minus1", key_num, "split.count", 0, T_I32, MAX64, NULL, REFUSED, "split.count"),
    DOC("split_count_string", key_str, "split.count", 0, 0, 0, "2", REFUSED, "split.count"),
    DOC("split_count_1", key_num, "split.count", 0, T_U16, 1, NULL, SAME, ""),
    DOC("split_no_1", key_num, "split.no", 0, T_U16, 1, NULL, REFUSED, "split.no"),
    DOC("split_no_string", key_str, "split.no", 0, 0, 0, "../x", REFUSED, "split.no"),
    DOC("split_prefix_path", key_str, "split.prefix", 0, 0, 0, "../../../etc/passwd", EITHER, ""),
};
/* clang-format on */

#endif
