/* SPDX-License-Identifier: ISC */
#include "errtext.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

char const *errtext(int e)
{
  static struct {
    int e;
    char const *text;
  } const known[] = {
    {EADDRINUSE, "address already in use"},
    {EACCES, "permission denied"},
    {EPERM, "operation not permitted"},
    {EADDRNOTAVAIL, "cannot assign requested address"},
    {EAFNOSUPPORT, "address family not supported by protocol"},
    {EMFILE, "too many open files"},
    {ENFILE, "too many open files in system"},
    {ENOMEM, "cannot allocate memory"},
    {ENOENT, "no such file or directory"},
    {EISDIR, "is a directory"},
    {ELOOP, "is a symbolic link"},
    {EINVAL, "invalid argument"},
  };

  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].e == e)
      return known[i].text;
  return strerror(e);
}

int errno_passes(int e)
{
  static int const passing[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS, EINTR, EAGAIN, EIO};

  for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
    if (passing[i] == e)
      return 1;
  return 0;
}
