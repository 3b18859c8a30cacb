/* SPDX-License-Identifier: ISC
   The life of a state directory as RootlessKit has it: emptied at the start, gone at the end, even
   if it was named. */
#ifndef RUN_STATE_H
#define RUN_STATE_H

/* Absolute path of a directory named by --state-dir, allocated: where its symbolic links lead. */
char *run_state_path(char const *dir);

/* Nobody runs there, and what a dead chain left is gone. Dies with RootlessKit's words if it is
   locked. Removes nothing that is not a chain's: dies if the directory is another user's, or has
   content that neither bears our mark (.made, .owner) nor has only names of rk's or RootlessKit's;
   crosses no mount. */
void run_state_claim(char const *dir);

/* Wait until rk-outside has let go, then remove the directory. Without a word if it is gone
   already. */
void run_state_remove(char const *dir);

#endif
