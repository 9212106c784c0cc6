//! The configuration of `spot node`: flags over the environment over a TOML file over defaults, by one schema.

mod environment;
mod file;
mod layers;
mod problem;
mod schema;
mod settings;
mod text;
mod value;

pub(crate) use environment::unknown_variables;
pub(crate) use layers::{Config, is_wrong};
pub(crate) use problem::Problem;
pub(crate) use schema::{DEFAULT_ADMIN, Key, Live, admin, level};
pub(crate) use settings::{Admin, Log, LogFormat, LogOutput, Settings};
pub(crate) use value::Value;
