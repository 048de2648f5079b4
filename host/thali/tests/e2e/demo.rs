//! The day that newcomers watch.

use std::path::Path;
use std::process::Command;

use crate::support::TestHost;

#[test]
fn a_day_of_the_demo_goes_by_and_everything_ordered_is_delivered() {
    let host = TestHost::with_all_services();
    let demo = Path::new(env!("CARGO_BIN_EXE_thali")).with_file_name("thali-demo");
    assert!(demo.exists(), "{} is not there: run `./justw build` first", demo.display());
    let day = Command::new(demo)
        .args(["--seconds", "4", "--url", &format!("http://{}", host.gateway_address())])
        .env("THALI_DEMO_TOKEN", host.token_of("demo", "admin"))
        .output()
        .unwrap();
    let [said, complaints] = [day.stdout, day.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(day.status.success(), "{said}{complaints}");
    let summary = said.lines().find(|line| line.starts_with("The day is over")).unwrap();
    let numbers: Vec<u32> = summary.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [placed, delivered, purchases, ..] = numbers[..] else { panic!("{summary}") };
    assert!(placed >= 10 && purchases >= 10, "{summary}");
    assert_eq!(placed, delivered, "{summary}");
    assert!(said.contains("reaches level"), "{said}");
    assert!(said.contains("  1. "), "somebody is first on the board: {said}");
}
