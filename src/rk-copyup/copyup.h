/* SPDX-License-Identifier: ISC
   What the parts of rk-copyup share. All of these die with one line when they cannot do what they
   say: the mount namespace is this process's own, so everything they did is gone with it. */
#ifndef COPYUP_H
#define COPYUP_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* One element of DIRS, opened (O_PATH) where it now leads. */
struct copyup {
  char const *path; /* as given: for messages */
  int fd;
  struct stat st;
};

/* "unable to VERB PATH/NAME: strerror" (111); without the slash if name is empty. Errors keep
   errno. */
void copyup_die(char const *verb, char const *path, char const *name) __attribute__((noreturn));

/* The path of dir by the kernel's names (proc_pid_fd(5)), or die. */
void copyup_real_path(struct copyup const *dir, char real[PATH_MAX]);

/* Is path, by the kernel's names, the directory real or something below it? Not for the root. */
int copyup_is_below(char const *path, char const *real);

/* Modes: cover the directory with what is writable. */
void copyup_symlink(struct copyup const *dir);
void copyup_overlay(struct copyup const *dir);
void copyup_copy(struct copyup const *dir);

/* Mount the sockets and FIFOs of dir on those of the overlay, whose root overlay is. One warning if
   that is not possible for all. */
void copyup_special(struct copyup const *dir, int overlay);

/* A regular file, in every mode: a private copy of it on top of it. */
void copyup_file(struct copyup const *file);

/* Die (100) if a file system is mounted below dir: the kernel shows it in no overlay. Needs
   /proc. */
void copyup_overlay_check(struct copyup const *dir);

/* A detached tmpfs whose root has these permissions; an fd that serves as directory, too. The
   caller closes it. */
int copyup_tmpfs(mode_t mode);

/* Set one parameter of a file system context, or die; value NULL: it is a flag. */
void copyup_fs_set(int fsfd, char const *fsname, char const *key, char const *value);
/* Make the file system and a detached mount of it; dies with the kernel's own words where it left
   some. */
int copyup_fs_mount(int fsfd, char const *fsname);

/* A detached clone of what name is below dirfd ("": dirfd itself), with all that is mounted below
   it. path: of dirfd, for the message. */
int copyup_clone(int dirfd, char const *name, char const *path);

/* Detach the attached mount whose root mountfd is, or die. */
void copyup_detach(int mountfd);

/* Mount what mountfd holds on name below dirfd ("": dirfd itself); path: of dirfd, for the
   message. */
void copyup_attach(int mountfd, int dirfd, char const *name, char const *path);

/* Reading a directory without malloc: begin with {.fd = fd}, name lives until the next call. */
struct copyup_list {
  int fd;
  long len;
  long pos;
  int64_t next; /* lseek(2) of fd to this, with len and pos 0, goes on after the last name
                   (getdents(2): d_off) */
  _Alignas(8) char buf[8192];
};
/* Next name but . and .., its DT_ type in *type (looked up where the file system does not say). 0
   at the end, -1 with errno. */
int copyup_next(struct copyup_list *list, char const **name, unsigned char *type);

/* The DT_ type of a file of that st_mode. */
unsigned char copyup_type(mode_t mode);

/* A directory of ours, to read it. An fd, or -1 with errno. */
int copyup_read_dir(int dirfd, char const *name);

/* A directory of others: no link, and not on another file system (EXDEV). Likewise. */
int copyup_open_dir(int dirfd, char const *name);

/* Flags of open_tree(2) for the clone of an entry with what is mounted below it. */
#define COPYUP_CLONE (OPEN_TREE_CLONE | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)

/* Where the relative links of one entry of a directory lead: out of the directory, or to which of
   its entries. A set of names is 64 bits, one a hash value: it may say yes too often. */
struct escape_climb {
  int out;
  uint64_t tops;
};
uint64_t escape_bit(char const *name, size_t len);

/* Add the text of a symbolic link that lies depth directories below the directory. Every ".." is
   counted as one level up, since a component before it may be a link itself. Pure. */
void escape_climb(struct escape_climb *climb, char const *text, unsigned int depth);

/* Add all links of the directory name below dirfd. If that would cost too much, out is set. */
void escape_search(struct escape_climb *climb, int dirfd, char const *name);

/* Contents (holes stay holes) and attributes of a regular file. in and out: fds. -1 with errno. */
int copyup_data(int in, int out, off_t size);
/* The owner that st names, where it is mapped; else the new file stays 0:0. -1 with errno. */
int copyup_chown(int out, struct stat const *st);
/* Owner where it is mapped (else 0:0 and no set-id bits), permissions, user.* and ACL attributes,
   times. st: of the original. *lost counts the attributes that could not be set. -1 with errno. */
int copyup_attributes(int in, int out, struct stat const *st, unsigned int *lost);

/* One warning if lost is not 0: so many extended attributes of path, or of what is below it, could
   not be kept. */
void copyup_warn_lost(char const *path, unsigned int lost);

/* dir and name put together as they may be put into a message: as they are, or in quotes with
   escapes (rk_text_quote) if they hold a byte that a terminal or a reader could take for something
   else. What does not fit is cut off. */
void copyup_shown(char *buf, size_t size, char const *dir, char const *name);

/* Names for one line: the first ones, and how many in all. Empty: n is 0. */
struct copyup_names {
  unsigned int n;
  size_t len;
  unsigned int shown;
  char text[1024];
};
void copyup_names_add(struct copyup_names *names, char const *dir, char const *name);
/* " a b c and 4 more", zero-terminated, until the next change. */
char const *copyup_names_text(struct copyup_names *names);

#endif
