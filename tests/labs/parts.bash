# SPDX-License-Identifier: Apache-2.0
# What the labs are built of: Debian packages, downloaded by name with apt into $CACHE/debs and unpacked below $CACHE/ROOT,
# never installed; and small initramfs archives made of them. What was downloaded and unpacked stays and serves every later run.

CACHE=${HIM_LABS_CACHE:-$ROOT/build/labs}
STATIC=${HIM_LABS_STATIC:-$ROOT/build} # where the static agent is

# parts_kernel META: the package that META (linux-image-cloud-amd64) stands for today.
parts_kernel() {
	apt-cache depends --important "$1" 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\).*/\1/p' | head -1
}

# parts_unpack ROOT PACKAGE...: the packages' files below $CACHE/ROOT, from the cache where they are there already. One run
# fills it at a time; a folder counts only when the list of its packages stands beside it, which is written last.
parts_unpack() {
	local root=$CACHE/$1 list; shift
	list="$*"
	[ -n "$list" ] || { echo "apt does not know the packages for $root"; return 1; }
	mkdir -p "$CACHE/debs"
	(
		flock 9
		[ "$(cat "$root.list" 2>/dev/null)" = "$list" ] && exit 0
		rm -rf "$root" "$root.list"
		mkdir -p "$root"
		local p file
		for p in $list; do
			if [ -z "$(find "$CACHE/debs" -name "${p}_*.deb")" ]; then
				(cd "$CACHE/debs" && apt-get -qq -o APT::Sandbox::User=root download "$p" >/dev/null 2>&1) ||
					{ echo "$p cannot be downloaded"; exit 1; }
			fi
			file=$(find "$CACHE/debs" -name "${p}_*.deb" | head -1)
			dpkg-deb -x "$file" "$root" || { echo "$file is damaged"; exit 1; }
		done
		echo "$list" >"$root.list"
	) 9>"$CACHE/lock"
}

# parts_modules ROOT TREE NAME...: kernel modules of ROOT into TREE/modules, and the order to insert them in.
parts_modules() {
	local from=$1/lib/modules to=$2/modules name file; shift 2
	mkdir -p "$to"
	for name in "$@"; do
		file=$(find "$from" -name "$name.ko" | head -1)
		[ -n "$file" ] || { echo "no module $name in $from" >&2; return 1; }
		cp "$file" "$to/"
		echo "$name" >>"$to/order"
	done
}

# parts_tree TREE INIT: the beginning of an initramfs: busybox, the static agent, an init.
parts_tree() {
	mkdir -p "$1"/{bin,sbin,usr/bin,usr/sbin,etc/him,proc,sys,dev,run,tmp,root,var/lib/him,var/log,lib64,modules}
	cp "$(command -v busybox)" "$1/bin/busybox"
	strip -o "$1/bin/him-agent" "$STATIC/him-agent"
	cp "$ROOT/tests/labs/$2" "$1/init"
	printf 'ID=busybox\nNAME=busybox\nPRETTY_NAME="a guest of a lab"\n' >"$1/etc/os-release"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
	echo 'root:x:0:' >"$1/etc/group"
	chmod 755 "$1/init" "$1/bin/him-agent" "$1/bin/busybox"
}

# parts_libraries TREE ROOT FILE...: the programs FILE of ROOT and every library they need, from ROOT or from this machine.
# libgcc_s is asked for only when a thread is cancelled, so no list of needs names it.
parts_libraries() {
	local tree=$1 root=$2 f lib; shift 2
	for f in "$@"; do
		mkdir -p "$tree/$(dirname "$f")"
		cp -L "$root/$f" "$tree/$f"
	done
	mkdir -p "$tree/usr/lib/x86_64-linux-gnu"
	for f in "$@"; do
		LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu ldd "$root/$f" 2>/dev/null | grep -o '/[^ ]*' | grep '\.so'
	done | sort -u | while read -r lib; do
		case $lib in
		*/ld-linux*) cp -L "$lib" "$tree/lib64/" ;;
		*) cp -L "$lib" "$tree/usr/lib/x86_64-linux-gnu/" ;;
		esac
	done
	cp -L /lib/x86_64-linux-gnu/libgcc_s.so.1 "$tree/usr/lib/x86_64-linux-gnu/"
	[ -e "$tree/lib/x86_64-linux-gnu" ] || { mkdir -p "$tree/lib"; ln -s ../usr/lib/x86_64-linux-gnu "$tree/lib/x86_64-linux-gnu"; }
}

# parts_archive TREE FILE: an initramfs that only its owner may read, for the token is in it.
parts_archive() {
	(umask 077 && cd "$1" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 >"$2")
}
