/* SPDX-License-Identifier: Apache-2.0 */
/* HTML as text in a buffer. All that comes from elsewhere goes through html_text, by html_add's %s. */
#ifndef HIM_SERVER_HTML_H
#define HIM_SERVER_HTML_H

#include "base/arena.h"
#include "base/buf.h"

/* Appends text so that it is only text, in an element or in a quoted attribute: & < > " ' are escaped, what is not UTF-8 and
 * control characters other than tab and newline become U+FFFD. NULL is "". */
void html_text(struct buf *b, const char *text);

/* Appends markup in which each %s is such a text (and %% a percent sign). Nothing else may follow a %. */
void html_add(struct buf *b, const char *markup, ...) __attribute__((format(printf, 2, 3)));

/* text for the query of a link: all but letters, digits and -._~ percent-encoded. */
const char *html_url(const char *text, struct arena *a);

#endif
