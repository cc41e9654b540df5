/* SPDX-License-Identifier: Apache-2.0 */
/* What C++ without exceptions, heap and destructors at exit still asks for; what is called by mistake faults. */
#include <stddef.h>

void __cxa_pure_virtual(void);
void _ZdlPv(void *object);
void _ZdlPvj(void *object, size_t size);
void abort(void);

void __cxa_pure_virtual(void)
{
    __builtin_trap();
}

void abort(void)
{
    __builtin_trap();
}

/* operator delete: virtual destructors name it, and nothing calls it. */
void _ZdlPv(void *object)
{
    (void)object;
    __builtin_trap();
}

void _ZdlPvj(void *object, size_t size)
{
    (void)size;
    _ZdlPv(object);
}
