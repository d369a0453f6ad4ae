/* Requests to Valgrind's memcheck; outside of Valgrind they do nothing. */
#include <stddef.h>
#include <valgrind/memcheck.h>

void poison(const void *start, size_t length) { VALGRIND_MAKE_MEM_UNDEFINED(start, length); }
void reveal(const void *start, size_t length) { VALGRIND_MAKE_MEM_DEFINED(start, length); }
int watched(void) { return RUNNING_ON_VALGRIND; }
