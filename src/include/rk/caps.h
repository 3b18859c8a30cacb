/* SPDX-License-Identifier: ISC
   The capabilities of this process across exec, capabilities(7). Raw calls: libcap is 7 KB in a link for these few steps. */
#ifndef RK_CAPS_H
#define RK_CAPS_H

/* Are all of the capabilities of this mask effective? 1 or 0, or -1 with errno. */
int rk_caps_effective(unsigned long long mask);

/* Make every permitted capability inheritable and ambient, so that it survives the exec of a program whose uid is not (yet) 0.
   0, or -1 with errno: EPERM if the securebit NO_CAP_AMBIENT_RAISE is set. */
int rk_caps_raise(void);

/* Clear the ambient and inheritable sets. Root keeps its capabilities by executing. 0, or -1 with errno. */
int rk_caps_settle(void);

#endif
