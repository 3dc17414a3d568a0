# SPDX-License-Identifier: MIT
"""The same from Python, by ctypes alone: python3 app.py liblutra.so model.gguf"""
import ctypes as c
import sys

lib = c.CDLL(sys.argv[1])


class Error(c.Structure):
    _fields_ = [("code", c.c_int), ("msg", c.c_char * 500)]


ON_TEXT = c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(c.c_char), c.c_size_t)


class Generate(c.Structure):  # members that follow on_text are not used here: size says so
    _fields_ = [("size", c.c_size_t), ("sampling", c.c_void_p), ("n_predict", c.c_int),
                ("ignore_end", c.c_int), ("stop", c.c_void_p), ("n_stop", c.c_int),
                ("on_text", ON_TEXT), ("on_token", c.c_void_p), ("user", c.c_void_p),
                ("grammar", c.c_char_p), ("restart", c.c_int)]


err = Error()


def check(code):
    if code:
        sys.exit(err.msg.decode())


model, session, ids, n = c.c_void_p(), c.c_void_p(), c.POINTER(c.c_int32)(), c.c_size_t()
lib.lutra_session_free.argtypes = lib.lutra_model_free.argtypes = lib.lutra_free.argtypes = [c.c_void_p]
check(lib.lutra_model_open(c.byref(model), sys.argv[2].encode(), None, c.byref(err)))
check(lib.lutra_session_open(c.byref(session), model, None, c.byref(err)))
prompt = b"KING RICHARD:"
check(lib.lutra_tokenize(model, prompt, c.c_size_t(len(prompt)), 1, c.byref(ids), c.byref(n), c.byref(err)))
check(lib.lutra_session_feed(session, ids, int(n.value), c.byref(err)))


def show(_, text, size):
    sys.stdout.buffer.write(text[:size])
    return 0


g = Generate(size=c.sizeof(Generate), n_predict=24, on_text=ON_TEXT(show))
check(lib.lutra_generate(session, c.byref(g), None, c.byref(err)))
sys.stdout.buffer.flush()
lib.lutra_free(ids)
lib.lutra_session_free(session)
lib.lutra_model_free(model)
