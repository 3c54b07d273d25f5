# SPDX-License-Identifier: Apache-2.0
# A real Xen 4.17 with its dom0 and PV guests, all of it one machine of QEMU's translator (TCG) in a namespace of its own:
#
#     srv 10.77.0.1    core bridge     xen: br0 with eth0 and QEMU's tap = dom0's eth0
#                                       dom0 10.77.0.21: br0 with eth0 and a vif a guest; x1 10.77.3.1, x2 …
#
# Xen and dom0's kernel are only unpacked. dom0 has no disk: everything is in its initramfs, the guests' too.

XEN_PACKAGES="xen-hypervisor-4.17-amd64 xen-utils-4.17 xen-utils-common xenstore-utils libxencall1 libxendevicemodel1
	libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenmisc4.17 libxenstore4 libxentoolcore1 libxentoollog1 libyajl2"
# llc and stp before bridge; the rest in any order.
DOM0_MODULES="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net
	xen-privcmd xenfs xen-evtchn xen-gntdev xen-gntalloc llc stp bridge xen-netback"
# With smap, smep or pku dom0 crashes at once under TCG. With xsave, and so AVX, the upper halves of registers are lost when Xen
# switches between domains: copies come out wrong, and now and then xl or a guest dies of it.
XEN_CPU="max,-smap,-smep,-pku,-xsave"

# xen_guest N: the configuration of guest xN for xl.
xen_guest() {
	cat <<END
name = "x$1"
type = "pv"
kernel = "/guests/vmlinuz"
ramdisk = "/guests/guest.img"
extra = "console=hvc0 quiet panic=1 him.name=x$1 him.ip=10.77.3.$1/16"
memory = 160
vcpus = 1
vif = ["mac=00:16:3e:77:03:$(printf %02x "$1"),bridge=br0,script=/etc/xen/scripts/vif-lab"]
END
}

# xen_fetch: what is downloaded once. A failure says why.
xen_fetch() {
	parts_unpack dom0 "$(parts_kernel linux-image-amd64)" &&
		parts_unpack cloud "$(parts_kernel linux-image-cloud-amd64)" &&
		# shellcheck disable=SC2086
		parts_unpack xen $XEN_PACKAGES
}

# xen_parts GUESTS: $WORK/xen, $WORK/dom0-kernel and $WORK/dom0.img with so many guests in it.
xen_parts() {
	local tree=$WORK/dom0 root=$CACHE/xen i
	gunzip -c "$root"/boot/xen-4.17-amd64.gz >"$WORK/xen"
	cp "$CACHE"/dom0/boot/vmlinuz-* "$WORK/dom0-kernel"

	parts_tree "$WORK/guest" guest-init
	parts_modules "$CACHE/cloud" "$WORK/guest" xen-netfront
	lab_paper "$WORK/guest/etc/him"
	parts_archive "$WORK/guest" "$WORK/guest.img"

	parts_tree "$tree" dom0-init
	# shellcheck disable=SC2086
	parts_modules "$CACHE/dom0" "$tree" $DOM0_MODULES
	parts_libraries "$tree" "$root" usr/lib/xen-4.17/bin/{xl,xenstored,xenconsoled,xen-init-dom0,libxl-save-helper} \
		usr/bin/xenstore-{read,write,list,ls}
	ln -s ../lib/xen-4.17/bin/xl "$tree/usr/sbin/xl"
	mkdir -p "$tree/etc/xen/scripts" "$tree/guests"
	: >"$tree/etc/xen/xl.conf"
	printf '#!/bin/sh\nip link set "$vif" master br0 up\nxenstore-write "$XENBUS_PATH/hotplug-status" connected\n' >"$tree/etc/xen/scripts/vif-lab"
	chmod 755 "$tree/etc/xen/scripts/vif-lab"
	cp "$CACHE"/cloud/boot/vmlinuz-* "$tree/guests/vmlinuz"
	cp "$WORK/guest.img" "$tree/guests/guest.img"
	for i in $(seq "$1"); do xen_guest "$i" >"$tree/guests/x$i.cfg"; done
	lab_paper "$tree/etc/him"
	printf 'name=dom0\nip=10.77.0.21/16\n' >>"$tree/etc/him/lab"
	parts_archive "$tree" "$WORK/dom0.img"
}

# xen_open [GUESTS]
xen_open() {
	lab_open
	xen_parts "${1:-1}"
	ns_add xen 10.77.0.20/16
	ns xen ip link add br0 type bridge
	ns xen ip tuntap add tap0 mode tap
	ns xen ip link set eth0 master br0
	ns xen ip link set tap0 master br0 up
	ns xen ip link set br0 up
	start xen ip netns exec "$NET-xen" qemu-system-x86_64 -accel tcg,thread=multi -cpu "$XEN_CPU" -smp 1 \
		-m $((1200 + 200 * ${1:-1})) -display none -monitor none -serial "file:$WORK/dom0.console" -no-reboot \
		-netdev tap,id=n,ifname=tap0,script=no,downscript=no -device virtio-net-pci,netdev=n,mac=52:54:00:77:00:21 \
		-smbios "type=1,manufacturer=HIM lab,product=Xen host,serial=XEN-21,uuid=77000021-0000-4000-8000-000000000021" \
		-kernel "$WORK/xen" -initrd "$WORK/dom0-kernel console=hvc0 quiet,$WORK/dom0.img" \
		-append "console=com1 com1=115200,8n1 dom0_mem=800M,max:800M"
}

# xen_said: what dom0 and its guests printed, for a test that failed.
xen_said() {
	local id
	echo "# dom0"; tail -n 15 "$WORK/dom0.console"
	id=$(hm run --wait --json name:dom0 -- sh -c 'xl list; xenstore-ls -f /local/domain/0/backend/vif; tail -n 25 /var/log/xen/console/*' | jq -r .id)
	on_server "/actions/$id/results?output=1" | jq -r '.results[0] | .stdout, .stderr'
}

xen_close() {
	stop xen KILL
	lab_close
}
