/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the terms of an expression that speak of a flow's ends: addresses, networks, ports.
 *
 * For the parser behind fetch/expr.h alone.
 * Threads:  any; nothing is shared.
 */
#ifndef FETCH_EXPRENDS_H
#define FETCH_EXPRENDS_H

#include "fetch/exprterm.h"

/*
 * exprends_host, exprends_net, exprends_port, exprends_portrange - what follows such a word.
 * exprends_one - what follows `src` (k->what: EXPR_CLIENT) or `dst` (EXPR_SERVER).
 *
 * Returns:  as exprterm_parse.
 */
int exprends_host(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n);
int exprends_net(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n);
int exprends_port(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n);
int exprends_portrange(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n);
int exprends_one(struct exprparser *p, const struct exprterm_keyword *k, struct expr_node *n);

#endif
