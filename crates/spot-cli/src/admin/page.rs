//! The page at `/`: files of the binary, with a policy that lets a browser load these and nothing else.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Nothing from elsewhere, nothing inline, and no page of others around this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page under its path.
macro_rules! file {
    ($path:literal, $kind:expr, $file:literal) => {
        ($path, $kind, include_str!(concat!("page/", $file)))
    };
}

const FILES: &[(&str, &str, &str)] = &[
    file!("/", HTML, "index.html"),
    file!("/page/page.css", CSS, "page.css"),
    file!("/page/tables.css", CSS, "tables.css"),
    file!("/page/icon.svg", SVG, "icon.svg"),
    file!("/page/main.js", SCRIPT, "main.js"),
    file!("/page/state.js", SCRIPT, "state.js"),
    file!("/page/fields.js", SCRIPT, "fields.js"),
    file!("/page/dom.js", SCRIPT, "dom.js"),
    file!("/page/header.js", SCRIPT, "header.js"),
    file!("/page/topology.js", SCRIPT, "topology.js"),
    file!("/page/tables.js", SCRIPT, "tables.js"),
    file!("/page/lists.js", SCRIPT, "lists.js"),
    file!("/page/charts.js", SCRIPT, "charts.js"),
    file!("/page/events.js", SCRIPT, "events.js"),
    file!("/page/uplot.js", SCRIPT, "vendor/uplot.js"),
    file!("/page/uplot-license.txt", TEXT, "vendor/LICENSE"),
    file!("/page/uplot.css", CSS, "vendor/uplot.css"),
];

/// Adds the files of the page.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    FILES.iter().fold(router, |router, &(path, kind, text)| {
        router.route(path, get(async move || answer(kind, text)))
    })
}

fn answer(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // A new version of the program brings a new page.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
