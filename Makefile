# Installs the C library, and the program with its service, man pages and completions. Everything else is cargo's.
#
#     make                                    builds them
#     make install PREFIX=/usr DESTDIR=/tmp/x installs them; a package is made of what lies below DESTDIR
#     make install-library                    the shared library alone; install-dev: what compilers need; install-program
#     make uninstall                          takes back what install put there, but for a configuration that was changed

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
# Of the system where the prefix is the system's.
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),,$(PREFIX))/etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
CARGO ?= cargo
INSTALL ?= install

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# The number of the SONAME, as in crates/serverlink-capi/build.rs.
ABI := 0

TARGET := $(or $(CARGO_TARGET_DIR),target)/release
CAPI := crates/serverlink-capi
SPOT := $(TARGET)/spot
MANDIR := $(DATADIR)/man/man1
# Where each shell looks.
BASHDIR := $(DATADIR)/bash-completion/completions
ZSHDIR := $(DATADIR)/zsh/site-functions
FISHDIR := $(DATADIR)/fish/vendor_completions.d
CMAKEDIR := $(LIBDIR)/cmake/serverlink
PKGCONFIGDIR := $(LIBDIR)/pkgconfig
INCLUDEDIR_FROM_LIBDIR = $(shell realpath -m --relative-to=$(LIBDIR) $(INCLUDEDIR))
FILL_IN = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@BINDIR@|$(BINDIR)|' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|' \
	-e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	-e 's|@VERSION@|$(VERSION)|' -e 's|@ABI@|$(ABI)|' \
	-e 's|@INCLUDEDIR_FROM_LIBDIR@|$(INCLUDEDIR_FROM_LIBDIR)|'

.PHONY: build install install-library install-dev install-program uninstall

build:
	$(CARGO) build --release --package serverlink-capi --package spot-cli

install: install-library install-dev install-program

install-library: build
	$(INSTALL) -d '$(DESTDIR)$(LIBDIR)'
	$(INSTALL) -m 755 $(TARGET)/libserverlink.so '$(DESTDIR)$(LIBDIR)/libserverlink.so.$(VERSION)'
	ln -sf libserverlink.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/libserverlink.so.$(ABI)'

install-dev: build
	$(INSTALL) -d '$(DESTDIR)$(INCLUDEDIR)/serverlink' '$(DESTDIR)$(CMAKEDIR)' '$(DESTDIR)$(PKGCONFIGDIR)'
	$(INSTALL) -m 644 $(CAPI)/include/serverlink/serverlink.h '$(DESTDIR)$(INCLUDEDIR)/serverlink/'
	ln -sf libserverlink.so.$(ABI) '$(DESTDIR)$(LIBDIR)/libserverlink.so'
	$(INSTALL) -m 644 $(TARGET)/libserverlink.a '$(DESTDIR)$(LIBDIR)/'
	$(FILL_IN) $(CAPI)/dist/serverlink.pc.in > '$(DESTDIR)$(PKGCONFIGDIR)/serverlink.pc'
	for file in serverlink-config serverlink-config-version; do \
		$(FILL_IN) $(CAPI)/dist/$$file.cmake.in > '$(DESTDIR)$(CMAKEDIR)'/$$file.cmake || exit 1; \
	done

# A configuration that is there stays as it is.
install-program: build
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)' '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(SYSCONFDIR)/spot' \
		'$(DESTDIR)$(BASHDIR)' '$(DESTDIR)$(ZSHDIR)' '$(DESTDIR)$(FISHDIR)'
	$(INSTALL) -m 755 $(SPOT) '$(DESTDIR)$(BINDIR)/spot'
	$(FILL_IN) packaging/spot.service.in > '$(DESTDIR)$(UNITDIR)/spot.service'
	test -e '$(DESTDIR)$(SYSCONFDIR)/spot/spot.toml' || \
		$(INSTALL) -m 644 packaging/spot.toml '$(DESTDIR)$(SYSCONFDIR)/spot/spot.toml'
	$(SPOT) man '$(DESTDIR)$(MANDIR)'
	$(SPOT) completions bash > '$(DESTDIR)$(BASHDIR)/spot'
	$(SPOT) completions zsh > '$(DESTDIR)$(ZSHDIR)/_spot'
	$(SPOT) completions fish > '$(DESTDIR)$(FISHDIR)/spot.fish'

uninstall:
	rm -f '$(DESTDIR)$(INCLUDEDIR)/serverlink/serverlink.h' '$(DESTDIR)$(LIBDIR)'/libserverlink.so \
		'$(DESTDIR)$(LIBDIR)/libserverlink.so.$(ABI)' '$(DESTDIR)$(LIBDIR)/libserverlink.so.$(VERSION)' \
		'$(DESTDIR)$(LIBDIR)/libserverlink.a' '$(DESTDIR)$(PKGCONFIGDIR)/serverlink.pc'
	rm -rf '$(DESTDIR)$(CMAKEDIR)'
	rm -f '$(DESTDIR)$(BINDIR)/spot' '$(DESTDIR)$(UNITDIR)/spot.service' '$(DESTDIR)$(MANDIR)'/spot.1 \
		'$(DESTDIR)$(MANDIR)'/spot-*.1 '$(DESTDIR)$(BASHDIR)/spot' '$(DESTDIR)$(ZSHDIR)/_spot' '$(DESTDIR)$(FISHDIR)/spot.fish'
	! cmp -s packaging/spot.toml '$(DESTDIR)$(SYSCONFDIR)/spot/spot.toml' || \
		rm '$(DESTDIR)$(SYSCONFDIR)/spot/spot.toml'
