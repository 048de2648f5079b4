//! Answers every request with a constant, through `wasi:http`.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Hello;

impl Guest for Hello {
    fn handle(_request: IncomingRequest, out: ResponseOutparam) {
        let headers = Fields::new();
        let _ = headers.set("content-type", &[b"application/json".to_vec()]);
        let response = OutgoingResponse::new(headers);
        let body = response.body();
        ResponseOutparam::set(out, Ok(response));
        // A client that is gone is no mistake of this component.
        if let Ok(body) = body {
            if let Ok(stream) = body.write() {
                let _ = stream.blocking_write_and_flush(br#"{"hello":"world"}"#);
            }
            let _ = OutgoingBody::finish(body, None);
        }
    }
}

#[allow(unsafe_code, reason = "generated from WIT")]
mod bindings {
    use super::Hello;
    wasip2::http::proxy::export!(Hello);
}
