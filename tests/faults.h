/* SPDX-License-Identifier: MIT */
/* Calls of the C library that fail when a test says so: the program is linked with --wrap (Makefile), the library
 * knows nothing of it. */
#ifndef LUTRA_TESTS_FAULTS_H
#define LUTRA_TESTS_FAULTS_H

#include <stdbool.h>

enum fault {
    FAULT_NONE,
    FAULT_MEMORY,  /* malloc, calloc, realloc, aligned_alloc, mmap: no memory */
    FAULT_THREAD,  /* pthread_create, pthread_mutex_init, pthread_cond_init, pthread_attr_init: no resources */
    FAULT_WRITE,   /* open for writing, write, fsync, close, rename: no space, or the device is broken */
    FAULT_SHORT,   /* write takes half of what it is given, then has no space */
    FAULT_READ,    /* open, fopen, read, pread, fstat: input/output error */
    FAULT_N
};

/* From now on the k-th call (1: the next) of this kind fails, and if `lasting` all later ones too. */
void faults_arm(enum fault kind, long k, bool lasting);
/* No more failures. Returns whether any call failed. */
bool faults_disarm(void);

/* What is held right now: blocks of memory, bytes mapped, files open. */
struct faults_held {
    long blocks, mapped, files;
};
struct faults_held faults_held(void);

#endif
