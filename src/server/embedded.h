/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are part of the program: made into arrays by tools/embed at build time. */
#ifndef HIM_SERVER_EMBEDDED_H
#define HIM_SERVER_EMBEDDED_H

#include <stddef.h>

extern const unsigned char openapi_yaml[], page_css[], power_sh[];
extern const size_t openapi_yaml_len, page_css_len, power_sh_len;

#endif
