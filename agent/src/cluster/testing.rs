//! An API server in memory, for tests of what is written: it keeps objects of any kind, remembers every call, and refuses
//! what it is told to refuse.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

/// Clones are the same server.
#[derive(Clone, Default)]
pub struct Server {
    inner: Arc<Mutex<Inner>>,
    calls: Arc<watch::Sender<Vec<Call>>>,
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, Value>,
    refusals: Vec<(Method, String, StatusCode)>,
    versions: u64,
}

/// One call, as it came in.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its query, without the question mark.
    pub query: String,
    /// The type of its body.
    pub content_type: String,
    /// Its body.
    pub body: Value,
    /// What became of it.
    pub status: StatusCode,
}

impl Server {
    /// A client of this server.
    pub async fn client(&self) -> kube::Client {
        let router = axum::Router::new().fallback(answer).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        kube::Client::try_from(kube::Config::new(uri.parse().unwrap())).unwrap()
    }

    /// Puts an object there, under the path of its collection, and returns it as the API server shows it.
    pub fn add(&self, collection: &str, mut object: Value) -> Value {
        let mut inner = self.lock();
        inner.stamp(&mut object);
        let path = format!("{collection}/{}", object["metadata"]["name"].as_str().unwrap());
        inner.objects.insert(path, object.clone());
        object
    }

    /// Takes everything away whose path begins like this, and with it the kind.
    pub fn remove(&self, prefix: &str) {
        self.lock().objects.retain(|path, _| !path.starts_with(prefix));
    }

    /// The object at this path.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.lock().objects.get(path).cloned()
    }

    /// The objects whose paths begin like this.
    pub fn list(&self, prefix: &str) -> Vec<Value> {
        self.lock().objects.iter().filter(|(path, _)| path.starts_with(prefix)).map(|(_, one)| one.clone()).collect()
    }

    /// Refuses calls of this method on paths that begin like this, from now on.
    pub fn refuse(&self, method: Method, path: &str, status: StatusCode) {
        self.lock().refusals.push((method, path.to_owned(), status));
    }

    /// Refuses nothing any more.
    pub fn relent(&self) {
        self.lock().refusals.clear();
    }

    /// The calls so far that wrote, or tried to.
    pub fn writes(&self) -> Vec<Call> {
        self.calls.borrow().iter().filter(|call| call.method != Method::GET).cloned().collect()
    }

    /// The paths that were read so far.
    pub fn reads(&self) -> Vec<String> {
        self.calls.borrow().iter().filter(|call| call.method == Method::GET).map(|call| call.path.clone()).collect()
    }

    /// Waits for a call that is like this, and returns the first.
    pub async fn call(&self, is_it: impl Fn(&Call) -> bool) -> Call {
        let mut calls = self.calls.subscribe();
        let found = timeout(Duration::from_secs(20), calls.wait_for(|calls| calls.iter().any(&is_it))).await.is_ok();
        let calls = self.calls.borrow().clone();
        assert!(found, "no such call among {calls:#?}");
        calls.into_iter().find(is_it).unwrap()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

impl Inner {
    fn stamp(&mut self, object: &mut Value) {
        self.versions += 1;
        let metadata = &mut object["metadata"];
        metadata["resourceVersion"] = json!(self.versions.to_string());
        if metadata["uid"].is_null() {
            metadata["uid"] = json!(format!("uid-{}", self.versions));
            metadata["creationTimestamp"] = json!("2026-11-22T20:00:00Z");
        }
    }

    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        query: &str,
        body: &Value,
        strategic: bool,
    ) -> (StatusCode, Value) {
        let refused = self.refusals.iter().find(|(m, p, _)| m == method && path.starts_with(p.as_str()));
        if let Some((_, _, status)) = refused {
            return (*status, Value::Null);
        }
        let is_older = |object: &Value, of: &Value| {
            ["uid", "resourceVersion"]
                .into_iter()
                .any(|field| !of[field].is_null() && of[field] != object["metadata"][field])
        };
        match *method {
            Method::POST => {
                let mut object = body.clone();
                if let Some(prefix) = object["metadata"]["generateName"].as_str() {
                    assert!(prefix.ends_with('-'), "the API server takes no {prefix:?}");
                    object["metadata"]["name"] = json!(format!("{prefix}{}", self.versions));
                }
                let namespace = path.split('/').skip_while(|part| *part != "namespaces").nth(1).unwrap_or_default();
                object["metadata"]["namespace"] = json!(namespace);
                let path = format!("{path}/{}", object["metadata"]["name"].as_str().unwrap());
                if self.objects.contains_key(&path) {
                    return (StatusCode::CONFLICT, Value::Null);
                }
                self.stamp(&mut object);
                self.objects.insert(path, object.clone());
                (StatusCode::CREATED, object)
            }
            // Every watch is too late, and lists again.
            Method::GET if query.contains("watch=") && !self.list(path).is_empty() => {
                let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410,
                                    "reason": "Expired", "message": "too old"});
                (StatusCode::OK, json!({"type": "ERROR", "object": status}))
            }
            Method::GET if query.contains("limit=") && !self.list(path).is_empty() => {
                (StatusCode::OK, json!({"metadata": {"resourceVersion": "1"}, "items": self.list(path)}))
            }
            Method::GET if query.contains("labelSelector=") => {
                let items: Vec<Value> =
                    self.list(path).into_iter().filter(|one| !one["metadata"]["labels"].is_null()).collect();
                (StatusCode::OK, json!({"metadata": {}, "items": items}))
            }
            _ => match self.objects.get(path).cloned() {
                None => (StatusCode::NOT_FOUND, Value::Null),
                Some(object) if *method == Method::GET => (StatusCode::OK, object),
                Some(object) if *method == Method::DELETE => {
                    if is_older(&object, &body["preconditions"]) {
                        return (StatusCode::CONFLICT, Value::Null);
                    }
                    self.objects.remove(path);
                    (StatusCode::OK, object)
                }
                Some(mut object) => {
                    if is_older(&object, &body["metadata"]) {
                        return (StatusCode::CONFLICT, Value::Null);
                    }
                    let mut body = body.clone();
                    if strategic
                        && let Some(template) = body.pointer_mut("/spec/template").and_then(Value::as_object_mut)
                    {
                        // Lists are merged by name; what comes of it is the API server's business.
                        template.remove("spec");
                    }
                    merge(&mut object, &body);
                    self.stamp(&mut object);
                    self.objects.insert(path.to_owned(), object.clone());
                    (StatusCode::OK, object)
                }
            },
        }
    }

    fn list(&self, collection: &str) -> Vec<Value> {
        let inside = |path: &String| path.rsplit_once('/').is_some_and(|(parent, _)| parent == collection);
        self.objects.iter().filter(|(path, _)| inside(path)).map(|(_, one)| one.clone()).collect()
    }
}

/// RFC 7396.
fn merge(object: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else { return patch.clone_into(object) };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    for (key, value) in patch {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut object[key], value);
        }
    }
}

async fn answer(State(server): State<Server>, request: Request) -> (StatusCode, String) {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (path, query) =
        (head.uri.path().to_owned(), head.uri.query().unwrap_or_default().trim_start_matches('&').to_owned());
    let content_type =
        head.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    let strategic = content_type.contains("strategic");
    let (status, answer) = server.lock().answer(&head.method, &path, &query, &body, strategic);
    server.calls.send_modify(|calls| calls.push(Call { method: head.method, path, query, content_type, body, status }));
    let answer = if status.is_success() {
        answer
    } else {
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status.as_u16(),
               "reason": status.canonical_reason().unwrap_or_default().replace(' ', ""), "message": "no"})
    };
    (status, answer.to_string())
}
