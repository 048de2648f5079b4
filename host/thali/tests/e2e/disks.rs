//! Disks that are full or read-only, and folders that are somebody else's. The mounts need root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::databases::until;
use crate::support::{TestHost, an_order, up};

/// A file system of a few megabytes, gone when the value is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Self {
        mount(&["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", at.to_str().unwrap()]);
        Self(at.to_owned())
    }

    /// Puts a folder on a mount of its own, so that it can be made read-only.
    fn bind(folder: &Path) -> Self {
        let folder = folder.to_str().unwrap();
        mount(&["--bind", folder, folder]);
        Self(folder.into())
    }

    fn read_only(&self, read_only: bool) {
        let mode = if read_only { "remount,bind,ro" } else { "remount,bind,rw" };
        mount(&["-o", mode, self.0.to_str().unwrap()]);
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let _ = fs::write(self.0.join("filler"), vec![1; 4 << 20]);
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(args: &[&str]) {
    let output = Command::new("mount").args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "this test needs root, to mount a file system: {said}");
}

fn said(output: &Output) -> String {
    // Written for a terminal, in lines of its width.
    let text = String::from_utf8_lossy(&output.stderr).replace('│', "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    let mut disk = None;
    let host = TestHost::with_services_after(|folder| disk = Some(Disk::mount(folder)));
    let disk = disk.unwrap();
    assert_eq!(host.post("/api/v1/orders", &an_order()).status, 201);
    disk.fill();
    let mut refused = None;
    for _ in 0..200 {
        let answer = host.post("/api/v1/orders", &an_order());
        if answer.status != 201 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a full disk takes no more orders");
    assert!((500..600).contains(&refused.status), "{refused:?}");
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(host.get("/health/live").status, 200);
    assert_eq!(host.get("/api/v1/restaurants/1/menu").status, 200, "reading goes on");
    host.logs("the disk is full");
    disk.make_room();
    assert_eq!(host.post("/api/v1/orders", &an_order()).status, 201);
    assert!(!host.log().contains("panicked"));
    drop(host);
}

#[test]
fn a_database_on_a_read_only_disk_comes_back_by_itself() {
    let mut disk = None;
    let host = TestHost::with_services();
    let order = host.post("/api/v1/orders", &an_order());
    let path = format!("/api/v1/orders/{}", order.body["id"].as_str().unwrap());
    let host = host.restart_after(|data| {
        let mounted = Disk::bind(&data.join("databases"));
        mounted.read_only(true);
        disk = Some(mounted);
    });
    let disk = disk.unwrap();
    let refused = host.get(&path);
    assert_eq!((refused.status, &refused.body["code"]), (503, &"database_unavailable".into()));
    let shown = host.admin_get("/services/orders").body;
    assert_eq!(shown["state"], "unavailable");
    assert!(!shown["reason"].as_str().unwrap().is_empty());
    assert_eq!(host.get("/health/orders").status, 503);
    assert_eq!(host.get("/health/live").status, 200);
    disk.read_only(false);
    until(&host, &path, 200);
    assert_eq!(host.admin_get("/services/orders").body["state"], "running");
    drop(host);
}

#[test]
fn a_read_only_data_folder_says_so_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::bind(folder.path());
    disk.read_only(true);
    let output = up().arg("--data").arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(said.contains(folder.path().to_str().unwrap()), "{said}");
}

#[test]
fn a_second_host_on_the_folder_is_told_whose_it_is() {
    let host = TestHost::empty();
    let output = up().arg("--data").arg(host.data().join("data")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("in use by another host (process"), "{}", said(&output));
    assert_eq!(host.get("/health/live").status, 200);
}
