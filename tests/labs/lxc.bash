# SPDX-License-Identifier: Apache-2.0
# One host with containers of libvirt's LXC driver, each with a MAC that its host gave it and an agent of its own. They share one root
# folder. A host is opened as in kvm.bash.

source "$ROOT/tests/labs/kvm.bash"

lxc_fetch() {
	[ -x /usr/lib/libvirt/libvirt_lxc ] || { echo "libvirt's LXC driver is not installed"; return 1; }
}

container_xml() { # container_xml N
	cat <<END
<domain type='lxc'>
  <name>c$1</name>
  <uuid>77000000-0000-4000-8000-$(printf %012d "$1")</uuid>
  <memory unit='MiB'>64</memory>
  <os><type>exe</type><init>/lab/init</init><initarg>c$1</initarg><initarg>10.77.4.$1/16</initarg></os>
  <devices>
    <emulator>/usr/lib/libvirt/libvirt_lxc</emulator>
    <filesystem type='mount'><source dir='$WORK/container'/><target dir='/'/></filesystem>
    <interface type='bridge'><mac address='52:54:00:77:04:$(printf %02x "$1")'/><source bridge='br0'/></interface>
    <console type='pty'/>
  </devices>
</domain>
END
}

# container_tree TREE: the root folder of containers.
container_tree() {
	parts_tree "$1" container-init
	mkdir -p "$1/lab"
	mv "$1/init" "$1/lab/init"
	: >"$1/etc/machine-id"
	chroot "$1" /bin/busybox --install -s
	lab_paper "$1/etc/him"
}

# lxc_open [N]: the host hC with the containers c1 … cN.
lxc_open() {
	local i
	lab_open
	container_tree "$WORK/container"
	host_open hC 10.77.0.31/16
	for i in $(seq "${1:-5}"); do
		container_xml "$i" >"$WORK/c$i.xml"
		on_lxc hC create "$WORK/c$i.xml"
	done
}

on_lxc() { # on_lxc HOST VIRSH-COMMAND...
	local name=$1; shift
	virsh -q -c "$(virsh_uri "$name" lxc)" "$@"
}

lxc_close() {
	host_close hC
	lab_close
}
