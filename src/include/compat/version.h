/* SPDX-License-Identifier: ISC */
#ifndef COMPAT_VERSION_H
#define COMPAT_VERSION_H

/* The release of RootlessKit whose command line and API this program speaks. */
#define COMPAT_VERSION "3.3.0"
#define COMPAT_API "1.1.3"

#endif
