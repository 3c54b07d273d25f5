/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas as they were made, by tools/schema from model.def. Text that stands here never changes: a new field is a new
 * migration (migrate.c). A unit test holds the migrated database against model.def. */
#ifndef HIM_STORE_SCHEMA_H
#define HIM_STORE_SCHEMA_H

#define SCHEMA_0001                                                                                \
	"CREATE TABLE machines (id TEXT NOT NULL, name TEXT, agent TEXT, site TEXT, state TEXT, "  \
	"state_since BIGINT NOT NULL DEFAULT 0, seen BIGINT NOT NULL DEFAULT 0, relay TEXT, "      \
	"route TEXT, channel TEXT, channel_reason TEXT, created BIGINT NOT NULL DEFAULT 0, "       \
	"reported BIGINT NOT NULL DEFAULT 0, revoked BIGINT NOT NULL DEFAULT 0, clock_skew_ms "    \
	"BIGINT, notice TEXT, him_version TEXT, host_name TEXT, host_id TEXT, host_type TEXT, "    \
	"host_arch TEXT, host_vendor TEXT, host_model TEXT, host_serial TEXT, host_uuid TEXT, "    \
	"bios_version TEXT, os_type TEXT, os_name TEXT, os_version TEXT, os_id TEXT, "             \
	"os_description TEXT, kernel TEXT, boot BIGINT NOT NULL DEFAULT 0, cpu_vendor TEXT, "      \
	"cpu_model TEXT, cpu_sockets BIGINT, cpu_cores BIGINT, cpu_threads BIGINT, memory "        \
	"BIGINT, swap BIGINT, disk BIGINT, packages BIGINT, users BIGINT, timezone TEXT, ip "      \
	"TEXT, mac TEXT, gateway_ip TEXT, gateway_mac TEXT, PRIMARY KEY (id));"                    \
	"CREATE INDEX machines_name ON machines (name);"                                           \
	"CREATE INDEX machines_agent ON machines (agent);"                                         \
	"CREATE INDEX machines_site ON machines (site);"                                           \
	"CREATE INDEX machines_state ON machines (state);"                                         \
	"CREATE INDEX machines_relay ON machines (relay);"                                         \
	"CREATE TABLE agents (id TEXT NOT NULL, machine TEXT, role TEXT, site TEXT, token TEXT, "  \
	"box TEXT, enrolled BIGINT NOT NULL DEFAULT 0, cert_until BIGINT NOT NULL DEFAULT 0, "     \
	"revoked BIGINT NOT NULL DEFAULT 0, revoked_version BIGINT NOT NULL DEFAULT 0, "           \
	"forked_from TEXT, stream TEXT, seq BIGINT NOT NULL DEFAULT 0, digest TEXT, "              \
	"report_digest TEXT, generation BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (id));"             \
	"CREATE INDEX agents_machine ON agents (machine);"                                         \
	"CREATE INDEX agents_revoked_version ON agents (revoked_version);"                         \
	"CREATE TABLE streams (agent TEXT NOT NULL, stream TEXT NOT NULL, seq BIGINT NOT NULL "    \
	"DEFAULT 0, digest TEXT, ended BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (agent, stream));"   \
	"CREATE TABLE relays (id TEXT NOT NULL, name TEXT, site TEXT, state TEXT, state_since "    \
	"BIGINT NOT NULL DEFAULT 0, seen BIGINT NOT NULL DEFAULT 0, route TEXT, addresses TEXT, "  \
	"children BIGINT NOT NULL DEFAULT 0, spool TEXT, spool_bytes BIGINT NOT NULL DEFAULT 0, "  \
	"spool_max_bytes BIGINT NOT NULL DEFAULT 0, notice TEXT, version TEXT, revoked BIGINT "    \
	"NOT NULL DEFAULT 0, PRIMARY KEY (id));"                                                   \
	"CREATE INDEX relays_state ON relays (state);"                                             \
	"CREATE TABLE actions (id TEXT NOT NULL, kind TEXT, \"by\" TEXT, query TEXT, command "     \
	"TEXT, script TEXT, timeout_ms BIGINT NOT NULL DEFAULT 0, cpu_percent BIGINT NOT NULL "    \
	"DEFAULT 0, memory_bytes BIGINT NOT NULL DEFAULT 0, run_as TEXT, env TEXT, attach BIGINT " \
	"NOT NULL DEFAULT 0, made BIGINT NOT NULL DEFAULT 0, deadline BIGINT NOT NULL DEFAULT 0, " \
	"state TEXT, ended BIGINT NOT NULL DEFAULT 0, cancelled_by TEXT, targets BIGINT NOT NULL " \
	"DEFAULT 0, waiting BIGINT NOT NULL DEFAULT 0, notified BIGINT NOT NULL DEFAULT 0, "       \
	"fetched BIGINT NOT NULL DEFAULT 0, running BIGINT NOT NULL DEFAULT 0, done BIGINT NOT "   \
	"NULL DEFAULT 0, failed BIGINT NOT NULL DEFAULT 0, timed_out BIGINT NOT NULL DEFAULT 0, "  \
	"refused BIGINT NOT NULL DEFAULT 0, expired BIGINT NOT NULL DEFAULT 0, cancelled BIGINT "  \
	"NOT NULL DEFAULT 0, frame BLOB, PRIMARY KEY (id));"                                       \
	"CREATE INDEX actions_made ON actions (made);"                                             \
	"CREATE INDEX actions_deadline ON actions (deadline);"                                     \
	"CREATE INDEX actions_state ON actions (state);"                                           \
	"CREATE TABLE results (action TEXT NOT NULL, agent TEXT NOT NULL, machine TEXT, name "     \
	"TEXT, site TEXT, leaf BIGINT NOT NULL DEFAULT 0, state TEXT, path BLOB, exit_code "       \
	"BIGINT, signal TEXT, reason TEXT, started BIGINT NOT NULL DEFAULT 0, ended BIGINT NOT "   \
	"NULL DEFAULT 0, updated BIGINT NOT NULL DEFAULT 0, limits TEXT, stdout_ BLOB, "           \
	"stdout_bytes BIGINT NOT NULL DEFAULT 0, stdout_dropped BIGINT NOT NULL DEFAULT 0, "       \
	"stderr_ BLOB, stderr_bytes BIGINT NOT NULL DEFAULT 0, stderr_dropped BIGINT NOT NULL "    \
	"DEFAULT 0, PRIMARY KEY (action, agent));"                                                 \
	"CREATE INDEX results_agent ON results (agent);"                                           \
	"CREATE INDEX results_machine ON results (machine);"                                       \
	"CREATE INDEX results_state ON results (state);"                                           \
	"CREATE TABLE attachments (action TEXT NOT NULL, agent TEXT NOT NULL, name TEXT NOT "      \
	"NULL, \"offset\" BIGINT NOT NULL, total BIGINT NOT NULL DEFAULT 0, data BLOB, PRIMARY "   \
	"KEY (action, agent, name, \"offset\"));"                                                  \
	"CREATE TABLE events (id INTEGER PRIMARY KEY, time BIGINT NOT NULL DEFAULT 0, kind TEXT, " \
	"severity TEXT, site TEXT, machine TEXT, action TEXT, text TEXT);"                         \
	"CREATE INDEX events_time ON events (time);"                                               \
	"CREATE INDEX events_kind ON events (kind);"                                               \
	"CREATE INDEX events_machine ON events (machine);"                                         \
	"CREATE INDEX events_action ON events (action);"                                           \
	"CREATE TABLE tokens (id TEXT NOT NULL, hash TEXT, role TEXT, site TEXT, uses BIGINT NOT " \
	"NULL DEFAULT 0, used BIGINT NOT NULL DEFAULT 0, made BIGINT NOT NULL DEFAULT 0, expires " \
	"BIGINT NOT NULL DEFAULT 0, \"by\" TEXT, revoked BIGINT NOT NULL DEFAULT 0, PRIMARY KEY "  \
	"(id));"                                                                                   \
	"CREATE INDEX tokens_hash ON tokens (hash);"                                               \
	"CREATE TABLE users (name TEXT NOT NULL, password TEXT, must_change BIGINT NOT NULL "      \
	"DEFAULT 0, made BIGINT NOT NULL DEFAULT 0, disabled BIGINT NOT NULL DEFAULT 0, PRIMARY "  \
	"KEY (name));"                                                                             \
	"CREATE TABLE grants (\"user\" TEXT NOT NULL, site TEXT NOT NULL, role TEXT, PRIMARY KEY " \
	"(\"user\", site));"                                                                       \
	"CREATE TABLE sessions (id TEXT NOT NULL, hash TEXT, \"user\" TEXT, kind TEXT, csrf "      \
	"TEXT, made BIGINT NOT NULL DEFAULT 0, used BIGINT NOT NULL DEFAULT 0, expires BIGINT "    \
	"NOT NULL DEFAULT 0, PRIMARY KEY (id));"                                                   \
	"CREATE INDEX sessions_hash ON sessions (hash);"                                           \
	"CREATE INDEX sessions_user ON sessions (\"user\");"                                       \
	"CREATE TABLE audits (id INTEGER PRIMARY KEY, time BIGINT NOT NULL DEFAULT 0, who TEXT, "  \
	"from_ TEXT, what TEXT, object TEXT, detail TEXT, hash TEXT);"                             \
	"CREATE TABLE sections (agent TEXT NOT NULL, section TEXT NOT NULL, body TEXT, PRIMARY "   \
	"KEY (agent, section));"                                                                   \
	"CREATE TABLE addresses (machine TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, " \
	"nic TEXT, PRIMARY KEY (machine, kind, value));"                                           \
	"CREATE INDEX addresses_value ON addresses (value);"                                       \
	"CREATE TABLE settings (name TEXT NOT NULL, value TEXT, PRIMARY KEY (name));"

/* What runs on what. */
#define SCHEMA_0004                                                                                \
	"ALTER TABLE machines ADD COLUMN power TEXT;"                                              \
	"ALTER TABLE machines ADD COLUMN runs_on TEXT;"                                            \
	"ALTER TABLE machines ADD COLUMN runs_on_site TEXT;"                                       \
	"ALTER TABLE machines ADD COLUMN guests BIGINT;"                                           \
	"ALTER TABLE machines ADD COLUMN marked BIGINT NOT NULL DEFAULT 0;"                        \
	"ALTER TABLE machines ADD COLUMN marked_by TEXT;"                                          \
	"CREATE INDEX machines_power ON machines (power);"                                         \
	"CREATE INDEX machines_runs_on ON machines (runs_on);"                                     \
	"CREATE TABLE sightings (source TEXT NOT NULL, ref TEXT NOT NULL, anchor TEXT, "           \
	"machine TEXT, kind TEXT, name TEXT, platform TEXT, power TEXT, vcpus BIGINT, "            \
	"memory_bytes BIGINT, digest TEXT, first BIGINT NOT NULL DEFAULT 0, since "                \
	"BIGINT NOT NULL DEFAULT 0, changed BIGINT NOT NULL DEFAULT 0, gone BIGINT NOT "           \
	"NULL DEFAULT 0, again BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (source, ref));"             \
	"CREATE INDEX sightings_anchor ON sightings (anchor);"                                     \
	"CREATE INDEX sightings_machine ON sightings (machine);"                                   \
	"CREATE INDEX sightings_gone ON sightings (gone);"                                         \
	"CREATE INDEX sightings_again ON sightings (again);"                                       \
	"CREATE TABLE sighting_keys (source TEXT NOT NULL, ref TEXT NOT NULL, n BIGINT "           \
	"NOT NULL, kind TEXT, scope TEXT, value TEXT, not_own BIGINT NOT NULL DEFAULT "            \
	"0, connects TEXT, PRIMARY KEY (source, ref, n));"                                         \
	"CREATE INDEX sighting_keys_connects ON sighting_keys (connects);"                         \
	"CREATE TABLE links (id INTEGER PRIMARY KEY, guest TEXT, host TEXT, began "                \
	"BIGINT NOT NULL DEFAULT 0, until BIGINT NOT NULL DEFAULT 0, certain BIGINT NOT"           \
	" NULL DEFAULT 0, source TEXT, ref TEXT, evidence TEXT);"                                  \
	"CREATE INDEX links_guest ON links (guest);"                                               \
	"CREATE INDEX links_host ON links (host);"                                                 \
	"CREATE INDEX links_until ON links (until);"                                               \
	"CREATE TABLE moves (id INTEGER PRIMARY KEY, time BIGINT NOT NULL DEFAULT 0, "             \
	"machine TEXT, from_host TEXT, to_host TEXT);"                                             \
	"CREATE INDEX moves_time ON moves (time);"                                                 \
	"CREATE INDEX moves_machine ON moves (machine);"                                           \
	"CREATE INDEX moves_from_host ON moves (from_host);"                                       \
	"CREATE INDEX moves_to_host ON moves (to_host);"                                           \
	"CREATE TABLE decisions (id TEXT NOT NULL, kind TEXT, one TEXT, other TEXT, "              \
	"machine TEXT, with_machine TEXT, text TEXT, \"by\" TEXT, made BIGINT NOT NULL "           \
	"DEFAULT 0, undone BIGINT NOT NULL DEFAULT 0, undone_by TEXT, PRIMARY KEY "                \
	"(id));"                                                                                   \
	"CREATE INDEX decisions_one ON decisions (one);"                                           \
	"CREATE INDEX decisions_other ON decisions (other);"                                       \
	"CREATE INDEX decisions_machine ON decisions (machine);"                                   \
	"CREATE UNIQUE INDEX links_open ON links (guest, host) WHERE until = 0;"

#endif
