//! Bodies of answers: complete ones, and watches, which are passed on piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Body, Frame, Incoming};
use tokio::sync::{mpsc, watch};

use crate::fault::answer::gone_in_a_watch;

/// Why a body or an answer ends too early: so that hyper closes the connection.
#[derive(Debug)]
pub(super) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut by a fault")
    }
}

impl std::error::Error for Broken {}

pub(super) type Answered = BoxBody<Bytes, Broken>;

pub(super) fn complete(bytes: Bytes) -> Answered {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

/// Passes a watch on as it comes, and ends it with 410 when `expiries` moves.
pub(super) fn watch(upstream: Incoming, expiries: watch::Receiver<u64>) -> Answered {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(pass_on(upstream, expiries, sender));
    Pieces(receiver).boxed()
}

type Piece = Result<Frame<Bytes>, Broken>;

async fn pass_on(mut upstream: Incoming, mut expiries: watch::Receiver<u64>, to: mpsc::Sender<Piece>) {
    let mut expired = false;
    let mut between_lines = true;
    loop {
        if expired && between_lines {
            let _ = to.send(Ok(Frame::data(gone_in_a_watch()))).await;
            return;
        }
        let piece = tokio::select! {
            changed = expiries.changed(), if !expired => {
                expired = changed.is_ok();
                continue;
            }
            () = to.closed() => return,
            piece = upstream.frame() => piece,
        };
        let piece = match piece {
            None => return,
            Some(piece) => piece.map_err(|_| Broken),
        };
        if let Some(data) = piece.as_ref().ok().and_then(Frame::data_ref) {
            between_lines = data.last().is_none_or(|last| *last == b'\n');
        }
        if to.send(piece).await.is_err() {
            return;
        }
    }
}

struct Pieces(mpsc::Receiver<Piece>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        self.0.poll_recv(context)
    }
}
