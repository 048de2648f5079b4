//! Who may what on the admin listener. Every route says which of four kinds it is, or it cannot be added.
//!
//! | | without an admin token | with one, asked without it, reads open | with one, asked without it |
//! |---|---|---|---|
//! | open | yes | yes | yes |
//! | read | yes | yes | no |
//! | data | yes | no | no |
//! | write | yes | no | no |
//!
//! Reads are open on a loopback address, where whoever asks is on this machine, and elsewhere when the operator says so. What
//! changes something, and whatever is not a `GET`, is refused before its body is read.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use serde::Serialize;

use super::Host;
use crate::auth::Denied;
use crate::web::Refused;

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: it tells nobody anything.
    Open,
    /// To look at the host.
    Read,
    /// To look at what belongs to users.
    Data,
    /// To change the host, or run what is on it.
    Write,
}

/// What a visitor may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum May {
    /// Everything.
    Write,
    /// Look at the host.
    Read,
    /// Look at what is open.
    Nothing,
}

impl May {
    pub(super) fn have(self, need: Need) -> Result<(), Denied> {
        match (self, need) {
            (Self::Write, _) | (_, Need::Open) | (Self::Read, Need::Read) => Ok(()),
            _ => Err(Denied::NoToken),
        }
    }
}

/// A router whose every route says what it needs.
pub(super) struct Routes {
    router: Router<Host>,
    /// Each route with its need, for whoever asks whether it is right.
    #[cfg(test)]
    pub(super) table: Vec<(&'static str, Need)>,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self {
            router: Router::new(),
            #[cfg(test)]
            table: Vec::new(),
        }
    }

    /// A route that tells nobody anything.
    pub(super) fn open(self, path: &'static str, methods: MethodRouter<Host>) -> Self {
        self.add(Need::Open, path, methods)
    }

    /// A route to look at the host by.
    pub(super) fn read(self, path: &'static str, methods: MethodRouter<Host>) -> Self {
        self.add(Need::Read, path, methods)
    }

    /// A route to look by at what belongs to users: what they stored, what they did, what was written about it.
    pub(super) fn data(self, path: &'static str, methods: MethodRouter<Host>) -> Self {
        self.add(Need::Data, path, methods)
    }

    /// A route that changes something, or runs something.
    pub(super) fn write(self, path: &'static str, methods: MethodRouter<Host>) -> Self {
        self.add(Need::Write, path, methods)
    }

    pub(super) fn router(self) -> Router<Host> {
        self.router
    }

    fn add(mut self, need: Need, path: &'static str, methods: MethodRouter<Host>) -> Self {
        let methods = methods.route_layer(middleware::from_fn_with_state(need, check));
        self.router = self.router.route(path, methods);
        #[cfg(test)]
        self.table.push((path, need));
        self
    }
}

async fn check(State(need): State<Need>, request: Request, next: Next) -> Response {
    // Whoever has no such extension has come another way than by the door.
    let may = request.extensions().get().copied().unwrap_or(May::Nothing);
    match may.have(need) {
        Ok(()) => next.run(request).await,
        Err(denied) => refuse(&denied),
    }
}

/// The answer, with what to send for a better one.
pub(super) fn refuse(denied: &Denied) -> Response {
    let mut response = Refused::from(denied.problem()).into_response();
    denied.challenge(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_has_what_it_may() {
        use Need::{Data, Open, Read, Write};
        let may = |may: May| [Open, Read, Data, Write].map(|need| may.have(need).is_ok());
        assert_eq!(may(May::Write), [true; 4]);
        assert_eq!(may(May::Read), [true, true, false, false]);
        assert_eq!(may(May::Nothing), [true, false, false, false]);
    }

    #[test]
    fn only_what_holds_no_data_is_open() {
        let [api, pages] = super::super::routes();
        let open = |routes: &Routes| {
            let open = routes.table.iter().filter(|(_, need)| *need == Need::Open);
            open.map(|(path, _)| *path).collect::<Vec<_>>()
        };
        assert_eq!(open(&api), ["/health", "/session", "/api.json"]);
        assert_eq!(open(&pages), ["/", "/assets/{*file}", "/docs", "/docs/", "/docs/{*file}"]);
    }

    #[test]
    fn what_users_store_and_what_is_written_about_them_takes_the_token() {
        let [api, _] = super::super::routes();
        for (path, need) in &api.table {
            let holds_data = ["/logs", "/traces", "/audit", "/config", "/events/dead/{id}"]
                .iter()
                .any(|prefix| path.starts_with(prefix))
                || path.contains("/database/")
                || path.contains("/call/");
            let takes_token = matches!(need, Need::Data | Need::Write);
            assert!(!holds_data || takes_token, "{path} is {need:?}");
        }
    }
}
