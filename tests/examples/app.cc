/* SPDX-License-Identifier: MIT */
/* The same in C++: handles free themselves, the text is a string. */
#include <lutra.h>

#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

struct Free {
    void operator()(lutra_model *m) const { lutra_model_free(m); }
    void operator()(lutra_session *s) const { lutra_session_free(s); }
    void operator()(int32_t *ids) const { lutra_free(ids); }
};

static lutra_error err;

static void check(lutra_status code)
{
    if (code != LUTRA_OK) throw std::runtime_error(err.msg);
}

static int add(void *user, const char *text, size_t n)
{
    static_cast<std::string *>(user)->append(text, n);
    return 0;
}

int main(int argc, char **argv)
try {
    lutra_model *m = nullptr;
    check(lutra_model_open(&m, argc > 1 ? argv[1] : "model.gguf", nullptr, &err));
    std::unique_ptr<lutra_model, Free> model(m);
    lutra_session *s = nullptr;
    check(lutra_session_open(&s, m, nullptr, &err));
    std::unique_ptr<lutra_session, Free> session(s);
    const std::string prompt = "KING RICHARD:";
    int32_t *ids = nullptr;
    size_t n = 0;
    check(lutra_tokenize(m, prompt.data(), prompt.size(), LUTRA_ADD_SPECIAL, &ids, &n, &err));
    std::unique_ptr<int32_t, Free> held(ids);
    check(lutra_session_feed(s, ids, static_cast<int>(n), &err));
    std::string text;
    lutra_generate_options g{};
    g.size = sizeof g;
    g.n_predict = 24;
    g.on_text = add;
    g.user = &text;
    check(lutra_generate(s, &g, nullptr, &err));
    std::cout << text;
} catch (const std::exception &e) {
    std::cerr << e.what() << '\n';
    return 1;
}
