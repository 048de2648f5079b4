//! A rolling redeploy of every service, again and again, while everybody goes on.
//!
//! `just redeploy` runs it at full length: 200 deploys.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::STORIES;
use super::client::Client;
use crate::support::{TestHost, component, components_dir, with_version};

/// Deploys in the suite: two rounds of all services.
const ROUNDS: usize = 2;

/// Every story has an address of its own: the limits of the routes are for one client.
const BY_PROXY: &str = "[gateway]\ntrusted-proxies = [\"127.0.0.1\"]\n";

/// Tellers of stories. Two orders at a time leave drivers free for everybody.
const TELLERS: usize = 2;

fn services() -> Vec<String> {
    let files = std::fs::read_dir(components_dir()).unwrap();
    let names = files.filter_map(|file| {
        let name = file.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".wasm").map(str::to_owned)
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn a_rolling_redeploy_goes_unnoticed() {
    let services = services();
    let deploys = std::env::var("THALI_REDEPLOYS")
        .map_or(ROUNDS * services.len(), |text| text.parse().unwrap());
    let host = TestHost::with_all_services_told(BY_PROXY);
    let (deployed, told) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let tell = |teller: usize| {
        let client = Client::of(&host);
        let mut at = teller;
        // Every story is told at least once, however soon the deploys are over.
        while deployed.load(Relaxed) < deploys || at < STORIES.len() + teller {
            let (name, story) = STORIES[at % STORIES.len()];
            println!("teller {teller}: {name}");
            client.comes_from_elsewhere();
            story(&client);
            told.fetch_add(1, Relaxed);
            at += 1;
        }
    };
    std::thread::scope(|scope| {
        let tell = &tell;
        let tellers: Vec<_> = (0..TELLERS).map(|n| scope.spawn(move || tell(n))).collect();
        for deploy in 0..deploys {
            let service = &services[deploy % services.len()];
            let version = format!("{}.0.0", 2 + deploy / services.len());
            let answer = host.deploy(&with_version(&component(service), &version));
            assert_eq!(answer.status, 201, "{service} {version}: {answer:?}");
            deployed.fetch_add(1, Relaxed);
            if tellers.iter().any(std::thread::ScopedJoinHandle::is_finished) {
                break;
            }
        }
        // Lets the others end when one of them, or a deploy, has failed.
        deployed.store(usize::MAX, Relaxed);
    });
    println!("{deploys} deploys, {} stories, none of which noticed", told.load(Relaxed));
}
