/* Descriptors that forked children of this process must not have. */
#ifndef UMADB_FORKS_H
#define UMADB_FORKS_H

/* Makes every child that is forked from now on close its copies. Returns 0, or an
 * error number. */
int umadb_guard_forks(void);

void umadb_close_in_children(int descriptor);
void umadb_keep_in_children(int descriptor);

#endif
