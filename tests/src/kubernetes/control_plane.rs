//! The processes of the control plane and their flags.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::KeyPair;

use crate::cache::write_private;
use crate::net::free_port;
use crate::process::{Process, Spec};
use crate::tls::Authority;
use crate::tools::Tools;

/// A control plane that is being started.
pub(super) struct ControlPlane {
    tools: Tools,
    directory: PathBuf,
    etcd: String,
    port: u16,
    url: String,
    ca: String,
    admin_token: String,
    processes: Vec<Process>,
}

impl ControlPlane {
    /// Chooses ports and writes keys and certificates into `directory`.
    pub(super) fn prepare(tools: &Tools, directory: &Path) -> Result<Self> {
        let authority = Authority::new("rekey-local-kubernetes")?;
        let server = authority.server(&["kubernetes.default.svc", "10.0.0.1"])?;
        let admin_token = crate::random_word(32);
        let file = |name: &str, text: &str| write_private(&directory.join(name), text);
        file("ca.crt", authority.pem())?;
        file("server.crt", &server.certificate)?;
        file("server.key", &server.key)?;
        // One key signs the tokens of ServiceAccounts; the API server checks them with its public half.
        let service_accounts = KeyPair::generate()?;
        file("service-account.key", &service_accounts.serialize_pem())?;
        file("service-account.pub", &service_accounts.public_key_pem())?;
        file("tokens.csv", &format!("{admin_token},admin,1,system:masters\n"))?;
        let port = free_port()?;
        Ok(Self {
            tools: tools.clone(),
            directory: directory.to_owned(),
            etcd: format!("http://127.0.0.1:{}", free_port()?),
            port,
            url: format!("https://127.0.0.1:{port}"),
            ca: authority.pem().to_owned(),
            admin_token,
            processes: Vec::new(),
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn ca(&self) -> &str {
        &self.ca
    }

    pub(super) fn admin_token(&self) -> &str {
        &self.admin_token
    }

    pub(super) fn processes(&self) -> Vec<&Process> {
        self.processes.iter().collect()
    }

    pub(super) fn into_processes(self) -> Vec<Process> {
        self.processes
    }

    /// Starts etcd and the API server, which waits for it.
    pub(super) fn start_server(&mut self) -> Result<()> {
        let etcd =
            self.component("etcd").arg(self.flag("data-dir", "etcd")).arg(format!("--listen-client-url={}", self.etcd));
        self.processes.push(etcd.start()?);
        let server = self
            .component("kube-apiserver")
            .args([
                format!("--etcd-servers={}", self.etcd),
                "--bind-address=127.0.0.1".to_owned(),
                format!("--secure-port={}", self.port),
                self.flag("cert-dir", "certificates"),
                self.flag("tls-cert-file", "server.crt"),
                self.flag("tls-private-key-file", "server.key"),
                "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
                self.flag("service-account-key-file", "service-account.pub"),
                self.flag("service-account-signing-key-file", "service-account.key"),
                "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
                "--authorization-mode=RBAC".to_owned(),
                self.flag("token-auth-file", "tokens.csv"),
            ])
            // 127.0.0.1 is no valid endpoint of the kubernetes Service; without this it tries again for ever.
            .args(["--endpoint-reconciler-type=none", "--profiling=false"]);
        self.processes.push(server.start()?);
        Ok(())
    }

    /// Starts the controllers, the scheduler and kwok, which give up on an API server that is not ready.
    pub(super) fn start_controllers(&mut self, admin: &Path) -> Result<()> {
        let kubeconfig = format!("--kubeconfig={}", admin.display());
        let controllers = self
            .component("kube-controller-manager")
            .args([
                kubeconfig.clone(),
                self.flag("service-account-private-key-file", "service-account.key"),
                self.flag("root-ca-file", "ca.crt"),
            ])
            .args(["--leader-elect=false", "--secure-port=0", "--controllers=*,-nodeipam,-nodelifecycle,-attachdetach"])
            .args(["--kube-api-qps=200", "--kube-api-burst=400", "--profiling=false"]);
        self.processes.push(controllers.start()?);
        let scheduler = self
            .component("kube-scheduler")
            .args([kubeconfig.as_str(), "--leader-elect=false", "--secure-port=0", "--profiling=false"])
            .args(["--kube-api-qps=200", "--kube-api-burst=400"]);
        self.processes.push(scheduler.start()?);
        let stages = crate::repository().join("tests/local/kubernetes/stages.yaml");
        let kwok = Spec::new("kwok", &self.tools.kwok, self.directory.join("kwok.log"))
            .env("HOME", &self.directory)
            .args([kubeconfig, format!("--config={}", stages.display())])
            // No leases: nobody here looks at a node's heartbeats.
            .args(["--manage-all-nodes=true", "--node-lease-duration-seconds=0"]);
        self.processes.push(kwok.start()?);
        Ok(())
    }

    fn component(&self, name: &str) -> Spec {
        // A proxy or a foreign CA in our environment must not reach the components: they talk to each other only.
        Spec::new(name, &self.tools.control_plane, self.directory.join(format!("{name}.log")))
            .clean_env()
            .env("HOME", &self.directory)
            .arg(name)
    }

    fn flag(&self, name: &str, file: &str) -> String {
        format!("--{name}={}", self.directory.join(file).display())
    }
}
