//! What the command line prints, word by word: the files of tests/cli.
//!
//! `TRYCMD=overwrite` writes them anew; look at the difference before you commit it. `[..]` stands for what is another each time.

use trycmd::TestCases;

use crate::support::TestHost;

/// Holds what is printed against `file`, for commands that ask the host at this address.
fn prints(file: &str, admin: &str) {
    TestCases::new()
        .env("THALI_ADMIN_URL", format!("http://{admin}"))
        .env("NO_COLOR", "1")
        // What errors are drawn with.
        .env("LC_ALL", "C.UTF-8")
        .case(format!("tests/cli/{file}.trycmd"))
        .run();
}

#[test]
fn what_is_said_without_a_host() {
    prints("alone", "127.0.0.1:1");
}

#[test]
fn what_is_said_of_a_host() {
    let host = TestHost::with_services();
    prints("host", host.admin_address());
}

#[test]
fn what_is_said_of_a_host_that_wants_a_token() {
    let token = [("THALI_ADMIN_TOKEN", "5f0c1e9a7b3d4862915e0d7c6b4a3f28")];
    let host = TestHost::with_environment(&[], &token);
    prints("token", host.admin_address());
}
