//! The process of a host: what it uses, and signals for it.

use std::process::Command;

use super::TestHost;

impl TestHost {
    fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Ends this host as a power cut would. [`TestHost::restart_killed`] brings it back.
    pub(crate) fn kill(&self) {
        self.signal("KILL");
    }

    /// SIGTERM.
    pub(crate) fn tell_to_stop(&self) {
        if self.child.is_some() {
            self.signal("TERM");
        }
    }

    /// Sends a signal to the host.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Resident memory of the host in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.id())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }

    /// File descriptors that the host has open.
    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }

    /// Lets the host have no more than so many files.
    pub(crate) fn limit_files(&self, count: u64) {
        let id = rustix::process::Pid::from_raw(self.id().try_into().unwrap());
        let limit = rustix::process::Rlimit { current: Some(count), maximum: Some(count) };
        rustix::process::prlimit(id, rustix::process::Resource::Nofile, limit).unwrap();
    }

    /// Processor time that the host has used, in hundredths of a second.
    pub(crate) fn cpu_hundredths(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let (_, numbers) = stat.rsplit_once(')').unwrap();
        // utime and stime: fields 14 and 15, of which the first two are before the parenthesis.
        let used = numbers.split_whitespace().skip(11).take(2);
        used.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }
}
