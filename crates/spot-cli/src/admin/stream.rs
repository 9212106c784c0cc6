//! Events as they happen: server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::State;
use super::ring::Ring;
use super::server::problem;

/// A stream on which nothing happens says this often that it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events from now on, or after the one that the client saw last (`Last-Event-ID`, or `?after=ID`).
pub(super) async fn stream(
    Extract(state): Extract<Arc<State>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let Ok(place) = Arc::clone(&state.streams).try_acquire_owned() else {
        let reason = "as many streams as may be are open: close one";
        return problem(StatusCode::SERVICE_UNAVAILABLE, reason);
    };
    let ring = Arc::clone(&state.events);
    let header = headers.get("last-event-id");
    let query = uri.query().and_then(|query| query.strip_prefix("after="));
    let seen = header.map(|id| id.to_str().unwrap_or_default()).or(query);
    let after = match seen {
        Some(id) => ring.number(id),
        None => Some(ring.last()),
    };
    let Some(after) = after else {
        let reason = "this is no id of an event: take one from /api/v1/events, or none for what happens from now on";
        return problem(StatusCode::BAD_REQUEST, reason);
    };
    let events = Sse::new(events(ring, after, place));
    let alive = KeepAlive::new().interval(KEEP_ALIVE);
    events.keep_alive(alive).into_response()
}

fn events(
    ring: Arc<Ring>,
    after: u64,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let begin = Follower {
        _place: place,
        count: ring.watch(),
        ring,
        after,
    };
    unfold(begin, async |mut follower| {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    })
}

struct Follower {
    ring: Arc<Ring>,
    count: Option<watch::Receiver<u64>>,
    after: u64,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    /// The next event; `None` once the node is closed.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(next) = self.ring.after(self.after) {
                if next.missed > 0 {
                    self.after += next.missed;
                    let told = json!({ "event": "missed", "count": next.missed });
                    return Some(
                        Event::default()
                            .id(self.ring.id(self.after))
                            .data(told.to_string()),
                    );
                }
                self.after = next.number;
                let id = self.ring.id(next.number);
                return Some(Event::default().id(id).data(next.event.to_string()));
            }
            self.count.as_mut()?.changed().await.ok()?;
        }
    }
}
