# Installs the C library. Everything else is cargo's.
#
#     make                                    builds it
#     make install PREFIX=/usr DESTDIR=/tmp/x installs it; a package is made of what lies below DESTDIR
#     make uninstall                          takes back what install put there

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
CARGO ?= cargo
INSTALL ?= install

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# The number of the SONAME, as in crates/serverlink-capi/build.rs.
ABI := 0

TARGET := $(or $(CARGO_TARGET_DIR),target)/release
CAPI := crates/serverlink-capi
CMAKEDIR := $(LIBDIR)/cmake/serverlink
PKGCONFIGDIR := $(LIBDIR)/pkgconfig
INCLUDEDIR_FROM_LIBDIR = $(shell realpath -m --relative-to=$(LIBDIR) $(INCLUDEDIR))
FILL_IN = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	-e 's|@VERSION@|$(VERSION)|' -e 's|@ABI@|$(ABI)|' \
	-e 's|@INCLUDEDIR_FROM_LIBDIR@|$(INCLUDEDIR_FROM_LIBDIR)|'

.PHONY: build install uninstall

build:
	$(CARGO) build --release --package serverlink-capi

install: build
	$(INSTALL) -d '$(DESTDIR)$(INCLUDEDIR)/serverlink' '$(DESTDIR)$(CMAKEDIR)' '$(DESTDIR)$(PKGCONFIGDIR)'
	$(INSTALL) -m 644 $(CAPI)/include/serverlink/serverlink.h '$(DESTDIR)$(INCLUDEDIR)/serverlink/'
	$(INSTALL) -m 755 $(TARGET)/libserverlink.so '$(DESTDIR)$(LIBDIR)/libserverlink.so.$(VERSION)'
	ln -sf libserverlink.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/libserverlink.so.$(ABI)'
	ln -sf libserverlink.so.$(ABI) '$(DESTDIR)$(LIBDIR)/libserverlink.so'
	$(INSTALL) -m 644 $(TARGET)/libserverlink.a '$(DESTDIR)$(LIBDIR)/'
	$(FILL_IN) $(CAPI)/dist/serverlink.pc.in > '$(DESTDIR)$(PKGCONFIGDIR)/serverlink.pc'
	for file in serverlink-config serverlink-config-version; do \
		$(FILL_IN) $(CAPI)/dist/$$file.cmake.in > '$(DESTDIR)$(CMAKEDIR)'/$$file.cmake || exit 1; \
	done

uninstall:
	rm -f '$(DESTDIR)$(INCLUDEDIR)/serverlink/serverlink.h' '$(DESTDIR)$(LIBDIR)'/libserverlink.so \
		'$(DESTDIR)$(LIBDIR)/libserverlink.so.$(ABI)' '$(DESTDIR)$(LIBDIR)/libserverlink.so.$(VERSION)' \
		'$(DESTDIR)$(LIBDIR)/libserverlink.a' '$(DESTDIR)$(PKGCONFIGDIR)/serverlink.pc'
	rm -rf '$(DESTDIR)$(CMAKEDIR)'
