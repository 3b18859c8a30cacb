/* SPDX-License-Identifier: ISC
   Processes that outlive their chain. */
#ifndef OUTSIDE_SURVIVORS_H
#define OUTSIDE_SURVIVORS_H

/* A chain has ended well (wstat, as of waitpid(2), is 0; -1: the kernel does not say how) and its
   network with it: warn if others live on in its network namespace, as they do after a program that
   has put itself in the background. */
void survivors_warn(int netns, int wstat);

#endif
