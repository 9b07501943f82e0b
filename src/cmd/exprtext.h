/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Expressions from the command line: words made one text, and complaints that show where in it the
 * fault is.
 *
 * Threads:  main.
 */
#ifndef CMD_EXPRTEXT_H
#define CMD_EXPRTEXT_H

#include "fetch/expr.h"

/*
 * exprtext_join - the words with blanks between them; "" where there is none.
 *
 * Returns:  0, and a text that the caller frees; -ENOMEM.
 */
int exprtext_join(char *const *words, unsigned count, char **ret_text);

/*
 * exprtext_parse - expr_parse, at this moment; what is wrong is said on the standard error:
 *
 *     flowkeep: options: error: find: no address: '300.1.1.1'
 *       host 300.1.1.1 and port 80
 *            ^~~~~~~~~
 *
 * Takes:    component, the command's name; text of any bytes.
 * Returns:  0 and *ret_expr; -EINVAL, -ENOMEM after saying so.
 */
int exprtext_parse(const char *component, const char *text, struct expr **ret_expr);

#endif
