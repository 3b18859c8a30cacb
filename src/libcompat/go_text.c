/* SPDX-License-Identifier: ISC */
#include <compat/go.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* Go prints error numbers in lower case; musl's and glibc's words differ from it only there, in the
   common cases. */
char const *go_errno(int e)
{
  static char text[80];
  char const *s = strerror(e);

  if (e == ENOENT)
    return "no such file or directory";
  if (e == EMFILE)
    return "too many open files";
  if (e == ENFILE)
    return "too many open files in system";
  if (e == ENOMEM)
    return "cannot allocate memory";
  if (e == EIO)
    return "input/output error";
  snprintf(text, sizeof text, "%s", s);
  if (text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z'))
    text[0] = (char)(text[0] | 0x20);
  return text;
}

static char const *signal_text(int sig)
{
  static struct {
    int sig;
    char const *text;
  } const names[] = {
    {SIGHUP, "hangup"},
    {SIGINT, "interrupt"},
    {SIGQUIT, "quit"},
    {SIGILL, "illegal instruction"},
    {SIGTRAP, "trace/breakpoint trap"},
    {SIGABRT, "aborted"},
    {SIGBUS, "bus error"},
    {SIGFPE, "floating point exception"},
    {SIGKILL, "killed"},
    {SIGUSR1, "user defined signal 1"},
    {SIGSEGV, "segmentation fault"},
    {SIGUSR2, "user defined signal 2"},
    {SIGPIPE, "broken pipe"},
    {SIGALRM, "alarm clock"},
    {SIGTERM, "terminated"},
  };

  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].sig == sig)
      return names[i].text;
  return 0;
}

char const *go_status(int wstat)
{
  static char text[80];

  if (WIFEXITED(wstat))
    snprintf(text, sizeof text, "exit status %d", WEXITSTATUS(wstat));
  else {
    char const *name = signal_text(WTERMSIG(wstat));
    if (name)
      snprintf(text, sizeof text, "signal: %s%s", name, WCOREDUMP(wstat) ? " (core dumped)" : "");
    else
      snprintf(text, sizeof text, "signal: signal %d%s", WTERMSIG(wstat),
               WCOREDUMP(wstat) ? " (core dumped)" : "");
  }
  return text;
}
