//! Gives the shared library its SONAME, and the build directory the link of that name which programs then look for.

use std::path::{Path, PathBuf};

/// Changes when programs compiled against an older header would no longer run.
const SONAME: &str = "libserverlink.so.0";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{SONAME}");
    link_soname(&profile_dir());
}

/// `target/release` from `target/release/build/serverlink-capi-HASH/out`.
fn profile_dir() -> PathBuf {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    out.ancestors()
        .nth(3)
        .expect("OUT_DIR lies three levels below the profile's directory")
        .to_owned()
}

/// So that a program linked to the library in place also runs in place. The link may dangle until the library is built.
fn link_soname(dir: &Path) {
    let link = dir.join(SONAME);
    if link.symlink_metadata().is_err() {
        #[cfg(unix)]
        std::os::unix::fs::symlink("libserverlink.so", &link)
            .expect("the build directory can be written to");
    }
}
