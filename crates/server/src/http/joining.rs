//! What a connection without a certificate may ask: to join, and nothing else.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Json;
use axum::routing::post;

use klamm_core::api::{JoinWanted, Joined};

use crate::error::ServerError;
use crate::{Server, joining};

/// A request for a certificate is about one kilobyte.
const LONGEST_BODY: usize = 64 << 10;

pub(super) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/agent/v1/join", post(join))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(server)
}

async fn join(
    State(server): State<Arc<Server>>,
    Json(wanted): Json<JoinWanted>,
) -> Result<Json<Joined>, ServerError> {
    Ok(Json(joining::join(&server, wanted).await?))
}
