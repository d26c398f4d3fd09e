/* Descriptors that are closed in forked children. */
#ifndef UMADB_FORKS_H
#define UMADB_FORKS_H

/* Registers a fork handler that closes the descriptors in each child. Returns 0, or an
 * error number. */
int umadb_guard_forks(void);

void umadb_close_in_children(int descriptor);
void umadb_keep_in_children(int descriptor);

#endif
