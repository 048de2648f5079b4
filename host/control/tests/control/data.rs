use thali_control::{DataError, open_data};

use crate::api;
use crate::support::TestHost;

#[tokio::test]
async fn a_second_host_on_the_same_folder_is_refused_and_changes_nothing() {
    let mut host = TestHost::new().await;
    host.deploy(api("orders").answers(1)).await;
    let before = host.everything();
    match open_data(host.dir()) {
        Err(DataError::InUse { folder, pid }) => {
            assert_eq!(folder, host.dir());
            assert_eq!(pid, Some(std::process::id()));
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
    assert_eq!(host.everything(), before);
    host.restart().await;
    assert_eq!(host.call("orders", "api.get").await, Ok(1));
}
