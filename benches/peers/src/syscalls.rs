//! Counts the system calls of processes with `perf stat`.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

const EVENT: &str = "raw_syscalls:sys_enter";

/// From `start` to `stop`.
pub struct Count {
    perf: Child,
    folder: PathBuf,
}

/// Whether this machine lets us.
pub fn can_be_counted() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let tried = Command::new("perf")
            .args(["stat", "-e", EVENT, "true"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    })
}

impl Count {
    /// Returns when the count is running.
    pub fn start(processes: &[u32]) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("bench-syscalls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(text)?;
        let (control, answer) = (folder.join("control"), folder.join("answer"));
        for path in [&control, &answer] {
            let _ = std::fs::remove_file(path);
            let made = Command::new("mkfifo").arg(path).status().map_err(text)?;
            assert!(made.success(), "a pipe with a name");
        }
        let ids: Vec<String> = processes.iter().map(u32::to_string).collect();
        let perf = Command::new("perf")
            .args(["stat", "-x", ",", "-e", EVENT, "--delay=-1", "-p"])
            .arg(ids.join(","))
            .arg("--control")
            .arg(format!("fifo:{},{}", control.display(), answer.display()))
            .arg("-o")
            .arg(folder.join("counts"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(text)?;
        // Opened for both directions, a pipe does not wait for its other end.
        let open = |path| OpenOptions::new().read(true).write(true).open(path);
        let mut control: File = open(&control).map_err(text)?;
        let mut answer: File = open(&answer).map_err(text)?;
        control.write_all(b"enable\n").map_err(text)?;
        answer.read_exact(&mut [0; 4]).map_err(text)?;
        Ok(Self { perf, folder })
    }

    /// How many calls there were.
    pub fn stop(mut self) -> Result<f64, String> {
        // SAFETY: a signal to a process that was started here and is not reaped yet.
        unsafe { libc::kill(self.perf.id() as i32, libc::SIGINT) };
        self.perf.wait().map_err(text)?;
        let counts = std::fs::read_to_string(self.folder.join("counts")).map_err(text)?;
        let _ = std::fs::remove_dir_all(&self.folder);
        let line = counts.lines().find(|line| line.contains(EVENT));
        let count = line.and_then(|line| line.split(',').next()?.parse().ok());
        count.ok_or_else(|| format!("perf says {counts:?}"))
    }
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}
