//! The samples of `README.md` and `docs/`, as tests.
//!
//! Those in Rust are doctests of the modules below, which exist for rustdoc alone. Those in C and shell are run by
//! `tests/samples`. `CONTRIBUTING.md` says how a sample is to be written.

macro_rules! doctests {
    ($($name:ident: $path:literal)+) => { $(
        #[cfg(doctest)]
        #[doc = include_str!(concat!("../../../", $path))]
        pub mod $name {}
    )+ };
}

doctests! {
    readme: "README.md"
    guide: "docs/guide.md"
    rust_api: "docs/rust-api.md"
    c_api: "docs/c-api.md"
    clustering: "docs/clustering.md"
    operations: "docs/operations.md"
    patterns: "docs/patterns.md"
}
