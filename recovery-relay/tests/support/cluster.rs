//! A private PostgreSQL cluster on a free port of this machine, stopped and removed when nobody uses it any more.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PASSWORD: &str = "only-for-tests";

/// The cluster of this process, as long as somebody uses it.
static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
static SCHEMAS: AtomicU32 = AtomicU32::new(0);

/// A running server.
pub(crate) struct Cluster {
    server: Mutex<Child>,
    port: u16,
    /// Where the server's own programs are.
    pub(crate) programs: PathBuf,
    user: Option<(u32, u32)>,
    folder: TempDir,
}

/// A place of its own in the cluster of this process.
pub(crate) struct Database {
    pub(crate) cluster: Arc<Cluster>,
    schema: String,
}

impl Database {
    /// `None`, said loudly, where PostgreSQL is not installed; on CI that is a failure.
    pub(crate) fn fresh() -> Option<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = match shared.upgrade() {
            Some(cluster) => cluster,
            None => {
                let cluster = Arc::new(Cluster::start(&["fsync=off"])?);
                *shared = Arc::downgrade(&cluster);
                cluster
            }
        };
        let schema = format!("test_{}", SCHEMAS.fetch_add(1, Ordering::Relaxed));
        cluster.sql(&format!("CREATE SCHEMA {schema}"));
        Some(Self { cluster, schema })
    }

    /// Where it is, with its password.
    pub(crate) fn url(&self) -> String {
        format!("{}?options=-csearch_path%3D{}", self.cluster.url(), self.schema)
    }
}

impl Cluster {
    /// Makes and starts a cluster with these settings.
    pub(crate) fn start(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed");
            eprintln!("SKIPPED: PostgreSQL is not installed");
            return None;
        };
        let folder = TempDir::new().unwrap();
        let user = user();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let secret = folder.path().join("password");
        fs::write(&secret, PASSWORD).unwrap();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&secret, Some(uid), Some(gid)).unwrap();
        }
        let data = folder.path().join("data");
        let mut initdb = command(&programs, "initdb", user);
        initdb.args(["--no-sync", "--username=relay", "--auth=scram-sha-256", "--encoding=UTF8"]);
        initdb.args(["--locale=C"]).arg("--pwfile").arg(&secret).arg("-D").arg(&data);
        let made = initdb.current_dir(folder.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let config = settings.iter().map(|setting| format!("{setting}\n")).collect::<String>();
        let fixed =
            "listen_addresses='127.0.0.1'\nunix_socket_directories=''\nmax_connections=200\n";
        let path = data.join("postgresql.auto.conf");
        fs::write(path, format!("{fixed}{config}")).unwrap();
        let port = free_port();
        let server = Mutex::new(serve(&programs, user, folder.path(), port));
        let cluster = Self { server, port, programs, user, folder };
        cluster.wait();
        Some(cluster)
    }

    /// Where it is, with its password.
    pub(crate) fn url(&self) -> String {
        format!("postgres://relay:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it as `pg_ctl stop -m immediate` does, as if the machine had lost power, and starts it again.
    pub(crate) fn crash(&self) {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        self.signal(&server, "QUIT");
        server.wait().unwrap();
        *server = serve(&self.programs, self.user, self.folder.path(), self.port);
        drop(server);
        self.wait();
    }

    /// Does something by `psql`; what it printed.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql]).arg(self.url());
        let done = psql.output().unwrap();
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn signal(&self, server: &Child, signal: &str) {
        let pid = server.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    fn wait(&self) {
        let begun = Instant::now();
        let ready = || {
            let mut asks = Command::new(self.programs.join("pg_isready"));
            asks.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
                && asks.status().is_ok_and(|status| status.success())
        };
        while !ready() {
            assert!(begun.elapsed() < Duration::from_secs(60), "PostgreSQL does not start");
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let server = self.server.get_mut().unwrap_or_else(PoisonError::into_inner);
        let pid = server.id().to_string();
        let _ = Command::new("kill").args(["-s", "QUIT", &pid]).status();
        let _ = server.wait();
    }
}

/// Where the server's programs are.
fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = debian.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = debian.chain(std::env::split_paths(&path));
    all.find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// The server refuses root: then it runs as its own user.
fn user() -> Option<(u32, u32)> {
    let id = |args: &[&str]| -> Option<u32> {
        String::from_utf8(Command::new("id").args(args).output().ok()?.stdout)
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    match id(&["-u"]) {
        Some(0) => Some((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?)),
        _ => None,
    }
}

fn command(programs: &Path, name: &str, user: Option<(u32, u32)>) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(programs.join(name));
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn serve(programs: &Path, user: Option<(u32, u32)>, folder: &Path, port: u16) -> Child {
    let mut server = command(programs, "postgres", user);
    server.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string()]);
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    server.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    server.spawn().unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
