/* SPDX-License-Identifier: MIT */
/* What a command needs of the system, where systems differ: tools/posix/ and tools/win/. */
#ifndef LUTRA_TOOLS_SYS_H
#define LUTRA_TOOLS_SYS_H

#include "tools/text.h"

/* First of all in main: descriptors 0 to 2 are open, arguments and the console are UTF-8, text goes
 * out as it is written. */
void lutra_sys_begin(int *argc, char ***argv);

bool lutra_sys_random(void *dst, size_t n);
char *lutra_sys_name(char *dst, size_t cap); /* "Linux 6.1.0 x86_64"; "" unknown. Returns dst */
double lutra_sys_peak_rss(void);             /* bytes since the start; NaN unknown */

/* Folder of a person's files: that of the XDG variable if it is set and absolute, else where the
 * system keeps such; `below` the home folder on POSIX. False: there is none, or no room. */
bool lutra_sys_folder(const char *variable, const char *below, char *dst, size_t cap);
const char *lutra_sys_home(void); /* slashes; NULL: none */
char lutra_sys_list_mark(void);   /* between the folders of a variable */

/* ---- other programs, found in PATH; argv ends with NULL ---- */

/* Run with stdout on our stderr. Its exit code; 127: there is no such program, 130: interrupted,
 * 126: anything else. */
int lutra_sys_run(char *const argv[]);

struct lutra_sys_end {
    int code, signal; /* signal 0: it ended by itself */
    double cpu_seconds;
};

/* Append what a program writes to stdout, at most `max` bytes; its stdin and stderr are nowhere. 0,
 * or an errno value: it could not be started (end->code -1), or its text not be read. */
int lutra_sys_output(char *const argv[], struct lutra_text *out, size_t max,
                     struct lutra_sys_end *end);

#endif
