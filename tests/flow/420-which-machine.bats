#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Which machine am I in: captured roots, and what a cloud's metadata service says. The service is a fake, at the
# provider's own address in a network namespace made here.

load lib
NET=${NET:-himwm$$}
load net

setup_file() {
	work_open
	export WORK NET
	ip netns add "$NET-cloud"
	ns cloud ip link set lo up
	for a in 169.254.169.254 100.100.100.200 169.254.42.42; do
		ns cloud ip addr add "$a/32" dev lo
	done
}

teardown_file() {
	ns cloud him down || true
	net_close
	work_close
}

teardown() {
	gone_fake
}

gone_fake() {
	stop fake KILL
	rm -f "$WORK/requests"
}

# machine FIELD=TEXT...: a captured root whose firmware says so.
machine() {
	rm -rf "$WORK/root"
	mkdir -p "$WORK/root/sys/class/dmi/id" "$WORK/root/proc"
	printf 'flags : fpu tsc hypervisor\n' >"$WORK/root/proc/cpuinfo"
	local field
	for field; do
		printf '%s\n' "${field#*=}" >"$WORK/root/sys/class/dmi/id/${field%%=*}"
	done
}

# service PROVIDER ADDRESS [MODE]
service() {
	start fake ip netns exec "$NET-cloud" python3 "$ROOT/tests/flow/fake_imds.py" "$1" "$2" 80 "$WORK/requests" "${3:-}"
	until_true "$LIMIT" test -e "$WORK/requests" # it listens by then
}

detect() {
	ns cloud him-agent detect --root "$WORK/root" --json "$@"
}

# says KEY VALUE: of the answer in $output
says() {
	local got
	got=$(jq -r ".\"$1\"" <<<"$output")
	[ "$got" = "$2" ] || { echo "$1 is $got, expected $2; all: $output" >&2; return 1; }
}

@test "a captured machine is judged by its files, with reasons" {
	machine sys_vendor=Hetzner product_name=vServer
	run him-agent detect --root "$WORK/root" --json
	[ "$status" -eq 0 ]
	says him.kind vm
	says him.hypervisor kvm
	says him.virt.role guest
	says him.container null
	says cloud.provider hetzner
	says him.network public
	[ "$(jq '.why | length' <<<"$output")" -gt 0 ]
	[ "$(jq 'keys | length' <<<"$output")" -eq 7 ]
}

@test "for people it is a line a value, then why" {
	machine sys_vendor=Hetzner
	run him-agent detect --root "$WORK/root"
	[ "$status" -eq 0 ]
	grep -Eq '^cloud.provider +hetzner$' <<<"$output"
	grep -q '^why the SMBIOS system vendor is "Hetzner"$' <<<"$output"
}

@test "a root that is none, and rules that are wrong, are errors with a sentence" {
	run him-agent detect --root "$WORK/nowhere"
	[ "$status" -ne 0 ]
	grep -q "cannot look at $WORK/nowhere" <<<"$output"
	machine sys_vendor=GoGrid
	mkdir -p "$WORK/root/etc/him"
	printf '[gogrid]\ndmi.sys_vendro = GoGrid\n' >"$WORK/root/etc/him/providers.conf"
	run him-agent detect --root "$WORK/root"
	[ "$status" -ne 0 ]
	grep -q "providers.conf line 2: unknown key 'dmi.sys_vendro'; did you mean 'dmi.sys_vendor'?" <<<"$output"
	printf '[gogrid]\ndmi.sys_vendor = GoGrid\n' >"$WORK/root/etc/him/providers.conf"
	run him-agent detect --root "$WORK/root" --json
	[ "$status" -eq 0 ]
	says cloud.provider gogrid
}

@test "AWS: a token first, then account, region, zone, instance and lifecycle" {
	machine sys_vendor="Amazon EC2" product_name=m4.xlarge
	service aws 169.254.169.254
	run detect --metadata
	[ "$status" -eq 0 ]
	says cloud.provider aws
	says cloud.account.id 0123456789
	says cloud.region us-east-1
	says cloud.availability_zone us-east-1f
	says host.id i-1234567890abcdef0
	says host.type m4.xlarge
	says him.cloud.lifecycle on-demand
	[ "$(cat "$WORK/requests")" = "PUT /latest/api/token 200
GET /latest/dynamic/instance-identity/document 200
GET /latest/meta-data/instance-life-cycle 200" ]
}

@test "Azure" {
	machine sys_vendor="Microsoft Corporation" product_name="Virtual Machine" \
		chassis_asset_tag=7783-7084-3265-9085-8269-3286-77
	service azure 169.254.169.254
	run detect --metadata
	[ "$status" -eq 0 ]
	says cloud.account.id 12aad61c-6de4-4e53-a6c6-5aff52a83777
	says cloud.region eastus2
	says cloud.availability_zone null
	says host.id ff702a6b-cb6a-4fcd-ad68-b4ce38227642
	says host.type Standard_DS1_v2
}

@test "Google" {
	machine sys_vendor=Google product_name="Google Compute Engine"
	service gcp 169.254.169.254
	run detect --metadata
	[ "$status" -eq 0 ]
	says cloud.account.id facter-performance-history
	says cloud.region europe-west3
	says cloud.availability_zone europe-west3-c
	says host.id 2206944706428651580
	says host.type n1-standard-2
	says him.cloud.lifecycle on-demand
}

@test "Alibaba, at an address of its own" {
	machine sys_vendor="Alibaba Cloud" product_name="Alibaba Cloud ECS"
	service alibaba_cloud 100.100.100.200
	run detect --metadata
	[ "$status" -eq 0 ]
	says cloud.account.id 123456
	says cloud.region cn-hangzhou
	says cloud.availability_zone cn-hangzhou-j
	says host.id i-bp15ojxppkmsnyjxxxxx
	says host.type ecs.g8i.large
}

@test "Oracle, Vultr, UpCloud, Scaleway, DigitalOcean, Hetzner, OpenStack" {
	machine sys_vendor=QEMU chassis_asset_tag=OracleCloud.com
	service oracle_cloud 169.254.169.254
	run detect --metadata
	says cloud.region us-phoenix-1
	says host.type VM.Standard2.1
	gone_fake

	machine sys_vendor=Vultr
	service vultr 169.254.169.254
	run detect --metadata
	says host.id 29bea708-2e6e-480a-90ad-0e6b5d5ad62f
	says cloud.region EWR
	gone_fake

	machine sys_vendor=UpCloud
	service upcloud 169.254.169.254
	run detect --metadata
	says host.id 00322b68-0096-4042-9406-faad61922128
	says cloud.region fi-hel2
	gone_fake

	machine sys_vendor=Scaleway
	service scaleway 169.254.42.42
	run detect --metadata
	says host.type VC1S
	says cloud.availability_zone par1
	gone_fake

	machine sys_vendor=DigitalOcean
	service digitalocean 169.254.169.254
	run detect --metadata
	says host.id 2756924
	says cloud.region nyc3
	gone_fake

	machine sys_vendor=Hetzner
	service hetzner 169.254.169.254
	run detect --metadata
	says host.id 123456
	gone_fake

	machine product_name="OpenStack Nova"
	service openstack 169.254.169.254
	run detect --metadata
	says host.id b0fa911b-69d4-4476-bbe2-1c92bff6535c
	says cloud.availability_zone nova
}

@test "a machine of nobody's cloud asks nobody" {
	machine sys_vendor=LENOVO
	service aws 169.254.169.254
	run detect --metadata
	[ "$status" -eq 0 ]
	says cloud.provider null
	[ ! -s "$WORK/requests" ]
}

@test "a redirect is not followed, a portal is not believed, a refusal is told" {
	machine sys_vendor="Amazon EC2"
	service aws 169.254.169.254 redirect
	run detect --metadata
	[ "$status" -ne 0 ]
	grep -q "PUT /latest/api/token answered with status 302" <<<"$output"
	[ "$(wc -l <"$WORK/requests")" -eq 1 ]
	gone_fake

	service aws 169.254.169.254 portal
	run detect --metadata
	[ "$status" -ne 0 ]
	grep -q "answered with what is no value" <<<"$output"
	gone_fake

	service aws 169.254.169.254 403
	run detect --metadata
	[ "$status" -ne 0 ]
	grep -q "answered with status 403" <<<"$output"
}

@test "a service that is silent, or not there, is a sentence and no wait without end" {
	machine sys_vendor="Amazon EC2"
	run detect --metadata
	[ "$status" -ne 0 ]
	grep -q "the metadata service of aws: cannot connect to 169.254.169.254 port 80" <<<"$output"
	service aws 169.254.169.254 silent
	run timeout 60 ip netns exec "$NET-cloud" him-agent detect --root "$WORK/root" --metadata
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ]
	grep -q "the metadata service of aws: 169.254.169.254 port 80 did not answer in time" <<<"$output"
}

@test "proxies of the environment are not asked" {
	machine sys_vendor="Amazon EC2"
	service aws 169.254.169.254
	http_proxy=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 run detect --metadata
	[ "$status" -eq 0 ]
	says cloud.region us-east-1
}

@test "a report carries it, and a query finds the machine by it" {
	service aws 169.254.169.254
	# What the kernel shows of the firmware is laid over with another one, for this installation alone.
	ns cloud unshare --mount sh -e -c 'mount -t tmpfs none /sys/class
		mkdir -p /sys/class/dmi/id
		echo "Amazon EC2" >/sys/class/dmi/id/sys_vendor
		him up -d' >"$WORK/up.out" 2>&1 || { cat "$WORK/up.out"; return 1; }
	until_true "$LIMIT" sh -c 'him machines --json cloud.provider:aws | jq -e ".machines | length == 1"'
	run him machines --json 'cloud.region:us-east-1 him.cloud.lifecycle:on-demand'
	[ "$(jq -r '.machines[0]."host.id"' <<<"$output")" = i-1234567890abcdef0 ]
	[ "$(jq -r '.machines[0]."cloud.account.id"' <<<"$output")" = 0123456789 ]
	[ "$(jq -r '.machines[0]."him.kind"' <<<"$output")" != null ]
	# asked once, and the first report had it already
	[ "$(grep -c 'PUT' "$WORK/requests")" -eq 1 ]
	ns cloud him down
}
