/* SPDX-License-Identifier: MIT */
/* SHA-256 against FIPS 180's examples, in pieces of every length. */
#include "tests/check.h"
#include "tools/sha256.h"

#include <stdlib.h>
#include <string.h>

static void check(const char *text, size_t times, const char *want)
{
    char hex[65];
    struct lutra_sha256 s;
    lutra_sha256_begin(&s);
    for (size_t i = 0; i < times; i++) lutra_sha256_add(&s, text, strlen(text));
    lutra_sha256_end(&s, hex);
    CHECK_STR(hex, want);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_sha256");
    CHECK_CASE("examples")
    {
        check("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        check("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        check("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
        check("aaaaaaaaaa", 100000,
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    return check_done();
}
