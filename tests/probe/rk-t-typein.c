/* SPDX-License-Identifier: ISC
   rk-t-typein: tries to type into its controlling terminal, by each way into ioctl(2) that this
   machine has. One line for each: WAY REQUEST RESULT, where RESULT is "done", the name of the
   error, or "none" if the kernel has no such way. Then whether another ioctl still works by that
   way. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "errname.h"

#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif
#ifndef MAP_32BIT
#define MAP_32BIT 0
#endif

/* One ioctl: 0, or -errno. */
typedef long way(int fd, unsigned long request, void *arg);

static long result(long r)
{
  return r == -1 ? -errno : r;
}

static long native(int fd, unsigned long request, void *arg)
{
  return result(syscall(SYS_ioctl, fd, request, arg));
}

/* The kernel cuts the request to 32 bits. */
static long upper(int fd, unsigned long request, void *arg)
{
  return result(syscall(SYS_ioctl, fd, request | 0xdeadbeef00000000UL, arg));
}

#ifdef __x86_64__
static long x32(int fd, unsigned long request, void *arg)
{
  return result(syscall(0x40000000 + 514, fd, request, arg));
}

static long x32_without_bit(int fd, unsigned long request, void *arg)
{
  return result(syscall(514, fd, request, arg));
}

static long x32_of_64(int fd, unsigned long request, void *arg)
{
  return result(syscall(0x40000000 + 16, fd, request, arg));
}

static long i386(int fd, unsigned long request, void *arg)
{
  long r = 54;

  __asm__ volatile("int $0x80"
                   : "+a"(r)
                   : "b"((long)fd), "c"(request), "d"(arg)
                   : "memory", "r8", "r9", "r10", "r11");
  return (int)r;
}
#endif

static struct {
  char const *name;
  way *call;
} const ways[] = {
  {"native", native},
  {"upper", upper},
#ifdef __x86_64__
  {"x32", x32},
  {"x32-without-bit", x32_without_bit},
  {"x32-of-64", x32_of_64},
  {"i386", i386},
#endif
};

static void report(char const *name, char const *request, long r)
{
  printf("%s %s %s\n", name, request, r >= 0 ? "done" : r == -ENOSYS ? "none" : errname((int)-r));
}

static void try(char const *name, way *call, int fd, char *arg)
{
  arg[0] = 'x';
  report(name, "TIOCSTI", call(fd, TIOCSTI, arg));
  arg[0] = 12; /* which console is shown */
  report(name, "TIOCLINUX", call(fd, TIOCLINUX, arg));
  report(name, "TIOCGWINSZ", call(fd, TIOCGWINSZ, arg));
  tcflush(fd, TCIFLUSH);
}

int main(void)
{
  int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
  char *arg = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1,
                   0); /* for i386 */

  if (fd == -1 || arg == MAP_FAILED)
    return 99;
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    int st;
    pid_t child = fork(); /* a kernel without i386 calls kills it */
    if (child == 0) {
      try(ways[i].name, ways[i].call, fd, arg);
      fflush(stdout);
      _exit(0);
    }
    if (child == -1 || waitpid(child, &st, 0) == -1)
      return 99;
    if (st)
      printf("%s none\n", ways[i].name);
    fflush(stdout);
  }
  return 0;
}
