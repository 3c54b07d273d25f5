# SPDX-License-Identifier: Apache-2.0
# A container in a guest on a host: two libvirt hosts as in kvm.bash, a guest g1 with Debian's LXC in its initramfs, in it the container
# n1, and an agent in each. The guest's eth0 is a port of its own bridge br0, on which the container hangs too:
#
#     srv 10.77.0.1      core bridge         hA 10.77.0.11                 hB 10.77.0.12
#       |                    |                |                             |
#      =+====================+================+= eth0 + br0 + g1            =+= eth0 + br0
#                                                   g1 10.77.2.1: eth0 + br0 + n1 10.77.5.1
#
# LXC is only unpacked. Where a real guest has a service manager this one has nested-start, which files ask.

source "$ROOT/tests/labs/lxc.bash"

# What LXC needs that is not on every Debian; the rest of its libraries are this machine's.
LXC_PACKAGES="lxc liblxc1 liblxc-common libapparmor1 libseccomp2"
# llc and stp before bridge.
NESTED_MODULES="llc stp bridge veth"
NESTED_MAC=00:16:3e:77:05:01
GUEST_MIB=256

# nested_fetch: what is downloaded once. A failure says why.
nested_fetch() {
	kvm_fetch &&
		# shellcheck disable=SC2086
		parts_unpack lxc $LXC_PACKAGES
}

# nested_config: the container's configuration, with Debian's own defaults for every container.
nested_config() {
	cat <<END
lxc.include = /usr/share/lxc/config/common.conf
lxc.uts.name = n1
lxc.rootfs.path = dir:/var/lib/lxc/n1/rootfs
lxc.init.cmd = /lab/init n1 10.77.5.1/16
lxc.apparmor.profile = unconfined
lxc.net.0.type = veth
lxc.net.0.link = br0
lxc.net.0.flags = up
lxc.net.0.hwaddr = $NESTED_MAC
END
}

# nested_tree TREE: what a guest with a container has besides what every guest has.
nested_tree() {
	local tree=$1
	# shellcheck disable=SC2086
	parts_modules "$CACHE/cloud" "$tree" $NESTED_MODULES
	parts_libraries "$tree" "$CACHE/lxc" usr/bin/lxc-{start,stop,info,ls,wait}
	mkdir -p "$tree"/usr/{share,lib/x86_64-linux-gnu}/lxc "$tree"/usr/lib/x86_64-linux-gnu/lxc/rootfs "$tree/var/lib/lxc/n1/rootfs" "$tree/lab"
	cp -r "$CACHE/lxc/usr/share/lxc/config" "$tree/usr/share/lxc/"
	nested_config >"$tree/var/lib/lxc/n1/config"
	container_tree "$tree/var/lib/lxc/n1/rootfs"
	: >"$tree/var/lib/lxc/n1/rootfs/lab/own"
	cp "$ROOT/tests/labs/nested-network" "$tree/lab/network"
	cp "$ROOT/tests/labs/nested-start" "$tree/lab/start"
	chmod 755 "$tree/lab/network" "$tree/lab/start"
}

# nested_open: hA and hB, g1 on hA, n1 in g1.
nested_open() {
	lab_open
	kvm_parts nested_tree
	hosts_open
	guest_start hA g1 1
}

# nested_stop, nested_start: the container ends, without a word to it, and begins again. What a command leaves behind ends with
# the command, so it is the guest's own init that starts it, when a file asks for it.
nested_stop() {
	hm run --wait --json name:g1 -- lxc-stop -n n1 -k
}

nested_start() {
	hm run --wait --json name:g1 -- touch /run/start-n1
}

nested_close() {
	kvm_close
}
