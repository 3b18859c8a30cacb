/* SPDX-License-Identifier: ISC
   The life of a state directory as the peer has it: emptied at the start, gone at the end, even if it was named. */
#ifndef RUN_STATE_H
#define RUN_STATE_H

/* Absolute path of a directory named by --state-dir, allocated. */
char *run_state_path(char const *dir);

/* Nobody runs there, and what a dead chain left is gone. Dies with the peer's words if it is locked; refuses a directory
   that has content and no lock file: that is somebody's data, not a state directory. */
void run_state_claim(char const *dir);

/* Wait until rk-outside has let go, then remove the directory. Without a word if it is gone already. */
void run_state_remove(char const *dir);

#endif
