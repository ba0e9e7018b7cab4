//! The machine under the agent, for `/v1/agent/host`: what Linux tells in `/proc` (proc(5)) and by system calls.

use super::surroundings::Footprint;
use crate::api::agent::{Cpu, DiskUsage, Host, HostFacts, Memory};
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use std::path::Path;

/// Looks at the machine and at the disk that holds `data_dir`. What cannot be read is left out or zero.
pub(super) fn look_at_machine(data_dir: &Path) -> Host {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let now = Tokio::wall().as_unix_nanos();
    Host {
        memory: memory(&read("/proc/meminfo")),
        cpu: cores(&read("/proc/cpuinfo")),
        host: facts(&read("/etc/os-release"), now / 1_000_000_000),
        disk: disk(data_dir),
        collection_time: now,
        errors: None,
    }
}

/// Looks at this process. What cannot be read is zero.
pub(super) fn look_at_process() -> Footprint {
    footprint(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
}

fn footprint(table: &str) -> Footprint {
    Footprint { resident: kibibytes(table, "VmRSS"), mapped: kibibytes(table, "VmSize"), threads: number(table, "Threads") }
}

/// The number after `name:`.
fn number(table: &str, name: &str) -> u64 {
    let line = table.lines().find(|line| line.split(':').next() == Some(name));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The same in bytes, where the table has units of 1,024.
fn kibibytes(table: &str, name: &str) -> u64 {
    number(table, name).saturating_mul(1024)
}

fn memory(table: &str) -> Memory {
    let of = |name| kibibytes(table, name);
    let (total, available, free) = (of("MemTotal"), of("MemAvailable"), of("MemFree"));
    let used = total.saturating_sub(available);
    Memory { total, available, used, used_percent: percent(used, total), free }
}

fn cores(table: &str) -> Vec<Cpu> {
    let of = |block: &str, name: &str| {
        let value = block.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name);
        value.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let blocks = table.split("\n\n").filter(|block| block.contains("processor"));
    let core = |block: &str| Cpu {
        cpu: of(block, "processor").parse().unwrap_or(0),
        vendor_id: of(block, "vendor_id"),
        model_name: of(block, "model name"),
        cores: 1,
        mhz: of(block, "cpu MHz").parse().unwrap_or(0.0),
    };
    blocks.map(core).collect()
}

fn facts(release: &str, now: u64) -> HostFacts {
    let (name, machine) = (rustix::system::uname(), rustix::system::sysinfo());
    let uptime = u64::try_from(machine.uptime).unwrap_or(0);
    let platform = release.lines().find_map(|line| line.strip_prefix("ID=")).unwrap_or("").trim_matches('"');
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    HostFacts {
        hostname: text(name.nodename()),
        uptime,
        boot_time: now.saturating_sub(uptime),
        procs: u64::from(machine.procs),
        os: std::env::consts::OS.to_owned(),
        platform: platform.to_owned(),
        kernel_version: text(name.release()),
        kernel_arch: text(name.machine()),
    }
}

fn disk(path: &Path) -> Option<DiskUsage> {
    let stat = rustix::fs::statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    let (total, free) = (bytes(stat.f_blocks), bytes(stat.f_bavail));
    let used = total.saturating_sub(bytes(stat.f_bfree));
    Some(DiskUsage { path: path.display().to_string(), total, free, used, used_percent: percent(used, used + free) })
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::{cores, footprint, look_at_machine, look_at_process, memory};
    use crate::server::surroundings::Footprint;

    #[test]
    fn memory_is_told_in_bytes() {
        let table = "MemTotal:        1000 kB\nMemFree:          100 kB\nMemAvailable:     250 kB\n";
        let told = memory(table);
        assert_eq!((told.total, told.free, told.available, told.used), (1_024_000, 102_400, 256_000, 768_000));
        assert_eq!(told.used_percent, 75.0);
    }

    #[test]
    fn each_core_has_a_row() {
        let table = "processor\t: 0\nvendor_id\t: A\ncpu MHz\t\t: 2000.5\n\nprocessor\t: 1\nvendor_id\t: A\n\n";
        let told = cores(table);
        assert_eq!((told.len(), told[1].cpu, told[0].mhz), (2, 1, 2000.5));
    }

    #[test]
    fn what_the_process_takes_is_told_in_bytes() {
        let table = "Name:\tmuster\nVmSize:\t   200 kB\nVmRSS:\t    10 kB\nThreads:\t5\n";
        assert_eq!(footprint(table), Footprint { resident: 10_240, mapped: 204_800, threads: 5 });
        assert!(look_at_process().resident > 0);
    }

    #[test]
    fn this_machine_has_memory_a_core_and_a_disk() {
        let host = look_at_machine(&std::env::temp_dir());
        assert!(host.memory.total > 0 && !host.cpu.is_empty() && host.disk.is_some_and(|disk| disk.total > 0));
    }
}
