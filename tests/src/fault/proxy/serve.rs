//! Accepts connections, and takes each request to the server or to its fault.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Shared;
use super::body::{self, Answered, Broken};
use crate::fault::passed::{Call, Passed};
use crate::fault::rule::{Effect, Rule};

pub(super) async fn run(
    listener: std::net::TcpListener,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        // Before the look at `down`: whoever goes down after it cuts this connection too.
        let mut cuts = shared.cuts.subscribe();
        if shared.down.load(Ordering::Acquire) > 0 {
            continue;
        }
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            tokio::select! {
                () = connection(stream, acceptor, shared) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => http(stream, shared).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                http(stream, shared).await;
            }
        }
    }
}

async fn http(stream: impl AsyncRead + AsyncWrite + Unpin + Send, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { shared.answer(request).await }
    });
    // An error is a client that went, or a fault.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Shared {
    async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Result<Response<Answered>, Broken> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        let call = Call::new(&parts, body);
        let place = self.arrive(&call);
        let rule = self.rule(&call);
        let request = self.request(&parts, &call);
        let answer = match rule {
            None => self.pass(request, &call, place).await,
            Some(rule) => self.meet(&rule, request, &call, place).await,
        };
        let status = answer.as_ref().ok().map(Response::status);
        self.note(place, |passed| passed.status = status);
        answer
    }

    async fn meet(
        self: &Arc<Self>,
        rule: &Rule,
        request: Request<Full<Bytes>>,
        call: &Call,
        place: usize,
    ) -> Result<Response<Answered>, Broken> {
        match &rule.effect {
            Effect::Delay(time) => {
                tokio::time::sleep(*time).await;
                self.pass(request, call, place).await
            }
            Effect::Silence => std::future::pending().await,
            Effect::Cut => Err(Broken),
            Effect::CutAnswer => {
                self.pass(request, call, place).await?;
                Err(Broken)
            }
            Effect::Answer(answer) => Ok(answer.response().map(body::complete)),
            Effect::Replay => {
                let key = memory_key(call);
                if let Some(answer) = rule.remembered(&key) {
                    return Ok(answer.map(body::complete));
                }
                let answer = self.fetch(request, call, place).await?;
                rule.remember(key, answer.clone());
                Ok(answer.map(body::complete))
            }
            Effect::Hold => {
                rule.wait().await;
                self.pass(request, call, place).await
            }
            Effect::HoldAnswer => {
                let answer = self.pass(request, call, place).await;
                rule.wait().await;
                answer
            }
        }
    }

    /// Takes the request to the server, and its answer back.
    async fn pass(
        self: &Arc<Self>,
        request: Request<Full<Bytes>>,
        call: &Call,
        place: usize,
    ) -> Result<Response<Answered>, Broken> {
        if call.is_watch() {
            let expiries = self.expiries.subscribe();
            let answer = self.client.request(request).await.map_err(|_| Broken)?;
            self.note(place, |passed| passed.answered = Some(Instant::now()));
            return Ok(end_to_end(answer).map(|upstream| body::watch(upstream, expiries)));
        }
        Ok(self.fetch(request, call, place).await?.map(body::complete))
    }

    /// A write goes on when its connection is cut, as it would at the server: the record says that it was done, and when.
    async fn fetch(
        self: &Arc<Self>,
        request: Request<Full<Bytes>>,
        call: &Call,
        place: usize,
    ) -> Result<Response<Bytes>, Broken> {
        let exchange = Arc::clone(self).exchange(request, call.clone(), place);
        if call.writes_a_secret() { tokio::spawn(exchange).await.map_err(|_| Broken)? } else { exchange.await }
    }

    async fn exchange(
        self: Arc<Self>,
        request: Request<Full<Bytes>>,
        call: Call,
        place: usize,
    ) -> Result<Response<Bytes>, Broken> {
        let (parts, incoming) = end_to_end(self.client.request(request).await.map_err(|_| Broken)?).into_parts();
        let bytes = incoming.collect().await.map_err(|_| Broken)?.to_bytes();
        let answer = Response::from_parts(parts, bytes);
        self.note(place, |passed| {
            passed.answered = Some(Instant::now());
            if call.is_kept() {
                passed.answer = answer.body().clone();
            }
        });
        if call.is_repeatable() && answer.status().is_success() {
            self.memory.lock().unwrap_or_else(PoisonError::into_inner).insert(memory_key(&call), answer.clone());
        }
        Ok(answer)
    }

    /// The same request for the server: method, path, headers (Host and signature too) and body unchanged.
    fn request(&self, parts: &http::request::Parts, call: &Call) -> Request<Full<Bytes>> {
        let mut uri = self.upstream.clone().into_parts();
        uri.path_and_query = parts.uri.path_and_query().cloned();
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = Uri::from_parts(uri).unwrap_or_else(|_| self.upstream.clone());
        *request.headers_mut() = parts.headers.clone();
        strip(request.headers_mut());
        request
    }

    fn rule(&self, call: &Call) -> Option<Arc<Rule>> {
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.iter().rev().find(|rule| rule.takes(call)).cloned()
    }

    fn arrive(&self, call: &Call) -> usize {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        passed.push(Passed::new(call));
        passed.len() - 1
    }

    fn note(&self, place: usize, change: impl FnOnce(&mut Passed)) {
        if let Some(passed) = self.passed.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place) {
            change(passed);
        }
    }
}

fn memory_key(call: &Call) -> (String, Bytes) {
    (call.action.clone(), call.body.clone())
}

fn end_to_end<B>(mut answer: Response<B>) -> Response<B> {
    strip(answer.headers_mut());
    answer
}

/// Removes what belongs to one connection only.
fn strip(headers: &mut HeaderMap) {
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, HeaderName::from_static("keep-alive")] {
        headers.remove(name);
    }
}
