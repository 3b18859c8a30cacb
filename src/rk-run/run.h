/* SPDX-License-Identifier: ISC
   What the files of rk-run share: the options, and the steps from them to a running chain. */
#ifndef RUN_H
#define RUN_H

#include <compat/goflags.h>
#include <compat/version.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

struct run {
  int debug, help, version;
  char const *print_semver;
  char const *print;     /* 0: run; else the language of the printed chain */
  char const *service;   /* 0: run; else the kind of service directory */
  char const *state_dir; /* absolute after run_check; "" for a temporary one */
  char const *net, *pasta, *pesto, *slirp, *slirp_sandbox, *slirp_seccomp, *vpnkit, *lxc, *bridge;
  long long mtu;
  char const *cidr, *ifname;
  int no_host_loopback, ipv6, detach_netns;
  struct goflag_list copy_up, publish;
  char const *copy_up_mode, *propagation;
  char const *port_driver;
  char const *publish_address; /* "": all; else of ports that name none */
  int srcip;
  char const *srcip_backend;
  int pidns, cgroupns, utsns, ipcns;
  char const *reaper, *evacuate, *subid_source;
  int no_gvproxy;             /* another driver takes its place */
  int portd_dir;              /* privilege_take() */
  char const *keep_fds;       /* for -f of rk-net and rk-pidns, "" for none; null when a chain is
                                 only printed */
  char const *const *given;   /* the whole command line after the program's name */
  char const *const *command; /* what to run, terminated by 0 */
};

/* flags.c: read the command line into r; prints help, version, usage errors and exits where
   RootlessKit does. */
void run_flags(struct run *r, char const *const *argv);

/* check.c: RootlessKit's checks in RootlessKit's order, warnings included; one that fails ends the
   program (exit 1) before anything was made. Resolves paths (state_dir, programs of drivers). */
void run_check(struct run *r);

/* fds.c: what run.keep_fds is to be. Of the inherited descriptors that lead outside (rk/fds.h) 0,
   1, 2 and those of LISTEN_FDS are kept; the others are made close-on-exec, with a warning each.
   Allocated. */
char const *run_fds(struct run const *r);

/* compose.c: the chain as a command line, allocated, terminated by 0. absolute: programs by full
   path, for execution; else by bare name, for people. gate: 0, or three descriptor numbers: two for
   rk-gate before the command, one on which rk-state tells the directory.
   state_dir: which directory, or 0: rk-state -t makes one. */
char const *const *run_chain(struct run const *r, int absolute, int const gate[3],
                             char const *state_dir);

/* NAME=VALUE words for the driver outside, terminated by 0; a printed chain begins with them. */
char const *const *run_driver_env(struct run const *r);

/* Does the network driver publish ports, when it is there and asked? 1 or 0. */
int run_lends_ports(struct run const *r);

/* print.c */
void run_print(struct run const *r) __attribute__((noreturn));
/* service_dir.c */
void run_service(struct run *r) __attribute__((noreturn));
/* supervise.c: run the chain, serve ports and the API, pass signals on. Returns the exit status. */
int run_supervise(struct run const *r);

/* report.c: say how the chain's process ended and map it to RootlessKit's exit status. e: errno of
   an exec of the command that failed; 0: the command was not tried, -1: it was started. */
int run_report(struct run const *r, int wstat, int e);

/* signals.c: block every signal that is to be passed on, *was becomes the mask before; returns a
   signalfd for them. */
int run_signals_block(uint64_t *was);
/* The next signal that has arrived: its number, code and value. 0: there is none. */
int run_signals_read(int fd, siginfo_t *si);

/* say.c: messages in RootlessKit's form. */
/* Say it and exit with 1, after what run_on_death has set. */
void run_die(char const *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* The same without a word: another program has said why. */
void run_end(void) __attribute__((noreturn));
/* What run_die does before it speaks, from now on: nothing half-done is left. */
void run_on_death(void (*tidy)(void *ctx), void *ctx);
void run_error(char const *who, char const *format, ...) __attribute__((format(printf, 2, 3)));
void run_warn(char const *format, ...) __attribute__((format(printf, 1, 2)));
void run_debug(struct run const *r, char const *format, ...) __attribute__((format(printf, 2, 3)));
/* The words of a command line as one line for a message, each quoted as Go's %q does. In fresh
   memory. */
char *run_words(char const *const *argv);
/* malloc that ends the program instead of failing; memory lives as long as the program. */
void *run_alloc(size_t size);
/* snprintf into fresh memory. */
char *run_text(char const *format, ...) __attribute__((format(printf, 1, 2)));

#endif
