//! Native checks against the real servers. Each is skipped, and says so, where its program is not installed.

use super::probe;
use crate::health::Verdict;
use crate::model::{CheckStatus, Protocol};
use crate::runtime::{Runtime, sleep, tokio::Tokio};
use crate::server::checks::run;
use crate::server::checks::tests::servers::{SERVER, SERVER_KEY, trusting};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server of a test's own, killed when the test ends.
struct Server {
    child: Child,
    port: u16,
    _folder: Folder,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder of a test's own.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn folder(test: &str) -> Folder {
    let path = std::env::temp_dir().join(format!("muster-native-{test}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder");
    Folder(path)
}

/// The first of these programs that is there.
fn program(names: &[&str]) -> Option<String> {
    let found = names.iter().find(|name| Path::new(name).exists());
    if found.is_none() {
        eprintln!("skipped: none of {names:?} is installed");
    }
    found.map(|name| (*name).to_owned())
}

fn free_port() -> u16 {
    let both = || {
        let tcp = TcpListener::bind("127.0.0.1:0").ok()?;
        let port = tcp.local_addr().ok()?.port();
        UdpSocket::bind(("127.0.0.1", port)).ok().map(|_| port)
    };
    std::iter::from_fn(|| Some(both())).flatten().next().expect("a port")
}

fn start(folder: Folder, port: u16, command: &mut Command) -> Server {
    let log = fs::File::create(folder.0.join("log")).expect("a log");
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log).current_dir(&folder.0);
    Server { child: command.spawn().expect("starts"), port, _folder: folder }
}

fn ask(server: &Server, protocol: Protocol, params: &[(&str, &str)]) -> Verdict {
    let probe = probe(protocol, &format!("127.0.0.1:{}", server.port), params);
    Tokio::block_on(async { run::<Tokio>(&probe, Duration::from_secs(10), 4096, &trusting().await).await })
}

/// Asks until the server is up and the check passes.
fn passes(server: &Server, protocol: Protocol, params: &[(&str, &str)]) -> String {
    let begun = Tokio::now();
    loop {
        let verdict = ask(server, protocol, params);
        if verdict.status == CheckStatus::Passing {
            return verdict.output.replace(&server.port.to_string(), "PORT");
        }
        let log = fs::read_to_string(server._folder.0.join("log")).unwrap_or_default();
        assert!(Tokio::now().since(begun) < Duration::from_secs(60), "{}\n{log}", verdict.output);
        Tokio::block_on(async { sleep::<Tokio>(Duration::from_millis(50)).await });
    }
}

/// Why the check does not pass.
fn fails(server: &Server, protocol: Protocol, params: &[(&str, &str)]) -> String {
    let verdict = ask(server, protocol, params);
    assert_eq!(verdict.status, CheckStatus::Critical, "{}", verdict.output);
    verdict.output.replace(&server.port.to_string(), "PORT")
}

#[test]
fn a_real_redis_is_asked() {
    let Some(redis) = program(&["/usr/bin/redis-server", "/usr/bin/valkey-server"]) else { return };
    let (port, folder) = (free_port(), folder("redis"));
    let mut command = Command::new(redis);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--requirepass", "secret"]);
    let server = start(folder, port, &mut command);
    assert_eq!(passes(&server, Protocol::Redis, &[("password", "secret")]), "redis 127.0.0.1:PORT: PONG");
    assert_eq!(passes(&server, Protocol::Redis, &[("password", "secret"), ("role", "master")]), "redis 127.0.0.1:PORT: role master");
    assert_eq!(passes(&server, Protocol::Redis, &[("user", "default"), ("password", "secret")]), "redis 127.0.0.1:PORT: PONG");
    assert!(fails(&server, Protocol::Redis, &[]).contains("NOAUTH"));
    assert!(fails(&server, Protocol::Redis, &[("password", "wrong")]).contains("WRONGPASS"));
}

/// A file of `kind` as OpenSSL's programs read them.
fn pem(kind: &str, der: &[u8]) -> String {
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der))
}

/// Runs a program as nobody if we are root, as PostgreSQL asks for.
fn unprivileged(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    command
}

/// A database with a role for each way to log in.
fn postgres() -> Option<Server> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok();
    let mut folders: Vec<PathBuf> = versions.into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    let Some(programs) = folders.pop() else {
        eprintln!("skipped: there is no /usr/lib/postgresql");
        return None;
    };
    let (port, folder) = (free_port(), folder("postgres"));
    let cluster = folder.0.join("cluster");
    let hand_over = |path: &Path| {
        if rustix::process::geteuid().is_root() {
            let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(path).status();
            assert!(owned.is_ok_and(|status| status.success()));
        }
    };
    hand_over(&folder.0);
    let made =
        unprivileged(&programs.join("initdb")).args(["-N", "-E", "UTF8", "--locale=C", "-U", "postgres", "-D"]).arg(&cluster).output();
    let made = made.expect("initdb starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let host = |user: &str, method: &str| format!("host all {user} 127.0.0.1/32 {method}\n");
    let rules = [host("trusted", "trust"), host("hashed", "md5"), host("clear", "password"), host("all", "scram-sha-256")].concat();
    fs::write(cluster.join("pg_hba.conf"), rules).expect("writes");
    fs::write(cluster.join("server.crt"), pem("CERTIFICATE", SERVER)).expect("writes");
    fs::write(cluster.join("server.key"), pem("PRIVATE KEY", SERVER_KEY)).expect("writes");
    fs::set_permissions(cluster.join("server.key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("hides");
    hand_over(&cluster);
    let mut single = unprivileged(&programs.join("postgres"));
    single.args(["--single", "-D"]).arg(&cluster).arg("postgres").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut single = single.spawn().expect("starts");
    let roles = "CREATE ROLE trusted LOGIN\nCREATE ROLE proven LOGIN PASSWORD 'secret'\nCREATE ROLE clear LOGIN PASSWORD 'secret'\n\
                 SET password_encryption = md5\nCREATE ROLE hashed LOGIN PASSWORD 'secret'\n";
    single.stdin.take().expect("piped").write_all(roles.as_bytes()).expect("writes");
    assert!(single.wait().expect("ends").success());
    let mut command = unprivileged(&programs.join("postgres"));
    command.arg("-D").arg(&cluster).args(["-p", &port.to_string(), "-h", "127.0.0.1", "-F", "-c", "ssl=on", "-k"]).arg(&cluster);
    Some(start(folder, port, &mut command))
}

#[test]
fn a_real_postgres_lets_every_kind_of_role_in_and_answers() {
    let Some(server) = postgres() else { return };
    let params = |user| [("user", user), ("password", "secret"), ("database", "postgres")];
    for user in ["trusted", "proven", "hashed", "clear"] {
        assert_eq!(passes(&server, Protocol::Postgres, &params(user)), "postgres 127.0.0.1:PORT: the query answered 1", "{user}");
    }
    let with = |name, value| [params("proven").as_slice(), &[(name, value)]].concat();
    assert_eq!(passes(&server, Protocol::Postgres, &with("tls", "verified")), "postgres 127.0.0.1:PORT: the query answered 1");
    let ssl = with("query", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    assert!(passes(&server, Protocol::Postgres, &[ssl.as_slice(), &[("tls", "any")]].concat()).ends_with("the query answered t"));
    let many = passes(&server, Protocol::Postgres, &with("query", "SELECT * FROM generate_series(1, 100)"));
    assert!(many.ends_with("the query answered 100 rows, the first 1"), "{many}");
    assert!(
        fails(&server, Protocol::Postgres, &with("query", "SELECT nothing")).ends_with("ERROR: column \"nothing\" does not exist (42703)")
    );
    for user in ["proven", "hashed", "clear"] {
        let wrong = fails(&server, Protocol::Postgres, &[("user", user), ("password", "wrong"), ("database", "postgres")]);
        assert!(wrong.ends_with(&format!("FATAL: password authentication failed for user \"{user}\" (28P01)")), "{wrong}");
    }
    let missing = fails(&server, Protocol::Postgres, &[("user", "proven"), ("database", "postgres")]);
    assert!(missing.ends_with("the server asks for a password, and the check has none"), "{missing}");
    assert!(fails(&server, Protocol::Postgres, &[("user", "trusted"), ("database", "none")]).contains("(3D000)"));
}

#[test]
fn a_real_mariadb_lets_us_in_and_answers() {
    let Some(mariadb) = program(&["/usr/sbin/mariadbd"]) else { return };
    let (port, folder) = (free_port(), folder("mariadb"));
    let (tables, socket) = (folder.0.join("tables"), folder.0.join("socket"));
    fs::create_dir_all(&tables).expect("a folder");
    let mut install = Command::new(&mariadb);
    install.args(["--no-defaults", "--bootstrap", "--user=root"]).arg(format!("--datadir={}", tables.display()));
    let mut install = install.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    let own = ["mysql_system_tables.sql", "mysql_system_tables_data.sql"];
    let own = own.map(|name| fs::read_to_string(Path::new("/usr/share/mysql").join(name)).expect("comes with the server"));
    let begun = "CREATE DATABASE mysql;\nUSE mysql;\n".to_owned() + &own.concat();
    install.stdin.take().expect("piped").write_all(begun.as_bytes()).expect("writes");
    assert!(install.wait().expect("ends").success());
    let users =
        "CREATE USER probe@'%' IDENTIFIED BY 'secret';\nCREATE USER open@'%';\nCREATE DATABASE shop;\nGRANT ALL ON shop.* TO probe@'%';\n";
    fs::write(folder.0.join("users.sql"), users).expect("writes");
    let mut command = Command::new(mariadb);
    command.args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1", "--innodb-flush-method=nosync"]);
    command.arg(format!("--port={port}")).arg(format!("--datadir={}", tables.display())).arg(format!("--socket={}", socket.display()));
    command.arg(format!("--init-file={}", folder.0.join("users.sql").display()));
    let server = start(folder, port, &mut command);
    let login = [("user", "probe"), ("password", "secret")];
    assert_eq!(passes(&server, Protocol::Mysql, &login), "mysql 127.0.0.1:PORT: the query answered 1");
    assert_eq!(passes(&server, Protocol::Mysql, &[("user", "open")]), "mysql 127.0.0.1:PORT: the query answered 1");
    let with = |name, value| [login.as_slice(), &[(name, value)]].concat();
    assert!(
        passes(&server, Protocol::Mysql, &[with("database", "shop").as_slice(), &[("query", "SELECT DATABASE()")]].concat())
            .ends_with("answered shop")
    );
    assert!(passes(&server, Protocol::Mysql, &with("query", "SELECT 1 UNION SELECT 2")).ends_with("answered 2 rows, the first 1"));
    assert!(passes(&server, Protocol::Mysql, &with("query", "DO 1")).ends_with("the query was answered without rows"));
    assert!(fails(&server, Protocol::Mysql, &[("user", "probe"), ("password", "wrong")]).contains("Access denied for user 'probe'"));
    assert!(fails(&server, Protocol::Mysql, &with("query", "SELECT nothing")).contains("(1054)"));
    assert!(fails(&server, Protocol::Mysql, &with("database", "none")).contains("database 'none'"));
}

#[test]
fn a_real_name_server_is_asked() {
    let Some(dnsmasq) = program(&["/usr/sbin/dnsmasq"]) else { return };
    let (port, folder) = (free_port(), folder("dns"));
    let mut command = Command::new(dnsmasq);
    command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-daemon", "--bind-interfaces"]);
    command.args(["--listen-address=127.0.0.1", "--address=/web.test/10.0.0.1", "--mx-host=web.test,mail.test,10", "--local=/test/"]);
    let server = start(folder, port, command.arg(format!("--port={port}")));
    assert_eq!(passes(&server, Protocol::Dns, &[("name", "web.test")]), "dns 127.0.0.1:PORT: web.test A: 1 records");
    assert_eq!(passes(&server, Protocol::Dns, &[("name", "web.test."), ("type", "MX")]), "dns 127.0.0.1:PORT: web.test. MX: 1 records");
    assert_eq!(fails(&server, Protocol::Dns, &[("name", "web.test"), ("type", "TXT")]), "dns 127.0.0.1:PORT: web.test has no TXT record");
    assert_eq!(fails(&server, Protocol::Dns, &[("name", "none.test")]), "dns 127.0.0.1:PORT: none.test A: NXDOMAIN");
    assert_eq!(fails(&server, Protocol::Dns, &[]), "dns 127.0.0.1:PORT: . NS: REFUSED");
}

#[test]
fn a_real_mail_server_is_asked() {
    let python = program(&["/usr/lib/python3/dist-packages/aiosmtpd/__init__.py"]).and_then(|_| program(&["/usr/bin/python3"]));
    let Some(python) = python else { return };
    let (port, folder) = (free_port(), folder("smtp"));
    let mut command = Command::new(python);
    command.args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}")]);
    let server = start(folder, port, &mut command);
    let greeted = passes(&server, Protocol::Smtp, &[]);
    assert!(greeted.starts_with("smtp 127.0.0.1:PORT: 220 "), "{greeted}");
    assert!(passes(&server, Protocol::Smtp, &[("from", "probe@web.test"), ("helo", "web.test")]).contains(": 220 "));
    let refused = fails(&server, Protocol::Smtp, &[("from", "no..address@@x")]);
    assert!(refused.starts_with("smtp 127.0.0.1:PORT: 5"), "{refused}");
}
