/* SPDX-License-Identifier: MIT */
/* What lutra doctor measures. */
#ifndef LUTRA_TOOLS_DOCTOR_H
#define LUTRA_TOOLS_DOCTOR_H

#include "kernels/base.h"
#include "runtime/lutra.h"

/* Run the kernels of the level `features` and of scalar on the same random data, every weight type,
 * one vector and many. "ok", or the first that differs. Returns true if all agree. */
bool lutra_doctor_kernels(uint32_t features, char *verdict, size_t cap);

/* Which kernels multiply, by type at the level `features`, or by tensor of a model (doctor_choice.c). */
void lutra_doctor_types(uint32_t features);
void lutra_doctor_tensors(const lutra_model *m);

#endif
