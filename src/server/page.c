#include "server/call.h"
void page_problem(struct call *c)
{
}
const struct route routes_page[] = {
	{.pattern = NULL},
};
