/* SPDX-License-Identifier: Apache-2.0 */
/* The plain page. */
#include "server/call.h"

void page_login(struct call *c, const char *problem)
{
}

void page_problem(struct call *c, const struct err *e)
{
}

const struct route routes_page[] = {
	{.pattern = NULL},
};
