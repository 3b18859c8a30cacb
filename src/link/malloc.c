/* SPDX-License-Identifier: ISC
   The heap of a link, in place of libc's (8 KB less in every link that sets a variable or uses
   libcap): a link lives for some hundred microseconds and then executes the next, so nothing is
   ever given back. Only for the musl builds, and only for programs that exec or exit soon, or that
   allocate a few times in their life (rk-outside and rk-relay, by libcap): never for one whose
   allocations go with its work.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 16, FIRST = 4096, MORE = 1 << 16 };

static _Alignas(ALIGN) char first[FIRST];
static char *next = first;
static size_t room = FIRST;

static void *no_memory(void)
{
  errno = ENOMEM;
  return NULL;
}

void *malloc(size_t size)
{
  size_t need;
  char *p;

  if (size > PTRDIFF_MAX - MORE)
    return no_memory();
  /* the size stands before the block, for realloc */
  need = ALIGN + (size + ALIGN - 1) / ALIGN * ALIGN;
  if (need > room) {
    size_t chunk = need > MORE ? need : MORE;
    p = mmap(NULL, chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
      return NULL;
    next = p;
    room = chunk;
  }
  p = next;
  next += need;
  room -= need;
  memcpy(p, &size, sizeof size);
  return p + ALIGN;
}

void free(void *p)
{
  (void)p;
}

void *calloc(size_t n, size_t size)
{
  /* fresh memory of the kernel or of .bss is zero, and none comes twice */
  if (size && n > SIZE_MAX / size)
    return no_memory();
  return malloc(n * size);
}

void *realloc(void *old, size_t size)
{
  size_t was;
  void *p;

  if (!old)
    return malloc(size);
  memcpy(&was, (char *)old - ALIGN, sizeof was);
  if (size <= was)
    return old;
  p = malloc(size);
  if (!p)
    return NULL;
  return memcpy(p, old, was);
}

void *aligned_alloc(size_t align, size_t size)
{
  if (align > ALIGN)
    return no_memory();
  return malloc(size);
}
