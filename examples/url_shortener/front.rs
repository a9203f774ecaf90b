//! The web front: a page with a form, `POST /add`, and `GET /{code}`, which sends the visitor on.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Form, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::net::TcpListener;
use wherever::{Limits, Wherever};

use crate::shortener::{AddError, Config, Shortener};
use crate::store::{StoreError, UrlStore};
use crate::{Failure, end, page};

/// Largest form: several times the longest address, each byte of which takes three in a form, so that an address somewhat too
/// long is answered with the reason.
const MAX_FORM: usize = 64 * 1024;

/// What the pages may load and where their forms may go: nothing of anybody else's.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `url_shortener front`
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen, as host:port.
    #[arg(long)]
    listen: String,
    /// A node of the cluster, as http://host:port; several, separated by commas, in case one is down.
    #[arg(long, value_delimiter = ',', required = true)]
    connect: Vec<String>,
    /// What stands before the code in a short address; http:// and the listening address if not given.
    #[arg(long)]
    public: Option<String>,
}

/// Runs a front that is no node: every call goes to the code's owner.
pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let signalled = end::signalled()?;
    let listener = TcpListener::bind(&options.listen).await.map_err(|error| format!("{}: {error}", options.listen))?;
    let wherever = Wherever::connect(&options.connect).await?;
    let config = Config { public: options.public.unwrap_or_else(|| format!("http://{}", options.listen)) };
    let shortener = Shortener { store: wherever.client(), config };
    eprintln!("front listens: http://{}/", options.listen);
    wherever::serve_with_shutdown(listener, router(shortener, wherever), Limits::default(), signalled).await?;
    Ok(())
}

/// What every page is made from.
#[derive(Clone)]
struct Front {
    shortener: Shortener,
    wherever: Wherever,
}

impl Front {
    /// The nodes with their slots, and what each of them keeps.
    async fn cluster(&self) -> page::Cluster {
        let kept = self.shortener.store.count_by_node().await.map_or_else(|_| BTreeMap::new(), |kept| kept.replies);
        let group = self.wherever.group("default").view();
        let nodes = group.nodes.iter().map(|node| page::Node {
            address: node.address.clone(),
            slots: group.slots_of(&node.id),
            kept: kept.get(&node.id).copied(),
        });
        let counted = self.wherever.counted();
        page::Cluster {
            nodes: nodes.collect(),
            local_calls: counted.local,
            remote_calls: counted.remote,
            redirects: counted.redirects,
        }
    }
}

/// The routes of the front, the same on a node and without one.
pub(crate) fn router(shortener: Shortener, wherever: Wherever) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/add", post(add))
        .route("/{code}", get(follow))
        .fallback(|| async { not_found() })
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .with_state(Front { shortener, wherever })
}

/// The form as it is sent; a missing field is an empty one, which is no address.
#[derive(Deserialize)]
struct Add {
    #[serde(default)]
    url: String,
}

/// The page with the form and the cluster as this front sees it.
async fn index(State(front): State<Front>) -> Response {
    html(StatusCode::OK, page::index(&front.shortener.config.public, &front.cluster().await))
}

/// Answers the short address, or why there is none: as a page to a browser, as a line of text to everything else.
async fn add(State(front): State<Front>, headers: HeaderMap, form: Result<Form<Add>, FormRejection>) -> Response {
    let (typed, outcome) = match form {
        Ok(Form(Add { url })) => {
            let added = front.shortener.add(&url).await.map_err(|error| (status_of_add(&error), error.to_string()));
            (url, added)
        }
        Err(bad) => (String::new(), Err((bad.status(), bad.body_text()))),
    };
    let wants_page = wants_html(&headers);
    match outcome {
        Ok(short) if wants_page => html(StatusCode::OK, page::added(typed.trim(), &short)),
        Ok(short) => format!("{short}\n").into_response(),
        Err((status, why)) if wants_page => html(status, page::refused(&typed, &why)),
        Err((status, why)) => (status, format!("{why}\n")).into_response(),
    }
}

/// Sends the visitor on to what the code stands for.
async fn follow(State(front): State<Front>, Path(code): Path<String>) -> Response {
    match front.shortener.find(&code).await {
        // An address is kept as ASCII without spaces, which is what a header may hold.
        Ok(Some(url)) => match HeaderValue::from_str(url.as_str()) {
            Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
            Err(_) => not_found(),
        },
        Ok(None) => not_found(),
        Err(error) => html(status_of(&error), page::failed(&error.to_string())),
    }
}

fn not_found() -> Response {
    html(StatusCode::NOT_FOUND, page::failed("Nothing was ever shortened to this address."))
}

fn status_of_add(error: &AddError) -> StatusCode {
    match error {
        AddError::Address(_) => StatusCode::BAD_REQUEST,
        AddError::Store(error) => status_of(error),
    }
}

/// The status for an error that is not the visitor's mistake.
fn status_of(error: &StoreError) -> StatusCode {
    match error {
        StoreError::Rpc(_) => StatusCode::SERVICE_UNAVAILABLE,
        StoreError::Taken(_) | StoreError::Refused(_) | StoreError::Disk(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")))
}

fn html(status: StatusCode, page: String) -> Response {
    (status, [(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response()
}
