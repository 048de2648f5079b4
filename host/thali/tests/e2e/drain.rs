//! A host that is told to stop says so before it closes its door.

use std::time::{Duration, Instant};

use crate::support::TestHost;

#[test]
fn load_balancers_see_that_a_host_goes_down_while_it_still_serves() {
    let mut host = TestHost::empty_with(&["--drain-delay", "2s"]);
    assert_eq!(host.get("/health/ready").status, 200);
    let told = Instant::now();
    host.tell_to_stop();
    while host.get("/health/ready").status == 200 {
        assert!(told.elapsed() < Duration::from_secs(2), "the door closed first");
    }
    let answer = host.get("/health/ready");
    assert_eq!((answer.status, &answer.body["reason"]), (503, &"draining".into()));
    assert_eq!(host.get("/health/live").status, 200);
    assert!(host.exits_well(), "exit status 0");
    assert!(told.elapsed() >= Duration::from_secs(2), "{:?}", told.elapsed());
}
