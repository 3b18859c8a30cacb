/* SPDX-License-Identifier: ISC
   Any line as one of mountinfo; and any name, escaped as the kernel does it
   (proc_pid_mountinfo(5)), must come back. */
#include <rk/mountinfo.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char *line = malloc(4 * size + 64), *name = malloc(size + 1), *to, *at;

  if (!line || !name)
    abort();
  memcpy(line, data, size);
  line[size] = 0;
  for (unsigned int i = 1; i < 12; i++) {
    at = rk_mountinfo_field(line, i);
    if (at && (at < line || at > line + size))
      abort();
    if (at && i == 5)
      rk_mountinfo_unescape(at);
  }

  memcpy(name, data, size);
  name[size] = 0;
  to = line + sprintf(line, "36 35 98:0 / ");
  for (char const *s = name; *s; s++) {
    if (strchr(" \t\n\\", *s))
      to += sprintf(to, "\\%03o", (unsigned int)(unsigned char)*s);
    else
      *to++ = *s;
  }
  memcpy(to, " rw - x x rw", 13);
  at = rk_mountinfo_field(line, 5);
  if (!at)
    abort();
  rk_mountinfo_unescape(at);
  if (strcmp(at, name))
    abort();
  free(line);
  free(name);
  return 0;
}
