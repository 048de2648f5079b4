use std::time::UNIX_EPOCH;

use tempfile::TempDir;

use super::*;
use crate::sql::{Databases, SqlLimits, Statement, Value};

const TTL: Duration = Duration::from_secs(3600);

struct Fixture {
    _folder: TempDir,
    database: Arc<Database>,
    answers: Answers,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let databases = Databases::open(folder.path().to_owned(), SqlLimits::default()).unwrap();
    let database = databases.database(&"orders".parse().unwrap());
    let answers = Answers::new(Arc::clone(&database), TTL, Arc::default());
    Fixture { _folder: folder, database, answers }
}

impl Fixture {
    async fn begin(&self, request: Request, seconds: u64) -> Begun {
        self.answers.begin(request, at(seconds)).await.unwrap()
    }

    async fn claim(&self, request: Request, seconds: u64) -> Claim {
        match self.begin(request, seconds).await {
            Begun::Run(claim) => claim,
            other => panic!("{other:?}"),
        }
    }

    async fn answer(&self, request: Request, seconds: u64) {
        self.claim(request, seconds).await.keep(&answer(seconds)).await.unwrap();
    }

    async fn rows(&self) -> Value {
        let count = Statement::new("SELECT count(*) FROM _thali_idempotency", []);
        self.database.host_query(count).await.unwrap().rows[0][0].clone()
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
}

fn request(key: &str, body: &str) -> Request {
    let fingerprint = Fingerprint::of([body.as_bytes()]);
    Request::new(&"orders".parse().unwrap(), "POST /orders", None, key, fingerprint)
}

fn answer(n: u64) -> Answer {
    Answer {
        status: 201,
        content_type: Some("application/json".into()),
        location: Some(format!("/orders/{n}")),
        revision: "orders/1".into(),
        body: n.to_string().into_bytes(),
    }
}

#[tokio::test]
async fn an_answer_is_given_again_until_its_time_is_over() {
    let fixture = fixture();
    let name = request("k", "body");
    fixture.answer(name, 0).await;
    for seconds in [0, 3599] {
        let begun = fixture.begin(name, seconds).await;
        assert!(matches!(&begun, Begun::Replay(kept) if *kept == answer(0)), "{begun:?}");
        let begun = fixture.begin(request("k", "other"), seconds).await;
        assert!(matches!(begun, Begun::OtherRequest), "{begun:?}");
    }
    fixture.answer(request("k", "other"), 3600).await;
    let begun = fixture.begin(request("k", "other"), 3601).await;
    assert!(matches!(&begun, Begun::Replay(kept) if *kept == answer(3600)), "{begun:?}");
    assert_eq!(fixture.rows().await, Value::Integer(1));
}

#[tokio::test]
async fn who_comes_while_it_runs_is_told_so() {
    let fixture = fixture();
    let name = request("k", "body");
    let claim = fixture.claim(name, 0).await;
    assert!(matches!(fixture.begin(name, 1).await, Begun::InProgress));
    assert!(matches!(fixture.begin(request("k", "other"), 1).await, Begun::OtherRequest));
    claim.release().await.unwrap();
    assert_eq!(fixture.rows().await, Value::Integer(0));
    fixture.claim(request("k", "other"), 2).await.release().await.unwrap();
}

#[tokio::test]
async fn a_claim_that_was_left_behind_is_taken_over_by_the_same_request_only() {
    let fixture = fixture();
    let name = request("k", "body");
    drop(fixture.claim(name, 0).await);
    assert_eq!(fixture.rows().await, Value::Integer(1), "it was durable");
    assert!(matches!(fixture.begin(request("k", "other"), 1).await, Begun::OtherRequest));
    fixture.answer(name, 1).await;
    assert!(matches!(fixture.begin(name, 2).await, Begun::Replay(_)));
    assert_eq!(fixture.rows().await, Value::Integer(1));
}

#[tokio::test]
async fn what_is_too_large_is_not_kept() {
    let fixture = fixture();
    let name = request("k", "body");
    let large = Answer { body: vec![0; 1 << 20], ..answer(0) };
    assert_eq!(fixture.claim(name, 0).await.keep(&large).await, Ok(Kept::TooLarge));
    assert_eq!(fixture.rows().await, Value::Integer(0));
    let room = (1 << 20) - 1024 - answer(0).location.unwrap().len();
    let largest = Answer { body: vec![0; room], ..answer(0) };
    assert_eq!(fixture.claim(name, 0).await.keep(&largest).await, Ok(Kept::Stored));
    let begun = fixture.begin(name, 1).await;
    assert!(matches!(&begun, Begun::Replay(kept) if *kept == largest));
}

#[tokio::test]
async fn a_sweep_deletes_what_is_over_and_nothing_else() {
    let fixture = fixture();
    for n in 0..1203 {
        fixture.answer(request(&n.to_string(), "body"), n).await;
    }
    assert_eq!(fixture.answers.sweep(at(3599)).await, Ok(0));
    assert_eq!(fixture.answers.sweep(at(3600 + 1199)).await, Ok(1200));
    assert_eq!(fixture.rows().await, Value::Integer(3));
    assert!(matches!(fixture.begin(request("1200", "body"), 4000).await, Begun::Replay(_)));
    assert_eq!(fixture.answers.sweep(at(10_000)).await, Ok(3));
}

#[test]
fn an_id_is_the_same_for_the_same_name_and_for_no_other() {
    let named = |service: &str, route: &str, principal: Option<&str>, key: &str| {
        let fingerprint = Fingerprint::of([b"x".as_slice()]);
        Request::new(&service.parse().unwrap(), route, principal, key, fingerprint).id
    };
    let id = named("orders", "POST /orders", None, "k");
    assert_eq!(id, named("orders", "POST /orders", None, "k"));
    assert_eq!(id.get_version_num(), 8);
    for other in [
        named("order", "POST /orders", None, "k"),
        named("orders", "POST /orders/{id}", None, "k"),
        named("orders", "POST /orders", Some("ada"), "k"),
        named("orders", "POST /orders", None, "K"),
        named("orders", "POST /ordersk", None, ""),
    ] {
        assert_ne!(id, other);
    }
}

#[test]
fn a_fingerprint_tells_where_one_part_ends() {
    let of = |parts: &[&str]| Fingerprint::of(parts.iter().map(|part| part.as_bytes()));
    assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
    assert_ne!(of(&["a", "b"]), of(&["ab", ""]));
    assert_ne!(of(&["a"]), of(&["a", ""]));
}
