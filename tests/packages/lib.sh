# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154  # common.sh and apt.sh are read before
#
# Small Debian systems to build and install packages in. Each is kept as an
# archive in the cache and unpacked anew for each use.

chroots=$cache/chroots
case $host_arch in
amd64) other_arch=arm64 ;;
arm64) other_arch=amd64 ;;
*) die "packages are built on amd64 and arm64, this is $host_arch" ;;
esac

# The paragraphs of our source list that a suite consists of.
suite_sources() {
	[ -e "$apt_dir/etc/axl.sources" ] || apt_update
	awk -v suite="$1" 'BEGIN { RS = ""; ORS = "\n\n" }
		match($0, /\nSuites: [^\n]*/) {
			s = substr($0, RSTART + 9, RLENGTH - 9)
			if (s == suite || s == suite "-security" || s == suite "-backports")
				print
		}' "$apt_dir/etc/axl.sources" | sed 's/^Types:.*/Types: deb/'
}

# newest_headers PATTERN ARCHITECTURE: the name of the newest such package.
newest_headers() {
	our_apt_cache pkgnames linux-headers- |
		grep -xE "linux-headers-$1-$2" | sort -rV | head -n 1
}

# What each kind of system holds beyond the essential packages.
chroot_packages() {
	case $1 in
	*-build)
		echo dpkg-dev build-essential fakeroot debhelper dh-dkms device-tree-compiler \
			lintian libjson-c-dev pkgconf "libjson-c-dev:$other_arch" \
			"pkgconf:$other_arch" "crossbuild-essential-$other_arch" ;;
	*-use)
		# Someone else's system: what the packages depend on, headers,
		# openssl, without which DKMS does not sign, and ccache, since the
		# same modules are built there ten times.
		echo dkms openssl systemd-standalone-sysusers libjson-c5 ccache ;;
	esac
	case $1 in
	bookworm-use) newest_headers '6\.1\.0-[0-9]+' "$host_arch" ;;
	trixie-use)
		newest_headers '7\.[0-9.]+\+deb13' "$host_arch"
		echo "$(newest_headers '7\.[0-9.]+\+deb13' "$other_arch"):$other_arch" ;;
	esac
}

# chroot_archive NAME: sets $archive, makes it when there is none of this week.
chroot_archive() {
	local name=$1 suite=${1%-*} packages log

	case $suite in
	bookworm | trixie) ;;
	*) die "packages are built for bookworm and trixie, not for '$suite'" ;;
	esac
	packages=$(chroot_packages "$name" | tr -s ' \n' ',,')
	packages=${packages%,}
	archive=$chroots/$name-$(date +%G-%V)-$(sha256sum <<<"$packages" | cut -c1-12).tar
	log=$chroots/$name.log
	need mmdebstrap
	lock chroots
	if [ -e "$archive" ]; then
		unlock chroots
		return 0
	fi
	mkdir -p "$chroots"
	say "making a system $name (once a week, some minutes); log: $log"
	suite_sources "$suite" | mmdebstrap --quiet --mode=root --format=tar --variant=apt \
		--architectures="$host_arch,$other_arch" --include="$packages" \
		--aptopt='APT::Install-Recommends "false"' \
		--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"$suite" "$archive.new" - >"$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; die "mmdebstrap failed; see $log"; }
	find "$chroots" -name "$name-*.tar" -delete
	mv "$archive.new" "$archive"
	unlock chroots
	say "system $name: ready ($(($(stat -c %s "$archive") >> 20)) MiB)"
}

# ------------------------------------------------------------ a system in use

root=

# own_mounts COMMAND...: run again with mounts that end with the process. In a
# chroot, whose top is no mount, they cannot be cut off from those outside.
own_mounts() {
	local way=private

	[ "$(id -u)" = 0 ] || die "run it as root: it unpacks Debian systems and works in them"
	[ -z "${AXL_OWN_MOUNTS:-}" ] || return 0
	unshare --mount true 2>/dev/null || way=unchanged
	unshare --mount --propagation "$way" true 2>/dev/null ||
		die "mount is not allowed here; a container needs CAP_SYS_ADMIN for this"
	AXL_OWN_MOUNTS=1 exec unshare --mount --propagation "$way" "$@"
}

# enter NAME: a new system of that name, in $root. $scratch is the caller's.
enter() {
	chroot_archive "$1"
	leave_root
	root=$scratch/root
	mkdir "$root"
	tar -x -C "$root" --numeric-owner -f "$archive"
	mount -t proc proc "$root/proc"
	mkdir -p "$cache/ccache" "$root/ccache"
	mount --bind "$cache/ccache" "$root/ccache"
}

leave_root() {
	[ -n "$root" ] || return 0
	umount "$root/proc" "$root/ccache"
	rm -rf --one-file-system "$root"
	root=
}

# Debian's kernel headers know of ccache; systems without it do without.
in_root() {
	local ccache=()

	[ ! -e "$root/usr/bin/ccache" ] ||
		ccache=(DEBIAN_KERNEL_USE_CCACHE=yes CCACHE_DIR=/ccache CCACHE_MAXSIZE=200M)
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive "${ccache[@]}" "$@"
}

# copy_project DIR: what git knows and what would be added to it, or all of an
# exported tree.
copy_project() {
	mkdir -p "$1"
	(
		cd "$top" || exit
		if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
			git ls-files -z -co --exclude-standard
		else
			find . -type f -print0
		fi | while read -r -d '' f; do
			[ ! -e "$f" ] || printf '%s\0' "$f"
		done | tar -c --null -T -
	) | tar -x -C "$1"
}
