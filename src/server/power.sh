#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a power action runs on a machine: off or reboot, with `guests` behind it also of what runs on it; start brings those
# guests back. The machine goes a few seconds later, so that the outcome of this is told before. Guests are asked to shut
# down in their platform's own way, and waited for; while one still runs the machine stays up, and this fails.
set -u
what=$1 guests=${2:-} limit=${3:-240}
list=/var/lib/him/guests-to-start

have() { command -v "$1" >/dev/null 2>&1; }

running() {
	have virsh && virsh -q list --name --state-running | sed -n 's/^\(.*[^ ]\) *$/virsh \1/p'
	[ -d /run/libvirt/lxc ] && have virsh && virsh -q -c lxc:///system list --name | sed -n 's/^\(.*[^ ]\) *$/virsh-lxc \1/p'
	have docker && docker ps --format '{{.Names}}' | sed 's/^/docker /'
	have podman && podman ps --format '{{.Names}}' | sed 's/^/podman /'
	have lxc-ls && lxc-ls -1 --running | sed -n 's/^\(.*[^ ]\) *$/lxc \1/p'
	have qm && qm list | awk '$3 == "running" {print "qm " $1}'
	have pct && pct list | awk '$2 == "running" {print "pct " $1}'
	if have xe; then # else the toolstack's domains would be there twice
		xe vm-list power-state=running is-control-domain=false params=uuid --minimal | tr ',' '\n' | sed -n 's/^..*$/xe &/p'
	elif have xl; then
		xl list | awk 'NR > 1 && $1 != "Domain-0" {print "xl " $1}'
	fi
	have VBoxManage && VBoxManage list runningvms | sed -n 's/^".*" {\(.*\)}$/vbox \1/p'
	return 0
}

end_one() {
	case $1 in
	virsh) virsh -q shutdown "$2" ;;
	docker | podman) "$1" stop -t 60 "$2" ;;
	lxc) lxc-stop -n "$2" -t 60 ;;
	qm | pct) "$1" shutdown "$2" ;;
	virsh-lxc) virsh -q -c lxc:///system shutdown "$2" ;;
	xe) xe vm-shutdown "uuid=$2" ;;
	xl) xl shutdown "$2" ;;
	vbox) VBoxManage controlvm "$2" acpipowerbutton ;;
	esac >/dev/null
}

start_one() {
	case $1 in
	virsh) virsh -q start "$2" ;;
	docker | podman) "$1" start "$2" ;;
	lxc) lxc-start -n "$2" ;;
	qm | pct) "$1" start "$2" ;;
	virsh-lxc) virsh -q -c lxc:///system start "$2" ;;
	xe) xe vm-start "uuid=$2" ;;
	xl) xl create "/etc/xen/$2.cfg" ;;
	vbox) VBoxManage startvm "$2" --type headless ;;
	esac >/dev/null
}

stop_guests() {
	local tries=0 left
	mkdir -p /var/lib/him && running >"$list" || return 1
	while read -r platform name; do
		echo "asked to shut down: $name ($platform)"
		end_one "$platform" "$name"
	done <"$list"
	while left=$(running) && [ -n "$left" ]; do
		tries=$((tries + 1))
		if [ "$tries" -gt "$limit" ]; then
			echo "still running, so this machine stays up:" "$(echo "$left" | tr '\n' ',')" >&2
			return 1
		fi
		sleep 1
	done
}

start_guests() {
	local rc=0
	[ -f "$list" ] || return 0
	running >"$list.now"
	while read -r platform name; do
		grep -qxF "$platform $name" "$list.now" && continue
		if start_one "$platform" "$name"; then echo "started: $name ($platform)"; else rc=1; fi
	done <"$list"
	rm -f "$list" "$list.now"
	return $rc
}

go() {
	if [ -d /run/systemd/system ] && have systemd-run; then
		exec systemd-run --quiet --collect --on-active=3s --timer-property=AccuracySec=100ms systemctl "$1"
	fi
	if [ "$1" = poweroff ]; then
		if have shutdown; then exec shutdown -h now; fi
	elif have shutdown; then
		exec shutdown -r now
	fi
	exec "$1"
}

case $what in
start) start_guests; exit ;;
off) verb=poweroff ;;
*) verb=reboot ;;
esac
if [ "$guests" = guests ]; then stop_guests || exit 1; fi
go $verb
