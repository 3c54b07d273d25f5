# SPDX-License-Identifier: Apache-2.0
# Hosts with libvirt, each in namespaces of its own, and real guests under QEMU's translator (TCG). A host's eth0 is a port of its bridge
# br0, as on any real host; its guests hang on the same bridge and reach the relay through it:
#
#     srv 10.77.0.1      core bridge         hA 10.77.0.11                 hB 10.77.0.12
#       |                    |                |                             |
#      =+====================+================+= eth0 + br0 + g1, g2 …     =+= eth0 + br0 + …
#
# /dev/kvm is never used: it may open and still hang.

# The order is the order of need; failover before virtio_net.
GUEST_MODULES="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net"

# kvm_fetch: what is downloaded once. A failure says why.
kvm_fetch() {
	parts_unpack cloud "$(parts_kernel linux-image-cloud-amd64)"
}

# kvm_parts [FUNCTION]: kernel and initramfs of the guests: $WORK/vmlinuz, $WORK/guest.img. The function adds to the folder that
# becomes the initramfs, which it is told.
kvm_parts() {
	cp "$CACHE"/cloud/boot/vmlinuz-* "$WORK/vmlinuz"
	parts_tree "$WORK/guest" guest-init
	# shellcheck disable=SC2086
	parts_modules "$CACHE/cloud" "$WORK/guest" $GUEST_MODULES
	lab_paper "$WORK/guest/etc/him"
	[ $# = 0 ] || "$1" "$WORK/guest"
	parts_archive "$WORK/guest" "$WORK/guest.img"
}

# host_open NAME ADDRESS/LEN: its namespaces, bridge, libvirt and agent.
host_open() {
	local name=$1 address=$2 dir=$WORK/$1
	ns_add "$name" "$address"
	ns "$name" ip link add br0 type bridge
	ns "$name" ip link set br0 address "$(ns "$name" cat /sys/class/net/eth0/address)"
	ns "$name" ip link set eth0 master br0
	ns "$name" ip addr flush dev eth0
	ns "$name" ip addr add "$address" dev br0
	ns "$name" ip link set br0 up
	mkdir -p "$dir"/{run,etc/libvirt/qemu,var/lib/libvirt,var/log/libvirt/qemu,var/cache/libvirt}
	tr -d - </proc/sys/kernel/random/uuid >"$dir/machine-id"
	printf 'host_uuid = "%s"\nunix_sock_group = "root"\nauth_unix_rw = "none"\n' "$(cat /proc/sys/kernel/random/uuid)" >"$dir/etc/libvirt/libvirtd.conf"
	printf 'user = "root"\ngroup = "root"\ndynamic_ownership = 0\nremember_owner = 0\nsecurity_driver = "none"\nnamespaces = []\ncgroup_controllers = []\n' >"$dir/etc/libvirt/qemu.conf"
	lab_paper "$dir"
	start "$name" nsenter --net="/run/netns/$NET-$name" unshare -m -u -p --fork --kill-child --propagation private \
		"$ROOT/tests/labs/host-init" "$dir" "$name" "$STATIC/him-agent"
	until_true "$LIMIT" on_host "$name" true
}

host_close() {
	stop "$1" KILL
}

virsh_uri() { # virsh_uri HOST [DRIVER]
	local path=/system; [ "${2:-qemu}" = qemu ] || path=/
	echo "${2:-qemu}+unix://$path?socket=$WORK/$1/run/libvirt/libvirt-sock"
}

on_host() { # on_host NAME VIRSH-COMMAND...
	local name=$1; shift
	[ "$1" != true ] || set -- version
	virsh -q -c "$(virsh_uri "$name")" "$@"
}

# guest_xml NAME N [UUID]: its MAC and address follow from N.
guest_xml() {
	cat <<END
<domain type='qemu'>
  <name>$1</name>
  <uuid>${3:-$(cat /proc/sys/kernel/random/uuid)}</uuid>
  <memory unit='MiB'>${GUEST_MIB:-128}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>$WORK/vmlinuz</kernel>
    <initrd>$WORK/guest.img</initrd>
    <cmdline>console=ttyS0 quiet panic=1 him.name=$1 him.ip=10.77.2.$2/16</cmdline>
  </os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <interface type='bridge'>
      <mac address='$(guest_mac "$2")'/>
      <source bridge='br0'/>
      <model type='virtio'/>
    </interface>
    <serial type='file'><source path='$WORK/$1.console' append='on'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>
END
}

guest_mac() {
	printf '52:54:00:77:02:%02x' "$1"
}

uuid_of() { # uuid_of NAME
	sed -n 's|.*<uuid>\(.*\)</uuid>|\1|p' "$WORK/$1.xml"
}

guest_start() { # guest_start HOST NAME N
	guest_xml "$2" "$3" >"$WORK/$2.xml"
	on_host "$1" create "$WORK/$2.xml"
}

# guest_move NAME FROM TO ADDRESS: a live migration, its memory over the hosts' own network.
guest_move() {
	virsh -q -c "$(virsh_uri "$2")" migrate --live --unsafe "$1" "$(virsh_uri "$3")" --migrateuri "tcp://$4"
}

# hosts_open: hA and hB.
hosts_open() {
	host_open hA 10.77.0.11/16
	host_open hB 10.77.0.12/16
	on_host hA domcapabilities --virttype qemu >/dev/null & # the first question costs seconds; both at once
	on_host hB domcapabilities --virttype qemu >/dev/null
	wait $!
}

# kvm_open [GUESTS]: both hosts, and so many guests on each: a1… on hA, b1… on hB.
kvm_open() {
	local i
	lab_open
	kvm_parts
	hosts_open
	for i in $(seq "${1:-1}"); do
		guest_start hA "a$i" "$i"
		guest_start hB "b$i" "$((100 + i))"
	done
}

kvm_close() {
	host_close hA
	host_close hB
	lab_close
}
