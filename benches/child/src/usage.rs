//! What a process takes: time of the processor, memory.

/// Nanoseconds of the clock that all processes of this machine share.
#[must_use]
pub fn now_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the record is valid and this clock exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Time of the processor, of all threads, since this was made.
#[derive(Debug)]
pub struct Cpu(f64);

impl Cpu {
    #[must_use]
    pub fn start() -> Self {
        Self(cpu_s())
    }

    #[must_use]
    pub fn seconds(&self) -> f64 {
        cpu_s() - self.0
    }
}

fn cpu_s() -> f64 {
    // SAFETY: `rusage` consists of numbers, for which zero is valid; the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Resident memory of this process that is its own, without mapped files.
///
/// # Panics
/// If the system does not tell.
#[must_use]
pub fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.expect("a RssAnon line") * 1024.0
}
