/* SPDX-License-Identifier: ISC
   fuzz: src/rk-copyup/copyup_mountpoint.c
   Any line as one of mountinfo; and any name, escaped as the kernel does it (proc_pid_mountinfo(5)), must come back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/rk-copyup/copyup.h"

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char *line = malloc(4 * size + 64), *name = malloc(size + 1), *to;
  char const *at;
  unsigned int parent;

  if (!line || !name) abort();
  memcpy(line, data, size);
  line[size] = 0;
  copyup_mountpoint(line, &parent);

  memcpy(name, data, size);
  name[size] = 0;
  to = line + sprintf(line, "36 35 98:0 / ");
  for (char const *s = name; *s; s++) {
    if (strchr(" \t\n\\", *s)) to += sprintf(to, "\\%03o", (unsigned char)*s);
    else *to++ = *s;
  }
  memcpy(to, " rw - x x rw", 13);
  at = copyup_mountpoint(line, &parent);
  if (!at || parent != 35 || strcmp(at, name)) abort();
  free(line);
  free(name);
  return 0;
}
