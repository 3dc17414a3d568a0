/* SPDX-License-Identifier: MIT */
/* Memory of this machine in bytes. */
#ifndef LUTRA_KERNELS_RAM_H
#define LUTRA_KERNELS_RAM_H

#include "kernels/base.h"

uint64_t lutra_ram_total(void); /* 0: the system does not say */

/* What may still be taken without swapping, within the limit of a container; 0: not known. */
uint64_t lutra_ram_available(void);

#endif
