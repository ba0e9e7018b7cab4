//! The production side: tokio, the operating system's clock, sockets and files.

mod command;
mod udp;

use super::{Command, Disk, DiskFile, Ran, Runtime, TcpListener, TcpStream};
use crate::model::{Instant, Timestamp};
use rustix::fs::{FallocateFlags, FlockOperation};
use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// [`Runtime`] on tokio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tokio;

#[expect(clippy::disallowed_methods, reason = "this is the door to the operating system's clocks")]
mod clock {
    use super::{Instant, OnceLock, Timestamp};

    /// One second before the process first asked, so that times just before now exist.
    fn start() -> std::time::Instant {
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        *START.get_or_init(|| {
            let now = std::time::Instant::now();
            now.checked_sub(std::time::Duration::from_secs(1)).unwrap_or(now)
        })
    }

    pub fn now() -> Instant {
        Instant::from_nanos(start().elapsed().as_nanos() as u64)
    }

    pub fn std_instant(at: Instant) -> std::time::Instant {
        start() + std::time::Duration::from_nanos(at.as_nanos())
    }

    pub fn wall() -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_unix_nanos(since.map_or(0, |d| d.as_nanos() as u64))
    }
}

impl Runtime for Tokio {
    type JoinError = tokio::task::JoinError;
    type JoinHandle<T: Send + 'static> = tokio::task::JoinHandle<T>;
    type Sleep = tokio::time::Sleep;
    type UdpSocket = tokio::net::UdpSocket;
    type TcpStream = tokio::net::TcpStream;
    type TcpListener = tokio::net::TcpListener;
    type UnixStream = tokio::net::UnixStream;
    type Disk = Folder;

    fn now() -> Instant {
        clock::now()
    }

    fn wall() -> Timestamp {
        clock::wall()
    }

    fn sleep_until(deadline: Instant) -> tokio::time::Sleep {
        tokio::time::sleep_until(clock::std_instant(deadline).into())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn spawn<F>(task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(task)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn spawn_blocking<F, T>(work: F) -> impl Future<Output = io::Result<T>> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let task = tokio::task::spawn_blocking(work);
        async move { task.await.map_err(io::Error::other) }
    }

    fn abort<T: Send + 'static>(task: &tokio::task::JoinHandle<T>) {
        task.abort();
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn random() -> u64 {
        rand::random()
    }

    fn block_on<F: Future>(task: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.expect("the operating system gives threads").block_on(task)
    }

    async fn udp_bind(addr: SocketAddr) -> io::Result<tokio::net::UdpSocket> {
        tokio::net::UdpSocket::bind(addr).await
    }

    async fn udp_bind_shared(addr: SocketAddr, most: usize) -> io::Result<Vec<tokio::net::UdpSocket>> {
        udp::bind_shared(addr, most)
    }

    async fn tcp_listen(addr: SocketAddr) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::bind(addr).await
    }

    async fn tcp_connect(addr: SocketAddr) -> io::Result<tokio::net::TcpStream> {
        let stream = tokio::net::TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn resolve(host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|addr| addr.ip()).collect())
    }

    async fn unix_connect(path: &Path) -> io::Result<tokio::net::UnixStream> {
        tokio::net::UnixStream::connect(path).await
    }

    async fn run_command(command: Command) -> io::Result<Ran> {
        command::run(command).await
    }

    async fn trusted_authorities() -> Vec<Vec<u8>> {
        let found = Tokio::spawn_blocking(rustls_native_certs::load_native_certs).await;
        // A file that cannot be read leaves its authorities out: what they vouch for is refused, by name, at each use.
        found.map(|found| found.certs.iter().map(|der| der.to_vec()).collect()).unwrap_or_default()
    }

    fn disk(root: &Path) -> io::Result<Folder> {
        let missing: Vec<&Path> = root.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
        std::fs::create_dir_all(root)?;
        // What is synced in a folder is lost with the folder's own name, so that is made durable first.
        for folder in missing {
            let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(parent)?.sync_all()?;
        }
        Ok(Folder { root: root.into(), lock: Arc::default() })
    }
}

impl TcpStream for tokio::net::TcpStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.peer_addr()
    }
}

impl TcpListener for tokio::net::TcpListener {
    type Stream = tokio::net::TcpStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    async fn accept(&self) -> io::Result<(tokio::net::TcpStream, SocketAddr)> {
        let (stream, peer) = self.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, peer))
    }
}

/// A folder of the operating system's.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    lock: Arc<Mutex<Option<File>>>,
}

/// Name of the file whose lock marks the folder as taken.
const LOCK_FILE: &str = ".lock";

impl Disk for Folder {
    type File = Arc<File>;

    fn open(&self, name: &str) -> io::Result<Arc<File>> {
        OpenOptions::new().read(true).write(true).open(self.root.join(name)).map(Arc::new)
    }

    fn create(&self, name: &str) -> io::Result<Arc<File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        options.open(self.root.join(name)).map(Arc::new)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.root.join(name))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.root.join(dir)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.retain(|name| name != LOCK_FILE);
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        std::fs::create_dir_all(self.root.join(dir))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.root.join(name))
    }

    async fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let dir = self.root.join(dir);
        Tokio::spawn_blocking(move || File::open(dir)?.sync_all()).await?
    }

    fn lock(&self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(self.root.join(LOCK_FILE))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                *self.lock.lock().expect("no panic while held") = Some(file);
                Ok(())
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Err(io::Error::from(io::ErrorKind::AddrInUse)),
            Err(e) => Err(e.into()),
        }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.root)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl DiskFile for Arc<File> {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(buf, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&**self, FallocateFlags::empty(), 0, size) {
            // A file system without it (some network and overlay ones): the length at least.
            Err(rustix::io::Errno::OPNOTSUPP) => self.set_len(size),
            done => Ok(done?),
        }
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    async fn sync(&self) -> io::Result<()> {
        let file = self.clone();
        Tokio::spawn_blocking(move || file.sync_data()).await?
    }
}
