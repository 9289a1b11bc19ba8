# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154  # common.sh is read before
#
# A package database of our own: packages of other architectures and suites
# are fetched and unpacked without the system's own database knowing. Mirrors
# come from the system's own source lists, so that a local mirror or a proxy
# stays in use.

apt_dir=$cache/apt

# Values of this system: 12 is bookworm, 13 is trixie.
host_codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

# Every Debian entry of the system as: TYPE URI SUITE KEYRING
apt_entries() {
	local f

	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -f "$f" ] || continue
		# deb [signed-by=K] URI SUITE main ...
		sed -nE 's/[[:space:]]+/ /g; s/^ //
			/ main( |$)/!d
			s/^(deb|deb-src) (\[[^]]*signed-by=([^] ]+)[^]]*\] )(.*)$/\1 \4 @\3/
			s/^(deb|deb-src) \[[^]]*\] /\1 /
			s/^(deb|deb-src) ([^ ]+) ([^ ]+) .*@([^ ]+)$/\1 \2 \3 \4/p
			s/^(deb|deb-src) ([^ ]+) ([^ ]+) .*$/\1 \2 \3 -/p' "$f"
	done
	for f in /etc/apt/sources.list.d/*.sources; do
		[ -f "$f" ] || continue
		# One stanza a paragraph, one "Field: value ..." a line.
		sed -E '/^#/d; s/[[:space:]]+$//' "$f" | awk '
			function flush(  u, s, t, i, j, k, n, m, l) {
				if (f["components"] ~ /(^| )main( |$)/ &&
				    f["enabled"] !~ /^(no|false|0)$/) {
					n = split(f["uris"], u, " ")
					m = split(f["suites"], s, " ")
					l = split(f["types"], t, " ")
					for (i = 1; i <= n; i++)
						for (j = 1; j <= m; j++)
							for (k = 1; k <= l; k++)
								print t[k], u[i], s[j], key()
				}
				delete f
			}
			function key() {
				return f["signed-by"] ~ /^\// ? f["signed-by"] : "-"
			}
			/^$/ { flush(); next }
			/^[^ \t:]+:/ {
				name = tolower(substr($0, 1, index($0, ":") - 1))
				f[name] = substr($0, index($0, ":") + 1)
				sub(/^ +/, "", f[name])
				next
			}
			{ sub(/^[ \t]+/, " "); f[name] = f[name] $0 }
			END { flush() }'
	done
}

# apt_mirror SUITE: "URI KEYRING" of the entry that serves it, empty if none.
apt_mirror() {
	apt_entries | awk -v s="$1" '$1 == "deb" && $3 == s { print $2, $4; exit }'
}

apt_source() {
	local types=$1 mirror=$2 suite=$3 key=$4

	printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\n' \
		"$types" "$mirror" "$suite"
	[ "$key" = - ] || printf 'Signed-By: %s\n' "$key"
	echo
}

apt_configure() {
	local main main_key sec sec_key suite native

	case $host_codename in
	bookworm | trixie) ;;
	*) die "the bench is prepared by apt on Debian 12 or 13, this is '${host_codename:-unknown}'" ;;
	esac
	read -r main main_key < <(apt_mirror "$host_codename") ||
		die "no 'deb' line for $host_codename in /etc/apt; add the Debian archive there"
	read -r sec sec_key < <(apt_mirror "$host_codename-security") ||
		{ sec=${main%/}-security; sec_key=$main_key; }

	mkdir -p "$apt_dir"/{state/lists/partial,cache/archives/partial,etc}
	: >"$apt_dir/state/status"
	{
		for suite in bookworm trixie bookworm-backports trixie-backports; do
			# Sources are needed of this system's own suite only.
			native=
			[ "${suite%%-*}" = "$host_codename" ] && native=" deb-src"
			apt_source "deb$native" "$main" "$suite" "$main_key"
		done
		for suite in bookworm-security trixie-security; do
			native=
			[ "${suite%%-*}" = "$host_codename" ] && native=" deb-src"
			apt_source "deb$native" "$sec" "$suite" "$sec_key"
		done
	} | put "$apt_dir/etc/axl.sources"
	# Read after the system's configuration, so its proxies stay in force.
	put "$apt_dir/apt.conf" <<-EOF
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear DPkg::Post-Invoke;
		#clear APT::Architectures;
		APT::Architecture "$host_arch";
		APT::Architectures { "amd64"; "arm64"; };
		APT::Sandbox::User "";
		Acquire::Languages "none";
		Dir::State "$apt_dir/state";
		Dir::State::status "$apt_dir/state/status";
		Dir::Cache "$apt_dir/cache";
		Dir::Cache::pkgcache "pkgcache.bin";
		Dir::Cache::srcpkgcache "srcpkgcache.bin";
		Dir::Etc::sourcelist "/dev/null";
		Dir::Etc::sourceparts "$apt_dir/etc";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
	EOF
}

our_apt_get() {
	apt-get -q -c "$apt_dir/apt.conf" "$@"
}

our_apt_cache() {
	apt-cache -q -c "$apt_dir/apt.conf" "$@"
}

apt_update() {
	apt_configure
	LC_ALL=C our_apt_get update >"$apt_dir/update.log" 2>&1 ||
		die "the package lists cannot be fetched: $(grep -m1 '^[EW]:' "$apt_dir/update.log"); see $apt_dir/update.log"
}

# Did the last apt_update have to do without some list, or with an old one? apt
# does not call that an error, and not every mirror has all suites.
apt_incomplete() {
	grep -qE '^Err:|^W: Failed to fetch|^W: Some index files' "$apt_dir/update.log"
}

# apt_fetch DIR PACKAGE...: the .deb files into DIR; PACKAGE may be
# name:architecture, name/suite and name=version.
apt_fetch() {
	local dir=$1

	shift
	mkdir -p "$dir"
	(cd "$dir" && our_apt_get download "$@") >"$dir/fetch.log" 2>&1 ||
		die "cannot download $*: $(grep -m1 '^E:' "$dir/fetch.log"); see $dir/fetch.log"
}

# apt_field PACKAGE FIELD: of the version that would be downloaded.
apt_field() {
	our_apt_cache show --no-all-versions "$1" 2>/dev/null |
		sed -n "s/^$2: //p;/^\$/q"
}

# The newest linux-source-6.12 that goes with the bench's own 6.12.
kernel_source_version() {
	local version

	version=$(apt_field linux-source-6.12/bookworm-security Version)
	[ -n "$version" ] || version=$(apt_field linux-source-6.12 Version)
	[ -n "$version" ] || die "the archive has no linux-source-6.12 any more"
	echo "$version"
}
