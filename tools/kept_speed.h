/* SPDX-License-Identifier: MIT */
/* How fast memory is, kept between calls: a text file in the folder that lutra get fetches to,
 *
 *   lutra memory speed 1
 *   THREADS BYTES_PER_SECOND UNIX_TIME CPU MODEL TO THE END OF THE LINE
 *
 * What is not such a line is passed over, what is older than 30 days or from the future is measured
 * again, and where nothing can be written nothing is kept: none of these is an error. */
#ifndef LUTRA_TOOLS_KEPT_SPEED_H
#define LUTRA_TOOLS_KEPT_SPEED_H

#include <stdbool.h>
#include <stdint.h>

/* The figure for this processor and number of threads; false: there is none. */
bool lutra_kept_speed_read(const char *path, const char *cpu, int threads, int64_t now,
                           double *bytes_per_s);

/* Put it in place of an older one; figures of other processors and numbers of threads stay. */
bool lutra_kept_speed_write(const char *path, const char *cpu, int threads, int64_t now,
                            double bytes_per_s);

/* Bytes per second that n threads read: kept, or measured now and then kept unless other programs
 * disturbed it (*disturbed). `anew`: measured in any case. NaN: could not be measured. */
double lutra_memory_speed(int n_threads, bool anew, bool *disturbed);

#endif
