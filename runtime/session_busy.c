/* SPDX-License-Identifier: MIT */
/* One call at a time per session: a second one is refused with a status, it never races.
 *
 *   owner   0               nobody is inside
 *           address         of a byte that the thread inside has for itself
 *           address | 1     the same, and the session is to be freed when it leaves
 *
 * One word, so that leaving and freeing cannot pass each other unseen. */
#include "runtime/session.h"

static _Thread_local uint16_t mine; /* at an even address */

static uintptr_t me(void)
{
    return (uintptr_t)&mine;
}

lutra_status lutra_session_enter(lutra_session *s, const char *call, lutra_error *err)
{
    uintptr_t nobody = 0;
    if (atomic_compare_exchange_strong(&s->owner, &nobody, me())) return LUTRA_OK;
    bool own = (nobody & ~(uintptr_t)1) == me();
    return lutra_fail(err, LUTRA_EBUSY, "%s: %s", call,
                      own ? "not from within a callback of the same session"
                          : "another thread is using this session; one call at a time");
}

void lutra_session_leave(lutra_session *s)
{
    uintptr_t owner = me();
    if (s->eval) atomic_store(&s->n_held, s->eval->kv.n);
    if (!atomic_compare_exchange_strong(&s->owner, &owner, 0)) lutra_session_destroy(s);
}

bool lutra_session_is_mine(const lutra_session *s)
{
    return (atomic_load(&s->owner) & ~(uintptr_t)1) == me();
}

void lutra_session_free(lutra_session *s)
{
    if (s == NULL) return;
    for (;;) {
        uintptr_t owner = atomic_load(&s->owner);
        if (owner != 0) lutra_session_cancel(s); /* who is inside stops soon, and frees it on the way out */
        if (atomic_compare_exchange_strong(&s->owner, &owner, owner ? owner | 1 : me())) {
            if (owner == 0) lutra_session_destroy(s);
            return;
        }
    }
}
