/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From reports to machines and links, on a real database: the store and the resolver together. A machine here is an agent with
 * three sections; what it lists, it lists in `guests`.
 */
#include "../store/kit.h"
#include "core/resolve.h"
#include "server/topology.h"
#include "store/store_link.h"
#include "store/store_machine.h"
#include "store/store_trust.h"
#include <stdio.h>
#include <string.h>

#define UUID_A "11111111-2222-4333-8444-5555555555aa"
#define MAC_A "52:54:00:00:00:0a"

struct scene {
	struct kit *k;
	struct effects effects;
	int64_t now;
};

static struct topology at(struct scene *s)
{
	effects_init(&s->effects, s->k->a);
	return (struct topology){s->k->db, s->k->a, &s->effects, s->now, &s->k->e};
}

static void section(struct scene *s, int n, const char *name, const char *body)
{
	struct stmt *q = db_prepare(s->k->db,
		"INSERT INTO sections (agent, section, body) VALUES (?1, ?2, ?3) ON CONFLICT "
		"(agent, section) DO UPDATE SET body = excluded.body",
		&s->k->e);

	bind_text(q, 1, kit_id(s->k, 'a', n));
	bind_text(q, 2, name);
	bind_text(q, 3, body);
	ok(s->k, db_run(q, &s->k->e));
}

static void report(struct scene *s, int n)
{
	struct topology t = at(s);

	s->now += 1000;
	t.now_ms = s->now;
	ok(s->k, topology_report(&t, kit_id(s->k, 'a', n)));
}

static void sql(struct scene *s, const char *text)
{
	ok(s->k, db_exec(s->k->db, text, &s->k->e));
}

static void is_online(struct scene *s, int n, const char *state)
{
	sql(s,
		arena_printf(s->k->a,
			"UPDATE machines SET state = '%s', seen = %lld WHERE agent = '%s'", state,
			(long long)s->now, kit_id(s->k, 'a', n)));
}

/* An agent that has reported: kind, firmware's UUID, the MAC of eth0. */
static void agent(struct scene *s, int n, const char *kind, const char *uuid, const char *mac)
{
	const char *name = arena_printf(s->k->a, "%s%d", kind, n);
	struct agent x = {.id = kit_id(s->k, 'a', n),
		.machine = kit_id(s->k, 'm', n),
		.role = "agent",
		.site = "lab",
		.box = "00",
		.cert_until = NOW + 86400000};

	s->now += 1000;
	ok(s->k, trust_enrol(s->k->db, &x, name, NULL, s->now, &s->k->e));
	is_online(s, n, "online");
	section(s, n, "attributes",
		arena_printf(s->k->a,
			"{\"him.kind\":\"%s\",\"host.name\":\"%s\",\"him.host.uuid\":\"%s\","
			"\"him.gateway.mac\":\"02:00:00:00:00:01\"}",
			kind, name, uuid));
	section(s, n, "nic",
		arena_printf(s->k->a, "{\"eth0\":{\"kind\":\"physical\",\"mac\":\"%s\"}}", mac));
	report(s, n);
}

static void host(struct scene *s, int n)
{
	agent(s, n, "physical", arena_printf(s->k->a, "99999999-0000-4000-8000-00000000000%d", n),
		arena_printf(s->k->a, "3c:fd:fe:00:00:0%d", n));
	sql(s,
		arena_printf(s->k->a, "UPDATE machines SET marked = 1 WHERE id = '%s'",
			kit_id(s->k, 'm', n)));
}

static const char *guest(struct scene *s, const char *uuid, const char *mac, const char *state)
{
	return arena_printf(s->k->a,
		"\"libvirt-qemu:%s\":{\"platform\":\"libvirt-qemu\",\"name\":\"vm-%.2s\",\"uuid\":"
		"\"%s\","
		"\"mac\":[\"%s\"],\"state\":\"%s\",\"vcpus\":2,\"memory_bytes\":1073741824}",
		uuid, uuid + 34, uuid, mac, state);
}

static void lists(struct scene *s, int n, const char *guests)
{
	section(s, n, "guests", arena_printf(s->k->a, "{%s}", guests));
	report(s, n);
}

static int64_t number(struct scene *s, const char *text)
{
	return kit_number(s->k, text);
}

/* How many open certain links there are from machine n to machine m; 0 for m counts all of n's. */
static int64_t runs_on(struct scene *s, int n, int m)
{
	return number(s,
		arena_printf(s->k->a,
			"SELECT COUNT(*) FROM links WHERE guest = '%s' AND until = 0 AND certain = "
			"1 AND "
			"(host = '%s' OR %d = 0)",
			kit_id(s->k, 'm', n), kit_id(s->k, 'm', m), m));
}

static void due(struct scene *s)
{
	struct topology t = at(s);

	ok(s->k, topology_due(&t, false));
}

static struct scene *scene(void **state)
{
	struct kit *k = *state;
	struct scene *s = arena_alloc(k->a, sizeof *s);

	s->k = k;
	s->now = NOW;
	return s;
}

/* ---- finding ---- */

static void a_guest_is_found_on_its_host(void **state)
{
	struct scene *s = scene(state);

	host(s, 1);
	agent(s, 2, "vm", UUID_A, MAC_A);
	assert_int_equal(runs_on(s, 2, 0), 0);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	assert_int_equal(runs_on(s, 2, 1), 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines"), 2);
	assert_int_equal(number(s,
				 "SELECT COUNT(*) FROM machines WHERE power = 'running' AND "
				 "runs_on IS NOT NULL"),
		1);
	assert_int_equal(number(s, "SELECT guests FROM machines WHERE marked > 0"), 1);
	assert_int_equal(
		number(s, "SELECT COUNT(*) FROM links WHERE evidence LIKE '%" UUID_A "%'"), 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM moves"), 0);
}

/* The other way round: the host tells first, the agent inside comes later. */
static void a_listed_guest_becomes_its_agents(void **state)
{
	struct scene *s = scene(state);

	host(s, 1);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	assert_int_equal(number(s,
				 "SELECT COUNT(*) FROM machines WHERE agent IS NULL AND name = "
				 "'vm-aa' AND site = 'lab' AND state IS NULL AND power = 'running' "
				 "AND kind = 'vm' AND memory = 1073741824"),
		1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM addresses WHERE value = '" MAC_A "'"), 1);
	agent(s, 2, "vm", UUID_A, MAC_A);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines"), 2);
	assert_int_equal(runs_on(s, 2, 1), 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM links"), 1); /* it ran there before, too */
	assert_int_equal(number(s, "SELECT COUNT(*) FROM events WHERE kind = 'machine.merged'"), 1);
}

/* Why it is believed to run there is what is so now, not what was so when the link began. */
static void why_of_a_link_follows_what_is_said(void **state)
{
	struct scene *s = scene(state);
	const char *there = "SELECT COUNT(*) FROM links WHERE until = 0 AND evidence LIKE "
			    "'%it runs there%'";

	host(s, 1);
	agent(s, 2, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	assert_int_equal(number(s, there), 1);
	is_online(s, 2, "offline");
	lists(s, 1, guest(s, UUID_A, MAC_A, "off"));
	assert_int_equal(runs_on(s, 2, 1), 1);
	assert_int_equal(number(s, there), 0);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	assert_int_equal(number(s, there), 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM links"), 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM moves"), 0);
}

static void nobody_is_believed_about_others_unless_marked(void **state)
{
	struct scene *s = scene(state);
	struct machine m;
	struct topology t;

	host(s, 1);
	sql(s, "UPDATE machines SET marked = 0");
	agent(s, 2, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	assert_int_equal(number(s, "SELECT COUNT(*) FROM links"), 0);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines"), 2);
	ok(s->k, machine_by_agent(s->k->db, kit_id(s->k, 'a', 1), s->k->a, &m, &s->k->e));
	t = at(s);
	ok(s->k, topology_mark(&t, &m, true, "kim"));
	assert_int_equal(runs_on(s, 2, 1), 1);
	t = at(s);
	ok(s->k, topology_mark(&t, &m, false, "kim"));
	assert_int_equal(runs_on(s, 2, 0), 0);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines WHERE power IS NOT NULL"), 0);
}

static void a_guest_of_one_that_is_no_host_any_more_runs_nowhere(void **state)
{
	struct scene *s = scene(state);
	struct machine m;
	struct topology t;

	host(s, 1);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	ok(s->k, machine_by_agent(s->k->db, kit_id(s->k, 'a', 1), s->k->a, &m, &s->k->e));
	t = at(s);
	ok(s->k, topology_mark(&t, &m, false, "kim"));
	assert_int_equal(number(s, "SELECT COUNT(*) FROM links WHERE until = 0"), 0);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines WHERE power = 'gone'"), 1);
	t = at(s);
	ok(s->k, topology_mark(&t, &m, true, "kim"));
	assert_int_equal(number(s, "SELECT COUNT(*) FROM links WHERE until = 0"), 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines"), 2);
}

static void a_site_may_mark_by_itself_but_no_guest(void **state)
{
	struct scene *s = scene(state);

	sql(s, "INSERT INTO settings (name, value) VALUES ('hosts.auto:lab', 'on')");
	host(s, 1);
	sql(s, "UPDATE machines SET marked = 0");
	agent(s, 2, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	assert_int_equal(runs_on(s, 2, 1), 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines WHERE marked_by = 'site'"), 1);
	lists(s, 2,
		guest(s, "11111111-2222-4333-8444-5555555555bb", "52:54:00:00:00:0b", "running"));
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines WHERE marked_by = 'site'"), 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines"), 2);
}

/* ---- moving ---- */

static void moved_once(struct scene *s)
{
	assert_int_equal(runs_on(s, 3, 2), 1);
	assert_int_equal(runs_on(s, 3, 0), 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM moves"), 1);
	assert_int_equal(number(s,
				 "SELECT COUNT(*) FROM events WHERE kind = 'machine.moved' AND "
				 "text = 'vm3 moved from physical1 to physical2'"),
		1);
	assert_int_equal(
		number(s, "SELECT COUNT(*) FROM links WHERE until > 0 AND until > began"), 1);
	assert_int_equal(number(s, "SELECT SUM(guests) FROM machines"), 1);
}

static void before_moving(struct scene *s)
{
	host(s, 1);
	host(s, 2);
	agent(s, 3, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	assert_int_equal(runs_on(s, 3, 1), 1);
	s->now += 3600000;
}

static void a_move_where_the_old_host_tells_first(void **state)
{
	struct scene *s = scene(state);

	before_moving(s);
	lists(s, 1, "");
	assert_int_equal(runs_on(s, 3, 0), 0);
	lists(s, 2, guest(s, UUID_A, MAC_A, "running"));
	moved_once(s);
}

static void a_move_where_the_new_host_tells_first(void **state)
{
	struct scene *s = scene(state);

	before_moving(s);
	lists(s, 2, guest(s, UUID_A, MAC_A, "paused")); /* what comes in waits */
	assert_int_equal(runs_on(s, 3, 1), 1);
	lists(s, 2, guest(s, UUID_A, MAC_A, "running"));
	lists(s, 1, guest(s, UUID_A, MAC_A, "off"));
	lists(s, 1, "");
	moved_once(s);
}

static void a_move_of_one_that_has_no_agent(void **state)
{
	struct scene *s = scene(state);

	host(s, 1);
	host(s, 2);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	lists(s, 1, "");
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines WHERE power = 'gone'"), 1);
	lists(s, 2, guest(s, UUID_A, MAC_A, "running"));
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines"), 3);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM moves"), 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines WHERE power = 'running'"), 1);
}

/* ---- staying ---- */

static void a_report_that_changes_nothing_writes_nothing(void **state)
{
	struct scene *s = scene(state);
	int64_t before;

	host(s, 1);
	agent(s, 2, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	before = number(s, "SELECT total_changes()");
	report(s, 1);
	report(s, 2);
	assert_int_equal(number(s, "SELECT total_changes()"), before);
}

static void a_host_that_is_away_keeps_its_guests(void **state)
{
	struct scene *s = scene(state);
	struct topology t;

	host(s, 1);
	agent(s, 2, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	is_online(s, 1, "offline");
	t = at(s);
	ok(s->k, topology_source(&t, kit_id(s->k, 'a', 1)));
	assert_int_equal(runs_on(s, 2, 1), 1);
}

/* ---- a relay that is lost takes all below it along ---- */

/* Two hosts say that vm3 runs there, both for long: which is right cannot be told. Host 1 hangs on relay R. */
static void before_a_loss(struct scene *s)
{
	host(s, 1);
	host(s, 2);
	agent(s, 3, "vm", UUID_A, MAC_A);
	sql(s, "UPDATE machines SET relay = CASE WHEN name = 'physical1' THEN 'R' ELSE 'S' END");
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	lists(s, 2, guest(s, UUID_A, MAC_A, "running"));
	s->now += 3600000;
	due(s);
	assert_int_equal(runs_on(s, 3, 0), 0);
}

static void a_lost_relay_is_like_hosts_that_went(void **state)
{
	static const char *const lost[] = {"R"};
	struct scene *s = scene(state);
	int64_t cut, before;

	before_a_loss(s);
	ok(s->k, presence_cut(s->k->db, lost, 1, s->now, "", &cut, &s->k->e));
	assert_int_equal(cut, 1);
	due(s);
	assert_int_equal(runs_on(s, 3, 2), 1);
	before = number(s, "SELECT total_changes()");
	due(s); /* once is enough */
	assert_int_equal(number(s, "SELECT total_changes()"), before);
	ok(s->k, presence_cut(s->k->db, lost, 1, s->now, "", &cut, &s->k->e));
	due(s); /* and what was lost already is not looked at again */
	assert_int_equal(number(s, "SELECT total_changes()"), before);
}

static void those_a_relay_forgot_are_like_hosts_that_went(void **state)
{
	struct scene *s = scene(state);
	int64_t cut;

	before_a_loss(s);
	ok(s->k, presence_stale(s->k->db, "R", s->now, s->now, &cut, &s->k->e));
	assert_int_equal(cut, 1);
	due(s);
	assert_int_equal(runs_on(s, 3, 2), 1);
}

/* However many there are and whatever they list, one look takes a little of it. */
static void a_loss_is_worked_off_in_portions(void **state)
{
	static const char *const lost[] = {"R"};
	struct scene *s = scene(state);
	struct buf b;
	int64_t cut, left;
	int rounds = 0;

	host(s, 1);
	host(s, 2);
	sql(s, "UPDATE machines SET relay = 'R'");
	for (int h = 1; h <= 2; h++) {
		buf_init(&b, 1 << 20);
		for (int i = 0; i < 1500; i++)
			buf_printf(&b,
				"%s\"docker:%d%08d\":{\"platform\":\"docker\",\"state\":"
				"\"running\",\"container_id\":\"%d%011d\"}",
				i ? "," : "", h, i, h, i);
		lists(s, h, buf_str(&b));
		buf_release(&b);
	}
	ok(s->k, presence_cut(s->k->db, lost, 1, s->now, "", &cut, &s->k->e));
	do {
		due(s);
		left = number(s, "SELECT COUNT(*) FROM sightings WHERE again > 0");
		assert_true(++rounds < 5);
	} while (left);
	assert_int_equal(rounds, 2);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM links WHERE until = 0"), 3000);
}

/* ---- going ---- */

static void a_host_that_is_cut_off_lists_nothing(void **state)
{
	struct scene *s = scene(state);
	struct topology t;

	host(s, 1);
	agent(s, 2, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	ok(s->k, trust_revoke(s->k->db, kit_id(s->k, 'a', 1), s->now, &s->k->e));
	t = at(s);
	ok(s->k, topology_source(&t, kit_id(s->k, 'a', 1)));
	assert_int_equal(runs_on(s, 2, 0), 0);
}

static void forget(struct scene *s, int n)
{
	struct topology t = at(s);

	is_online(s, n, "offline");
	ok(s->k, topology_forget(&t, kit_id(s->k, 'a', n)));
	ok(s->k, machine_forget(s->k->db, kit_id(s->k, 'm', n), s->now, &s->k->e));
}

static void a_forgotten_host_hosts_nothing(void **state)
{
	struct scene *s = scene(state);

	host(s, 1);
	agent(s, 2, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	forget(s, 1);
	assert_int_equal(runs_on(s, 2, 0), 0);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM sightings WHERE source LIKE '%1'"), 0);
}

static void a_forgotten_guest_is_known_by_its_host_alone(void **state)
{
	struct scene *s = scene(state);

	host(s, 1);
	agent(s, 2, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	forget(s, 2);
	assert_int_equal(number(s,
				 "SELECT COUNT(*) FROM machines WHERE agent IS NULL AND power = "
				 "'running' AND runs_on IS NOT NULL"),
		1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines"), 2);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM links WHERE until = 0"), 1);
}

static void what_is_long_over_is_forgotten(void **state)
{
	struct scene *s = scene(state);
	int64_t n;

	host(s, 1);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	lists(s, 1, "");
	ok(s->k, sighting_prune(s->k->db, s->now - 10000, 100, &n, &s->k->e));
	assert_int_equal(n, 0);
	ok(s->k, sighting_prune(s->k->db, s->now + 1, 100, &n, &s->k->e));
	assert_int_equal(n, 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines"), 1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM links"), 0);
}

static void power_is(struct scene *s, int n, const char *power, int hosts)
{
	assert_int_equal(
		number(s,
			arena_printf(s->k->a,
				"SELECT COUNT(*) FROM machines WHERE id = '%s' AND "
				"COALESCE(power, '') = '%s' AND (runs_on IS NOT NULL) = %d",
				kit_id(s->k, 'm', n), power, hosts)),
		1);
}

/* The hub found that agent n is silent since it was heard `ago` before now, or that it talks again. */
static void presence(struct scene *s, int n, const char *state, int64_t ago)
{
	struct topology t = at(s);

	s->now -= ago;
	is_online(s, n, state);
	s->now += ago;
	ok(s->k, topology_source(&t, kit_id(s->k, 'a', n)));
}

static void a_guest_with_an_agent_that_its_host_destroyed_is_gone(void **state)
{
	struct scene *s = scene(state);

	host(s, 1);
	agent(s, 2, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	lists(s, 1, "");
	power_is(s, 2, "", 0); /* its agent is not silent yet: it may run elsewhere */
	assert_int_equal(
		number(s, "SELECT COUNT(*) FROM events WHERE text LIKE 'vm2 is gone%'"), 0);
	s->now += 180000;
	presence(s, 2, "offline", 185000);
	power_is(s, 2, "gone", 0);
	assert_int_equal(
		number(s,
			"SELECT COUNT(*) FROM events WHERE kind = 'machine.power' AND text = "
			"'vm2 is gone: no host lists it any more'"),
		1);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM links WHERE until > 0"), 1);
	presence(s, 2, "online", 0); /* it runs somewhere after all */
	power_is(s, 2, "", 0);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	power_is(s, 2, "running", 1);
}

/* It left for a host that nobody watches, talked from there, and fell silent later: that is not the old host's doing. */
static void a_guest_that_talked_after_its_host_let_it_go_is_not_gone(void **state)
{
	struct scene *s = scene(state);

	host(s, 1);
	agent(s, 2, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	lists(s, 1, "");
	s->now += 3600000;
	presence(s, 2, "offline", 185000);
	power_is(s, 2, "", 0);
}

static void a_guest_with_an_agent_that_was_shut_down_stays_on_its_host(void **state)
{
	struct scene *s = scene(state);

	host(s, 1);
	agent(s, 2, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	lists(s, 1, guest(s, UUID_A, MAC_A, "off"));
	power_is(s, 2, "off", 1);
	s->now += 170000; /* that its agent is silent is known after three minutes */
	due(s);
	power_is(s, 2, "off", 1);
	s->now += 10000;
	presence(s, 2, "offline", 185000);
	power_is(s, 2, "off", 1);
}

/* ---- one agent after another ---- */

static void an_agent_that_was_installed_again_is_the_same_machine(void **state)
{
	struct scene *s = scene(state);

	agent(s, 1, "physical", UUID_A, "3c:fd:fe:00:00:0a");
	sql(s, "UPDATE machines SET name = 'db'");
	s->now += 3600000;
	is_online(s, 1, "offline");
	s->now += 3600000;
	agent(s, 2, "physical", UUID_A, "3c:fd:fe:00:00:0a");
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines"), 1);
	assert_int_equal(number(s,
				 arena_printf(s->k->a,
					 "SELECT COUNT(*) FROM machines WHERE id = '%s' AND agent "
					 "= '%s' AND name = 'db' AND state = 'online'",
					 kit_id(s->k, 'm', 1), kit_id(s->k, 'a', 2))),
		1);
	assert_int_equal(number(s, "SELECT COUNT(DISTINCT machine) FROM agents"), 1);
}

/* The first comes back: then they were two all along. */
static void an_agent_that_comes_back_gets_a_machine_of_its_own(void **state)
{
	struct scene *s = scene(state);
	struct topology t;

	an_agent_that_was_installed_again_is_the_same_machine(state);
	s->now = NOW + 4 * 3600000LL;
	t = at(s);
	ok(s->k, topology_back(&t, kit_id(s->k, 'a', 1)));
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines"), 2);
	assert_int_equal(number(s, "SELECT COUNT(DISTINCT machine) FROM agents"), 2);
	assert_int_equal(number(s,
				 "SELECT COUNT(*) FROM machines m JOIN agents a ON a.id = m.agent "
				 "AND a.machine = m.id"),
		2);
}

static void agents_of_two_sites_are_never_one(void **state)
{
	struct scene *s = scene(state);

	agent(s, 1, "physical", UUID_A, "3c:fd:fe:00:00:0a");
	sql(s, "UPDATE machines SET site = 'other'");
	is_online(s, 1, "offline");
	s->now += 3600000;
	agent(s, 2, "physical", UUID_A, "3c:fd:fe:00:00:0a");
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines"), 2);
}

static void clones_stay_two(void **state)
{
	struct scene *s = scene(state);

	host(s, 1);
	agent(s, 2, "vm", UUID_A, MAC_A);
	agent(s, 3, "vm", UUID_A, MAC_A);
	lists(s, 1, guest(s, UUID_A, MAC_A, "running"));
	assert_int_equal(number(s, "SELECT COUNT(*) FROM machines WHERE agent IS NOT NULL"), 3);
	assert_int_equal(runs_on(s, 2, 0) + runs_on(s, 3, 0), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_is_found_on_its_host),
		TEST(a_listed_guest_becomes_its_agents),
		TEST(why_of_a_link_follows_what_is_said),
		TEST(nobody_is_believed_about_others_unless_marked),
		TEST(a_guest_of_one_that_is_no_host_any_more_runs_nowhere),
		TEST(a_site_may_mark_by_itself_but_no_guest),
		TEST(a_move_where_the_old_host_tells_first),
		TEST(a_move_where_the_new_host_tells_first),
		TEST(a_move_of_one_that_has_no_agent),
		TEST(a_report_that_changes_nothing_writes_nothing),
		TEST(a_host_that_is_away_keeps_its_guests),
		TEST(a_lost_relay_is_like_hosts_that_went),
		TEST(those_a_relay_forgot_are_like_hosts_that_went),
		TEST(a_loss_is_worked_off_in_portions),
		TEST(a_host_that_is_cut_off_lists_nothing),
		TEST(a_forgotten_host_hosts_nothing),
		TEST(a_forgotten_guest_is_known_by_its_host_alone),
		TEST(what_is_long_over_is_forgotten),
		TEST(a_guest_with_an_agent_that_its_host_destroyed_is_gone),
		TEST(a_guest_that_talked_after_its_host_let_it_go_is_not_gone),
		TEST(a_guest_with_an_agent_that_was_shut_down_stays_on_its_host),
		TEST(an_agent_that_was_installed_again_is_the_same_machine),
		TEST(an_agent_that_comes_back_gets_a_machine_of_its_own),
		TEST(agents_of_two_sites_are_never_one),
		TEST(clones_stay_two),
	};

	return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
