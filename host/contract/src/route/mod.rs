//! Routes: HTTP requests become typed arguments, typed results become answers.
//!
//! [`Routes::build`] resolves a manifest against the component's
//! [`Contract`](crate::contract::Contract) once, at deploy: which
//! argument comes from where, what each error case answers. Whatever cannot work is refused there,
//! naming the line, so that [`Route::decode`] and [`Route::respond`] only look things up.
//!
//! Nothing here reads a socket or calls a function: the gateway does.

mod arguments;
mod build;
mod decode;
mod errors;
mod implied;
mod location;
mod respond;
mod status;
mod stream;
mod table;
mod template;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::access::Access;
use crate::contract::FunctionRef;
use crate::manifest::edge::Edge;
use crate::name::InterfaceName;
use crate::ty::{Field, Type};

pub use build::Routes;
pub(crate) use build::is_scalar;
pub use respond::{Answer, AnswerBody, is_reserved};
pub use stream::{LAST_EVENT_ID, Stream};
pub use table::{Found, PathParams, RouteConflict, RouteTable, ServiceRoutes};
pub use template::{Segment, Template};

use location::Location;
use status::Status;

/// The HTTP methods that a route may have. `HEAD` is served by `GET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads; arguments come from the path and the query.
    Get,
    /// Does something; arguments come from the path and the body.
    Post,
    /// Replaces; arguments come from the path and the body.
    Put,
    /// Changes; arguments come from the path and the body.
    Patch,
    /// Removes; arguments come from the path and the query.
    Delete,
}

/// One route, resolved against the function that it calls.
#[derive(Clone, Debug)]
pub struct Route {
    method: Method,
    template: Template,
    function: FunctionRef,
    interface: InterfaceName,
    function_name: String,
    arguments: Arguments,
    success: Success,
    errors: ErrorCases,
    idempotent: bool,
    access: Access,
    stream: Option<Box<Stream>>,
    edge: Edge,
    line: Option<u32>,
}

/// Where each argument of the function comes from. Every parameter is in exactly one place.
#[derive(Clone, Debug)]
struct Arguments {
    /// How many parameters the function has.
    count: usize,
    /// In template order.
    path: Vec<Argument>,
    query: Query,
    body: Body,
}

/// A parameter and its index among the function's.
#[derive(Clone, Debug)]
struct Argument {
    index: usize,
    field: Field,
}

/// What the query string holds.
#[derive(Clone, Debug)]
enum Query {
    /// Parameters of the function by name.
    Params { fields: Vec<Field>, indices: Vec<usize> },
    /// The fields of the record that is the parameter `index`.
    Record { fields: Vec<Field>, index: usize },
}

/// What the body holds.
#[derive(Clone, Debug)]
enum Body {
    /// The method takes none.
    None,
    /// An object of parameters by name; an empty body is an empty object.
    Members { fields: Vec<Field>, indices: Vec<usize> },
    /// The record that is the parameter `index`.
    Record(Argument),
}

/// What success answers.
#[derive(Clone, Debug)]
struct Success {
    status: Status,
    /// What is written as the body.
    ty: Option<Type>,
    location: Option<Location>,
}

/// What the function's errors answer.
#[derive(Clone, Debug)]
enum ErrorCases {
    /// The function returns no `result`.
    None,
    /// The cases of a `variant` or an `enum`, in declaration order.
    Named(Vec<ErrorCase>),
    /// Any other type, or none: one case, with the code `error`.
    Whole(ErrorCase),
}

/// What one error case answers.
#[derive(Clone, Debug)]
pub struct ErrorCase {
    /// kebab-case, as in WIT.
    pub name: String,
    /// `snake_case`: the `code` of the problem document.
    pub code: String,
    /// The HTTP status.
    pub status: u16,
    /// What the case carries.
    pub payload: Option<Type>,
    /// Its WIT doc comment.
    pub docs: Option<String>,
    /// The `title` of the problem document.
    pub title: String,
}

/// What a request's body has to be.
#[derive(Clone, Copy, Debug)]
pub enum BodyShape<'a> {
    /// The method takes none.
    None,
    /// Empty, or an object without members.
    Empty,
    /// An object of the function's parameters by name.
    Members(&'a [Field]),
    /// The record that is this parameter.
    Record(&'a Field),
}

impl Method {
    /// Every method, in the order of an `Allow` header.
    pub const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// As in the request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method of this name, in capitals as in the request line.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// Whether arguments may come from the body; else they come from the query.
    pub fn takes_body(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Route {
    /// The HTTP method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The path template as the manifest has it: `/orders/{id}`. Relative to `/api/v1`.
    pub fn path(&self) -> &str {
        self.template.text()
    }

    /// The segments of the path template.
    pub fn segments(&self) -> &[Segment] {
        self.template.segments()
    }

    /// The function that is called.
    pub fn function(&self) -> FunctionRef {
        self.function
    }

    /// The interface of the function.
    pub fn interface(&self) -> &InterfaceName {
        &self.interface
    }

    /// The name of the function, kebab-case.
    pub fn function_name(&self) -> &str {
        &self.function_name
    }

    /// Whether arguments come from the body.
    pub fn takes_body(&self) -> bool {
        self.method.takes_body()
    }

    /// The arguments in the path, in template order.
    pub fn path_params(&self) -> impl ExactSizeIterator<Item = &Field> {
        self.arguments.path.iter().map(|argument| &argument.field)
    }

    /// The arguments in the query string: parameters of the function, or the fields of its one
    /// record. A list is a repeated key.
    pub fn query_params(&self) -> &[Field] {
        match &self.arguments.query {
            Query::Params { fields, .. } | Query::Record { fields, .. } => fields,
        }
    }

    /// What the body has to be.
    pub fn body(&self) -> BodyShape<'_> {
        match &self.arguments.body {
            Body::None => BodyShape::None,
            Body::Members { fields, .. } if fields.is_empty() => BodyShape::Empty,
            Body::Members { fields, .. } => BodyShape::Members(fields),
            Body::Record(argument) => BodyShape::Record(&argument.field),
        }
    }

    /// The status of a success; of several, the one of the first value.
    pub fn status(&self) -> u16 {
        self.success.status.first()
    }

    /// Every status of a success, each once.
    pub fn statuses(&self) -> Vec<u16> {
        self.success.status.all()
    }

    /// What a success writes as its body; `None` for an empty one.
    pub fn success(&self) -> Option<&Type> {
        self.success.ty.as_ref()
    }

    /// The template of the `Location` header: `/orders/{id}`. Relative to `/api/v1`.
    pub fn location(&self) -> Option<&str> {
        self.success.location.as_ref().map(Location::text)
    }

    /// What each error case answers. A `result` whose error is neither a `variant` nor an `enum` has
    /// one case named `error`.
    pub fn errors(&self) -> &[ErrorCase] {
        match &self.errors {
            ErrorCases::None => &[],
            ErrorCases::Named(cases) => cases,
            ErrorCases::Whole(case) => std::slice::from_ref(case),
        }
    }

    /// Whether a request with an `Idempotency-Key` is answered once, and the answer kept.
    pub fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// What a caller needs.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The events that are streamed, after the function has made the snapshot they begin with.
    pub fn stream(&self) -> Option<&Stream> {
        self.stream.as_deref()
    }

    /// What is enforced in front of it.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// The line of the manifest; `None` for a route that the host made because the manifest has no
    /// `[http]` table.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// Whether the host made this route because the manifest has no `[http]` table.
    pub fn is_implied(&self) -> bool {
        self.line.is_none()
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path())
    }
}
