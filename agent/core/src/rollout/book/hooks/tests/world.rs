//! What the hooks of these tests live in.

use super::*;

/// The API server, and an agent that can be replaced by another one at any time.
pub(super) struct World {
    pub(super) now: u64,
    pub(super) version: u64,
    pub(super) order: Order,
    pub(super) suspended: bool,
    pub(super) app: Fake,
    pub(super) cron_job: Value,
    pub(super) secret: (u64, Vec<(&'static str, u32)>),
    /// Names of the Jobs that exist, and whether they have ended.
    pub(super) jobs: BTreeMap<String, bool>,
    /// What each Job was told when it was created.
    pub(super) told: Vec<Run>,
    pub(super) book: Book,
    pub(super) options: Options,
}

impl World {
    pub(super) fn new(order: Order) -> Self {
        Self::with(order, Options::default())
    }

    /// Everything is there, and the baselines are recorded.
    pub(super) fn with(order: Order, options: Options) -> Self {
        let mut world = Self {
            now: 60_000,
            version: 10,
            order,
            suspended: true,
            app: Fake::new(3, at(500), &["s"], &[(AUTO, "true")]),
            cron_job: json!({
                "metadata": {"name": "hook", "namespace": "ns", "uid": "uid-hook", "resourceVersion": "4",
                             "creationTimestamp": "2027-01-15T08:00:00Z", "annotations": {}},
                "spec": {"schedule": "", "suspend": true, "jobTemplate": {}},
            }),
            secret: (2, vec![("password", 1), ("user", 1)]),
            jobs: BTreeMap::new(),
            told: Vec::new(),
            book: Book::new(KEY, Options::default()),
            options,
        };
        world.start();
        world.run();
        assert!(world.told.is_empty() && world.restarts() == 0, "first sight runs nothing");
        world
    }

    /// A new process: it lists everything.
    pub(super) fn start(&mut self) {
        self.book = Book::new(KEY, self.options.clone());
        self.see_hooks();
        self.see_secret();
        self.see_cron_job();
        self.book.workload_seen(self.app.workload(), at(self.now));
        let jobs: Vec<_> = self.jobs.clone().into_iter().collect();
        for (name, ended) in jobs {
            self.book.workload_seen(job(&name, ended), at(self.now));
        }
        self.book.complete();
    }

    pub(super) fn see_hooks(&mut self) {
        let hook = Hook { cron_job: "hook".to_owned(), secret: "s".to_owned(), order: self.order };
        self.book.hooks_seen(&owner(), vec![hook], at(self.now));
    }

    pub(super) fn see_secret(&mut self) {
        let key = ObjectKey::new("ns", "s");
        let bytes: BTreeMap<&str, [u8; 4]> =
            self.secret.1.iter().map(|(name, value)| (*name, value.to_be_bytes())).collect();
        let entries = bytes.iter().map(|(name, value)| (*name, value.as_slice()));
        let entries = EntryMacs::of(&HashKey::new(&[1; KEY_LENGTH]).unwrap(), &key, entries);
        let content = self.secret.1.iter().map(|(_, value)| value).sum();
        let version = self.secret.0.to_string();
        let seen = ResourceSeen { entries: &entries, ..plain(&version, content) };
        self.book.resource_seen(&ResourceName::secret("s").within("ns"), &seen, at(self.now));
    }

    pub(super) fn see_cron_job(&mut self) {
        self.cron_job["spec"]["suspend"] = json!(self.suspended);
        let object: CronJob = serde_json::from_value(self.cron_job.clone()).unwrap();
        self.book.workload_seen(Workload::read(&object, &Options::default(), KEY).unwrap(), at(self.now));
    }

    pub(super) fn change(&mut self, key: &'static str, value: u32) {
        self.secret.1.retain(|(name, _)| *name != key);
        self.secret.1.push((key, value));
        self.secret.1.sort_unstable();
        self.secret.0 = self.next_version();
        self.see_secret();
    }

    pub(super) fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// Takes what is due, and carries it out.
    pub(super) fn run(&mut self) {
        self.book.news(at(self.now));
        self.run_until(usize::MAX);
    }

    /// The same, but the agent is gone after so many steps of all writes: the creation of a Job, or a patch.
    pub(super) fn run_until(&mut self, mut steps: usize) {
        for _ in 0..20 {
            let writes = self.book.take(ROOM, at(self.now));
            if writes.is_empty() {
                return;
            }
            for write in writes {
                if let Some(Restart::Run { job: name, .. }) = &write.restart {
                    if steps == 0 {
                        return;
                    }
                    steps -= 1;
                    if !self.jobs.contains_key(name) {
                        self.jobs.insert(name.clone(), false);
                        self.told.push(write.hook.clone().unwrap());
                        self.book.workload_seen(job(name, false), at(self.now));
                    }
                }
                if steps == 0 {
                    return;
                }
                steps -= 1;
                self.patch(&write);
            }
        }
        panic!("it never comes to rest");
    }

    pub(super) fn patch(&mut self, write: &Write) {
        let version = self.next_version();
        let updated = if write.workload.kind == WorkloadKind::CronJob {
            assert_eq!(self.cron_job["metadata"]["resourceVersion"], write.resource_version, "conflict");
            self.cron_job["metadata"]["resourceVersion"] = json!(version.to_string());
            self.cron_job["metadata"]["annotations"] =
                write.state.as_ref().map_or(json!({}), |state| json!({ state::ANNOTATION: state }));
            let object: CronJob = serde_json::from_value(self.cron_job.clone()).unwrap();
            Workload::read(&object, &Options::default(), KEY).unwrap()
        } else {
            assert!(self.app.apply(write, version), "conflict");
            self.app.workload()
        };
        self.book.written(write, Outcome::Applied(Box::new(updated)), 0.0, at(self.now));
    }

    /// The pods of the Deployment are replaced.
    pub(super) fn roll_out(&mut self) {
        let version = self.next_version();
        self.app.finish(version);
        self.book.workload_seen(self.app.workload(), at(self.now));
        self.run();
    }

    /// The Job that runs ends.
    pub(super) fn end(&mut self) {
        let name = self.jobs.iter().find(|(_, ended)| !**ended).map(|(name, _)| name.clone()).unwrap();
        self.jobs.insert(name.clone(), true);
        self.book.workload_seen(job(&name, true), at(self.now));
        self.run();
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now += seconds * 1000;
        self.run();
    }

    pub(super) fn restarts(&self) -> u64 {
        self.app.workload().progress.generation.cast_unsigned() - 1
    }

    pub(super) fn runs(&self) -> usize {
        self.told.len()
    }
}

pub(super) fn owner() -> Owner {
    Owner { object: ObjectKey::new("ns", "es"), uid: "uid-es".to_owned() }
}

pub(super) fn job_key(namespace: &str, name: &str) -> WorkloadKey {
    WorkloadKey { kind: WorkloadKind::Job, object: ObjectKey::new(namespace, name) }
}

/// The hook's Job, as the watch shows it.
pub(super) fn job(name: &str, ended: bool) -> Workload {
    let job = serde_json::from_value(object(name, ended)).unwrap();
    Workload::read::<Job>(&job, &Options::default(), KEY).unwrap()
}

pub(super) fn object(name: &str, ended: bool) -> Value {
    let conditions = if ended { json!([{"type": "Complete", "status": "True"}]) } else { json!([]) };
    json!({
        "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "5",
                     "creationTimestamp": "2027-01-15T08:00:00Z", "ownerReferences": [
            {"apiVersion": "batch/v1", "kind": "CronJob", "name": "hook", "uid": "uid-hook", "controller": true}]},
        "spec": {"template": {"spec": {"containers": [
            {"name": "main", "env": [{"name": "REKEY_SECRET", "value": "s"}]}]}}},
        "status": {"conditions": conditions},
    })
}
