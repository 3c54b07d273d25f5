#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The script of a power action against platforms that are not here: strict fakes of their commands, one state file a guest.
# Guests are asked in their platform's words, waited for, noted, and started again; what was running before is left alone.

load lib

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root (mount namespaces)"
	work_open
	mkdir -p "$WORK/bin" "$WORK/guests" "$WORK/him"
	fake() { # fake NAME CASES: a command that knows these words and no others
		cat >"$WORK/bin/$1" <<-END
			#!/bin/sh
			echo "$1 \$*" >>$WORK/done
			on() { cat $WORK/guests/\$1 2>/dev/null; }
			off() { [ -e $WORK/stubborn ] || sed -i "/\$2/d" $WORK/guests/\$1; }
			case "\$*" in
			$2
			*) echo "$1 \$*" >>$WORK/strange; exit 1 ;;
			esac
		END
		chmod 755 "$WORK/bin/$1"
	}
	fake VBoxManage '"list runningvms") on vbox ;;
		"controlvm "*" acpipowerbutton") off vbox "$2" ;;
		"startvm "*" --type headless") echo "\"a b\" {$2}" >>'"$WORK"'/guests/vbox ;;'
	fake xe '"vm-list power-state=running is-control-domain=false params=uuid --minimal") on xe | paste -sd, ;;
		"vm-shutdown uuid="*) off xe "${2#uuid=}" ;;
		"vm-start uuid="*) echo "${2#uuid=}" >>'"$WORK"'/guests/xe ;;'
	fake xl ''
	fake virsh '"-q list --name --state-running") echo ;;
		"-q -c lxc:///system list --name") on lxc; echo ;;
		"-q -c lxc:///system shutdown "*) off lxc "$5" ;;
		"-q -c lxc:///system start "*) echo "$5" >>'"$WORK"'/guests/lxc ;;'
	fake shutdown '"-r now"|"-h now") ;;'
	echo '"a b" {11111111-0000-4000-8000-000000000001}' >"$WORK/guests/vbox"
	printf '%s\n' 22222222-0000-4000-8000-000000000002 33333333-0000-4000-8000-000000000003 >"$WORK/guests/xe"
	echo web >"$WORK/guests/lxc"
}

teardown() {
	work_close
}

power() { # power WORDS...: the script where only the fakes and Debian's own commands are found
	run unshare -m sh -c 'mount -t tmpfs none /run && mount -t tmpfs none /var/lib && mkdir -p /run/libvirt/lxc /var/lib/him &&
		mount --bind "$0/him" /var/lib/him || exit 99
		PATH=$0/bin:/usr/bin:/bin exec sh "$@"' "$WORK" "$ROOT/src/server/power.sh" "$@"
}

left() {
	cat "$WORK"/guests/* | wc -l
}

@test "guests of VirtualBox, XenServer and libvirt's LXC go first, then the host" {
	power reboot guests 5
	[ "$status" -eq 0 ]
	[ "$(left)" = 0 ]
	[ "$(tail -n 1 "$WORK/done")" = "shutdown -r now" ]
	[ "$(wc -l <"$WORK/him/guests-to-start")" = 4 ]
	[ ! -e "$WORK/strange" ] # xl is here too, and not asked
}

@test "they start again, but for the one that runs already" {
	power reboot guests 5
	echo web >"$WORK/guests/lxc"
	power start
	[ "$status" -eq 0 ]
	[ "$(left)" = 4 ]
	! grep -q 'lxc:///system start' "$WORK/done"
	grep -q '^VBoxManage startvm 11111111-0000-4000-8000-000000000001 --type headless' "$WORK/done"
	grep -q '^xe vm-start uuid=33333333-0000-4000-8000-000000000003' "$WORK/done"
	[ ! -e "$WORK/him/guests-to-start" ] && [ ! -e "$WORK/strange" ]
}

@test "one that does not stop keeps the host up, and is named" {
	touch "$WORK/stubborn"
	power off guests 1
	[ "$status" -eq 1 ]
	[[ "$output" == *"still running, so this machine stays up: virsh-lxc web,xe 22222222"* ]]
	! grep -q '^shutdown' "$WORK/done"
}
