// SPDX-License-Identifier: MIT
// The same from Go: go build app.go, with CGO_CFLAGS and CGO_LDFLAGS from pkg-config.
package main

/*
#include <lutra.h>
#include <stdio.h>
#include <stdlib.h>
static int show(void *user, const char *text, size_t n) { (void)user; return fwrite(text, 1, n, stdout) != n; }
static lutra_status generate(lutra_session *s, int n, lutra_error *err)
{
    lutra_generate_options g = {0};
    g.size = sizeof g; g.n_predict = n; g.on_text = show;
    lutra_status code = lutra_generate(s, &g, NULL, err);
    fflush(stdout);
    return code;
}
*/
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

var failure C.lutra_error

func check(code C.lutra_status) {
	if code != C.LUTRA_OK {
		fmt.Fprintln(os.Stderr, C.GoString(&failure.msg[0]))
		os.Exit(1)
	}
}

func main() {
	var model *C.lutra_model
	var session *C.lutra_session
	var ids *C.int32_t
	var n C.size_t
	path, prompt := C.CString(os.Args[1]), C.CString("KING RICHARD:")
	defer C.free(unsafe.Pointer(path))
	defer C.free(unsafe.Pointer(prompt))
	check(C.lutra_model_open(&model, path, nil, &failure))
	defer C.lutra_model_free(model)
	check(C.lutra_session_open(&session, model, nil, &failure))
	defer C.lutra_session_free(session)
	check(C.lutra_tokenize(model, prompt, 13, C.LUTRA_ADD_SPECIAL, &ids, &n, &failure))
	defer C.lutra_free(unsafe.Pointer(ids))
	check(C.lutra_session_feed(session, ids, C.int(n), &failure))
	check(C.generate(session, 24, &failure))
}
