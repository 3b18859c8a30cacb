/* SPDX-License-Identifier: ISC
   A terminal that is shared with processes on the other side of a boundary. */
#ifndef RK_TTY_H
#define RK_TTY_H

/* Put a seccomp filter on this process, and on all that it becomes or starts, by which ioctl(2)
   refuses TIOCSTI and TIOCLINUX with EPERM (ioctl_tty(2), ioctl_console(2)): with these a program
   types into its terminal, and so into the shell that reads from it next. The sysctl
   dev.tty.legacy_tiocsti=0 of Linux 6.2 closes the first only, and anybody may be given a kernel
   where it is 1. Needs CAP_SYS_ADMIN in the own user namespace, or no_new_privs (seccomp(2)). Later
   filters of the program's own add to this one. 0, or -1 with errno: EINVAL or ENOSYS if the kernel
   has no seccomp filters. */
int rk_tty_no_input(void);

/* The same, or die with 111. */
void rk_tty_no_input_or_die(void);

#endif
