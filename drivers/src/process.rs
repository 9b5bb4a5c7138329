//! What this process takes of the machine, as the kernel counts it. For people who ask, not for the path of a request.

use rustix::param::{clock_ticks_per_second, page_size};

/// Processor time and memory of the process, and the memory of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in the program, in microseconds; the kernel counts hundredths of a second.
    pub user_us: u64,
    /// Processor time in the kernel.
    pub system_us: u64,
    /// Memory that lies in the machine's, in bytes.
    pub resident_bytes: u64,
    /// The memory of the machine.
    pub system_bytes: u64,
}

impl Usage {
    /// Of this process, now. What the kernel does not tell is 0. Reads a file that the kernel writes from memory.
    pub fn of_process() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let machine = rustix::system::sysinfo();
        let system_bytes = machine.totalram * u64::from(machine.mem_unit);
        Self { system_bytes, ..Self::of_stat(&stat) }
    }

    /// Of the fields of proc(5), `/proc/pid/stat`: those behind the name, which stands in brackets.
    fn of_stat(stat: &str) -> Self {
        let fields: Vec<&str> =
            stat.rsplit_once(')').map_or("", |(_, behind)| behind).split_ascii_whitespace().collect();
        let field =
            |number: usize| fields.get(number - 3).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let us = |ticks: u64| ticks * 1_000_000 / clock_ticks_per_second().max(1);
        Self {
            user_us: us(field(14)),
            system_us: us(field(15)),
            resident_bytes: field(24) * page_size() as u64,
            system_bytes: 0,
        }
    }
}

/// The operating system, its version and the machine it runs on.
pub fn system_name() -> String {
    let name = rustix::system::uname();
    let texts = [name.sysname(), name.release(), name.machine()];
    texts.map(|text| text.to_string_lossy().into_owned()).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_something() {
        let usage = Usage::of_process();
        assert!(usage.resident_bytes > 100_000 && usage.system_bytes > usage.resident_bytes, "{usage:?}");
        assert!(system_name().starts_with("Linux "), "{}", system_name());
    }

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat =
            "7 (a ) b) S 1 1 1 0 -1 4194560 100 0 0 0 250 30 0 0 20 0 1 0 5 1000 3 18446744073709551615";
        let usage = Usage::of_stat(stat);
        let ticks = clock_ticks_per_second();
        assert_eq!((usage.user_us, usage.system_us), (250_000_000 / ticks, 30_000_000 / ticks));
        assert_eq!(usage.resident_bytes, 3 * page_size() as u64);
        assert_eq!(Usage::of_stat(""), Usage::default());
    }
}
