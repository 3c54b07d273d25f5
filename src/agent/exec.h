/* SPDX-License-Identifier: Apache-2.0 */
/* him-agent exec DIR: the supervisor of one job. It outlives the agent; what it finds stands in DIR/outcome.json. */
#ifndef HIM_AGENT_EXEC_H
#define HIM_AGENT_EXEC_H

#define EXEC_LIVE_FD 3 /* where live output goes, when it is a pipe */

int exec_main(int argc, char **argv);

#endif
