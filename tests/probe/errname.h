/* SPDX-License-Identifier: ISC */
#include <errno.h>
static inline char const *errname(int e)
{
  switch (e) {
    case 0: return "0";
    case EPERM: return "EPERM";
    case EACCES: return "EACCES";
    case ENOENT: return "ENOENT";
    case ESRCH: return "ESRCH";
    case EBADF: return "EBADF";
    case EINVAL: return "EINVAL";
    case EEXIST: return "EEXIST";
    case EPIPE: return "EPIPE";
    case EPROTO: return "EPROTO";
    case ECONNRESET: return "ECONNRESET";
    case ENOTDIR: return "ENOTDIR";
    case EIO: return "EIO";
  }
  return "other";
}
