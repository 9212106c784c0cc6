//! What the fuzz targets check, apart from the fuzzer, so that ordinary tests replay the corpora through the
//! same code.

pub mod spot;
pub mod zmtp;
