/* SPDX-License-Identifier: MIT */
/* Chat templates: the tests behind `is`. */
#include "runtime/tmpl.h"

#include <string.h>

enum test {
    IS_DEFINED,
    IS_UNDEFINED,
    IS_NONE,
    IS_BOOLEAN,
    IS_TRUE,
    IS_FALSE,
    IS_INTEGER,
    IS_FLOAT,
    IS_NUMBER,
    IS_STRING,
    IS_MAPPING,
    IS_SEQUENCE,
    IS_ITERABLE,
    IS_CALLABLE,
    IS_ODD,
    IS_EVEN,
    IS_LOWER,
    IS_UPPER,
    IS_DIVISIBLEBY,
    IS_IN,
    IS_SAMEAS,
    IS_EQ,
    IS_NE,
    IS_LT,
    IS_LE,
    IS_GT,
    IS_GE
};

static const struct {
    const char *name;
    enum test test;
} tests[] = {
    {"defined", IS_DEFINED},
    {"undefined", IS_UNDEFINED},
    {"none", IS_NONE},
    {"boolean", IS_BOOLEAN},
    {"true", IS_TRUE},
    {"false", IS_FALSE},
    {"integer", IS_INTEGER},
    {"float", IS_FLOAT},
    {"number", IS_NUMBER},
    {"string", IS_STRING},
    {"mapping", IS_MAPPING},
    {"sequence", IS_SEQUENCE},
    {"iterable", IS_ITERABLE},
    {"callable", IS_CALLABLE},
    {"odd", IS_ODD},
    {"even", IS_EVEN},
    {"lower", IS_LOWER},
    {"upper", IS_UPPER},
    {"divisibleby", IS_DIVISIBLEBY},
    {"in", IS_IN},
    {"sameas", IS_SAMEAS},
    {"eq", IS_EQ},
    {"equalto", IS_EQ},
    {"ne", IS_NE},
    {"lt", IS_LT},
    {"lessthan", IS_LT},
    {"le", IS_LE},
    {"gt", IS_GT},
    {"greaterthan", IS_GT},
    {"ge", IS_GE},
    {"==", IS_EQ},
    {"!=", IS_NE},
    {"<", IS_LT},
    {"<=", IS_LE},
    {">", IS_GT},
    {">=", IS_GE},
};

int lutra_tmpl_test_find(const char *p, size_t n)
{
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (strlen(tests[i].name) == n && memcmp(tests[i].name, p, n) == 0) return (int)i;
    return -1;
}

/* str.islower, str.isupper: at least one letter, and none of the other case. */
static bool has_case(struct tmpl *t, struct tval in, enum tcase how, bool *out)
{
    struct tstr *s = lutra_tmpl_to_str(t, in), *same = s ? lutra_tmpl_case(t, s, how) : NULL;
    struct tstr *other =
        same ? lutra_tmpl_case(t, s, how == TMPL_LOWER ? TMPL_UPPER : TMPL_LOWER) : NULL;
    if (!other) return false;
    *out = lutra_tmpl_same(s, same) && !lutra_tmpl_same(s, other);
    return true;
}

static bool divides(struct tmpl *t, struct tval in, struct tval by, bool *out)
{
    struct tval rest;
    if (!lutra_tmpl_binary(t, '%', in, by, &rest)) return false;
    *out = !lutra_tmpl_truth(rest);
    return true;
}

static bool with_argument(struct tmpl *t, enum test test, struct tval in, struct tval other,
                          bool *out)
{
    static const int ops[] = {TOP_EQ, TOP_NE, '<', TOP_LE, '>', TOP_GE};
    switch (test) {
    case IS_DIVISIBLEBY:
        return divides(t, in, other, out);
    case IS_IN:
        return lutra_tmpl_contains(t, other, in, out);
    case IS_SAMEAS:
        *out = false;
        return in.kind != other.kind || lutra_tmpl_equal(t, in, other, out);
    default:
        return lutra_tmpl_compare(t, ops[test - IS_EQ], in, other, out);
    }
}

static bool is_kind(enum test test, struct tval in)
{
    bool seq = in.kind == TV_STR || in.kind == TV_LIST || in.kind == TV_RANGE ||
               in.kind == TV_UNDEF || (in.kind == TV_DICT && !in.u.dict->space);
    switch (test) {
    case IS_DEFINED:
        return in.kind != TV_UNDEF;
    case IS_UNDEFINED:
        return in.kind == TV_UNDEF;
    case IS_NONE:
        return in.kind == TV_NONE;
    case IS_BOOLEAN:
        return in.kind == TV_BOOL;
    case IS_TRUE:
        return in.kind == TV_BOOL && in.u.b;
    case IS_FALSE:
        return in.kind == TV_BOOL && !in.u.b;
    case IS_INTEGER:
        return in.kind == TV_INT;
    case IS_FLOAT:
        return in.kind == TV_FLOAT;
    case IS_NUMBER:
        return in.kind == TV_INT || in.kind == TV_FLOAT || in.kind == TV_BOOL;
    case IS_STRING:
        return in.kind == TV_STR;
    case IS_MAPPING:
        return in.kind == TV_DICT && !in.u.dict->space;
    case IS_SEQUENCE:
    case IS_ITERABLE:
        return seq;
    default:
        return in.kind == TV_MACRO || in.kind == TV_FUNC;
    }
}

bool lutra_tmpl_test(struct tmpl *t, int f, struct tval in, const struct targs *a, bool *out)
{
    enum test test = tests[f].test;
    if (test <= IS_CALLABLE) {
        *out = is_kind(test, in);
        return true;
    }
    if (test == IS_LOWER || test == IS_UPPER)
        return has_case(t, in, test == IS_LOWER ? TMPL_LOWER : TMPL_UPPER, out);
    if (test == IS_ODD || test == IS_EVEN) {
        if (!divides(t, in, tval_int(2), out)) return false;
        *out = *out == (test == IS_EVEN);
        return true;
    }
    const struct tval *other = lutra_tmpl_arg(t, a, 0, NULL);
    if (!other) return lutra_tmpl_fail(t, "the test '%s' needs an argument", tests[f].name);
    return with_argument(t, test, in, *other, out);
}
