/* SPDX-License-Identifier: ISC
   How it ended, in RootlessKit's exit status and words. */
#include <compat/go.h>
#include "run.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static char *command_text(struct run const *r)
{
  char *text = run_text("%s", "");

  for (char const *const *p = r->command; *p; p++) {
    char *more = run_text("%s%s%s", text, p == r->command ? "" : " ", *p);
    free(text);
    text = more;
  }
  return text;
}

int run_report(struct run const *r, int wstat, int e)
{
  char quoted[512];
  char const *name = r->command[0];

  if (e > 0) {
    if (!strchr(name, '/') && (e == ENOENT || e == EACCES))
      run_error("child ", "command [%s] exited: exec: %s: executable file not found in $PATH",
                command_text(r), go_quote(name, quoted, sizeof quoted));
    else
      run_error("child ", "command [%s] exited: fork/exec %s: %s", command_text(r), name,
                go_errno(e));
    run_error("parent", "child exited: exit status 1");
    return 1;
  }
  /* A program of the chain that exits has said why, in its own one line. */
  if (e == 0 && WIFEXITED(wstat) && WEXITSTATUS(wstat))
    return 1;
  if (e == 0) {
    run_error("parent", "child exited: %s", go_status(wstat));
    return WIFEXITED(wstat) ? 1 : 255;
  }
  if (WIFEXITED(wstat) && !WEXITSTATUS(wstat))
    return 0;
  run_error("child ", "command [%s] exited: %s", command_text(r), go_status(wstat));
  if (WIFEXITED(wstat)) {
    run_error("parent", "child exited: %s", go_status(wstat));
    return WEXITSTATUS(wstat);
  }
  run_error("parent", "child exited: exit status 255");
  return 255;
}
