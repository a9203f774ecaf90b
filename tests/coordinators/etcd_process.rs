//! A real etcd, with its data in a folder of its own, which can be stopped, frozen, wiped and started again.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rpc_core::coordinator::CoordinatorError;
use rpc_etcd::{Etcd, EtcdOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::wait;

const MISSING: &str = "these tests need etcd: install the Debian package etcd-server (`apt-get install etcd-server`), or any etcd of \
                       version 3.4 or later, so that the command `etcd` is found";

pub(crate) struct EtcdProcess {
    folder: TempDir,
    ports: (u16, u16),
    quota: Option<u64>,
    child: Option<Child>,
}

impl EtcdProcess {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// With room for so many bytes.
    pub(crate) async fn start_with(quota: Option<u64>) -> Self {
        loop {
            let mut etcd = Self { folder: tempfile::tempdir().unwrap(), ports: free_ports(), quota, child: None };
            // Somebody else may have taken a port that was free a moment ago.
            if etcd.is_up().await {
                return etcd;
            }
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.0)
    }

    pub(crate) fn port(&self) -> u16 {
        self.ports.0
    }

    /// Starts it at the same ports and on the same data.
    pub(crate) async fn start_again(&mut self) {
        assert!(self.is_up().await, "etcd ended at its start");
    }

    /// Starts it and waits until it answers; not if it ends first.
    async fn is_up(&mut self) -> bool {
        assert!(self.child.is_none());
        let peers = format!("http://127.0.0.1:{}", self.ports.1);
        let mut command = Command::new("etcd");
        // Short elections, for a quick start and for leases of one second.
        command.args(["--name", "test", "--heartbeat-interval", "50", "--election-timeout", "250", "--logger", "zap"]);
        command
            .args(["--log-level", "error", "--initial-cluster", &format!("test={peers}"), "--data-dir"])
            .arg(self.folder.path());
        for option in ["--listen-client-urls", "--advertise-client-urls"] {
            command.args([option, &self.endpoint()]);
        }
        for option in ["--listen-peer-urls", "--initial-advertise-peer-urls"] {
            command.args([option, &peers]);
        }
        if let Some(quota) = self.quota {
            command.args(["--quota-backend-bytes", &quota.to_string()]);
        }
        // Debian's packages for machines that etcd is not tested on want to be told that this is known.
        command.env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH.replace("aarch64", "arm64"));
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{MISSING} ({error})"));
        self.child = Some(child);
        let endpoint = &[self.endpoint()];
        let child = &Mutex::new(self.child.as_mut().unwrap());
        let starts = || async move {
            if child.lock().unwrap().try_wait().unwrap().is_some() {
                return Some(false);
            }
            Etcd::connect(endpoint, EtcdOptions::cluster("up")).await.ok().map(|_| true)
        };
        wait::until("etcd answers", starts).await
    }

    /// Kills it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    /// Removes its data while it is stopped.
    pub(crate) fn wipe(&mut self) {
        assert!(self.child.is_none());
        std::fs::remove_dir_all(self.folder.path()).unwrap();
        std::fs::create_dir(self.folder.path()).unwrap();
        // Etcd insists that nobody else can read it.
        std::fs::set_permissions(self.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    }

    /// Stops all its threads, as a machine that hangs would.
    pub(crate) async fn freeze(&self) {
        self.signal(Signal::STOP);
        let threads = format!("/proc/{}/task", self.child.as_ref().unwrap().id());
        let is_stopped = |thread: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default();
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
        };
        let all = || async { std::fs::read_dir(&threads).unwrap().all(is_stopped).then_some(()) };
        wait::until("etcd has stopped", all).await;
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// A client of it.
    pub(crate) async fn client(&self) -> Arc<Etcd> {
        Arc::new(self.try_client(EtcdOptions::cluster("test")).await.unwrap())
    }

    pub(crate) async fn try_client(&self, options: EtcdOptions) -> Result<Etcd, CoordinatorError> {
        Etcd::connect(&[self.endpoint()], options).await
    }

    /// Asks it something that is no business of a coordinator's, over its gateway for JSON.
    pub(crate) async fn ask(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/v3/{path}", self.endpoint());
        let request = reqwest::Client::new().post(url).timeout(Duration::from_secs(5)).body(body.to_string());
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"))
    }
}

impl Drop for EtcdProcess {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Two ports that were free a moment ago.
fn free_ports() -> (u16, u16) {
    let listeners = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let [one, two] = listeners.map(|listener| listener.local_addr().unwrap().port());
    (one, two)
}
