//! Why a command failed, as one line for people and an exit code for scripts.

use std::io;

use serverlink::{
    AddPeerError, BindError, CreateTopicError, OptionsError, PublishError, StartError,
    SubscribeError,
};
use thiserror::Error;

/// Why a command failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// It was tried and did not work.
    #[error("{0}")]
    Failed(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The configuration of a node is wrong.
    #[error("{}", .lines.join("; "))]
    Config {
        /// Whether the command line or the environment is; otherwise the file.
        is_usage: bool,
        /// What is wrong, one thing a line.
        lines: Vec<String>,
    },
    /// The time allowed is up.
    #[error("{0}")]
    Timeout(String),
    /// Standard input could not be read.
    #[error("cannot read standard input: {0}")]
    Input(#[source] io::Error),
    /// Standard output could not be written.
    #[error("cannot write standard output: {0}")]
    Output(#[source] io::Error),
}

impl Failure {
    /// The exit code, as `spot --help` documents it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Input(_) | Self::Output(_) => 1,
            Self::Config { is_usage, .. } => 1 + u8::from(*is_usage),
            Self::Usage(_) => 2,
            Self::Timeout(_) => 3,
        }
    }

    /// What is told of it: each of these on a line of its own.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Config { lines, .. } => lines.clone(),
            other => vec![other.to_string()],
        }
    }

    /// Whether the reader of our output left, which is how `| head` ends a program and no failure.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Bind(error) => error.into(),
            StartError::AddPeer(error) => error.into(),
            StartError::CreateTopic(error) => error.into(),
            StartError::Options(error) => error.into(),
            StartError::InvalidName { .. } => Self::Usage(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        let text = error.to_string();
        match error {
            BindError::InvalidEndpoint(_) => Self::Usage(text),
            _ => Self::Failed(text),
        }
    }
}

impl From<AddPeerError> for Failure {
    fn from(error: AddPeerError) -> Self {
        let text = error.to_string();
        match error {
            AddPeerError::InvalidEndpoint(_) => Self::Usage(text),
            _ => Self::Failed(text),
        }
    }
}

impl From<CreateTopicError> for Failure {
    fn from(error: CreateTopicError) -> Self {
        let text = error.to_string();
        match error {
            CreateTopicError::InvalidName(_) => Self::Usage(text),
            _ => Self::Failed(text),
        }
    }
}

impl From<SubscribeError> for Failure {
    fn from(error: SubscribeError) -> Self {
        let text = error.to_string();
        match error {
            SubscribeError::InvalidName(_) | SubscribeError::InvalidPattern(_) => Self::Usage(text),
            _ => Self::Failed(text),
        }
    }
}

impl From<OptionsError> for Failure {
    fn from(error: OptionsError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        Self::Failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broken_pipe_on_output_is_no_failure() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(Failure::Output(broken()).is_broken_pipe());
        assert!(!Failure::Input(broken()).is_broken_pipe());
        assert!(!Failure::Output(io::Error::from(io::ErrorKind::StorageFull)).is_broken_pipe());
    }

    #[test]
    fn exit_codes_are_those_of_the_help() {
        let text = String::new;
        assert_eq!(Failure::Failed(text()).exit_code(), 1);
        assert_eq!(Failure::Usage(text()).exit_code(), 2);
        assert_eq!(Failure::Timeout(text()).exit_code(), 3);
    }
}
