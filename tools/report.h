/* SPDX-License-Identifier: MIT */
/* lutra doctor --report: what doctor says and what bench measured, in one file. */
#ifndef LUTRA_TOOLS_REPORT_H
#define LUTRA_TOOLS_REPORT_H

/* Markdown at `path`: the text that doctor() prints, then the bench JSON of the file `json`; if
 * that is NULL, of a short bench of `model`; if that is NULL too, of a few kernels. Returns an exit
 * code. */
int lutra_report_write(const char *path, const char *model, const char *json, int (*doctor)(void));

#endif
