//! A program run in a container: Docker's engine is asked over its Unix socket to make an exec, to start it and what its exit code was
//! (Docker Engine API, "Exec"). Paths carry no version: the engine takes its newest.
//!
//! An exec cannot be stopped through that interface: one that outlives the timeout is left to the container.

use super::http::{Body, Head, Reader, ResponseError};
use super::script::{captured, status_of};
use super::{Bounds, ProbeSetting, critical, dial};
use crate::health::Verdict;
use crate::model::duration;
use crate::runtime::{Runtime, Tail, timeout};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longest answer of the engine's that is read, in bytes; what a program writes is not one.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What is run where.
#[derive(Debug, Clone, Copy)]
pub struct Exec<'a> {
    /// The container's name or id.
    pub container: &'a str,
    /// The shell that runs it; empty runs `args` without one.
    pub shell: &'a str,
    /// The program and its arguments.
    pub args: &'a [String],
}

/// Why nothing was run.
#[derive(Debug)]
enum DockerError {
    Connect(PathBuf, io::Error),
    Stream(io::Error),
    Response(ResponseError),
    /// The engine refused a step: with this status, and these words.
    Refused(&'static str, String, String),
    /// The engine's answer to a step is not what its interface says.
    Answer(&'static str),
}

impl fmt::Display for DockerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DockerError::Connect(path, cause) => write!(f, "dial unix {}: connect: {}", path.display(), dial::os_text(cause)),
            DockerError::Stream(cause) => write!(f, "docker: {}", dial::os_text(cause)),
            DockerError::Response(cause) => write!(f, "docker: {cause}"),
            DockerError::Refused(step, status, said) => write!(f, "docker: {step}: {status}: {said}"),
            DockerError::Answer(step) => write!(f, "docker: {step}: the engine's answer cannot be read"),
        }
    }
}

impl std::error::Error for DockerError {}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "Id")]
    id: String,
}

#[derive(Deserialize)]
struct Inspected {
    #[serde(rename = "ExitCode")]
    exit_code: Option<i64>,
}

#[derive(Deserialize)]
struct Complaint {
    message: String,
}

/// Runs a program in a container.
pub async fn run<R: Runtime>(exec: Exec<'_>, bounds: Bounds, setting: &ProbeSetting) -> Verdict {
    let mut output = Tail::new(bounds.output);
    match timeout::<R, _>(bounds.timeout, exec_in::<R>(exec, &setting.docker, &mut output)).await {
        Ok(Ok(code)) => Verdict { status: status_of(code), output: captured(&output) },
        Ok(Err(cause)) => critical(cause.to_string()),
        Err(_) => critical(format!("Timed out ({}) running check", duration::format(bounds.timeout))),
    }
}

/// The three steps; the exit code.
async fn exec_in<R: Runtime>(exec: Exec<'_>, engine: &Path, output: &mut Tail) -> Result<i64, DockerError> {
    let command =
        if exec.shell.is_empty() { exec.args.to_vec() } else { vec![exec.shell.to_owned(), "-c".to_owned(), exec.args.join(" ")] };
    let container = utf8_percent_encode(exec.container, NON_ALPHANUMERIC);
    let wanted = json!({ "AttachStdin": false, "AttachStdout": true, "AttachStderr": true, "Tty": false, "Cmd": command });
    let created = ask::<R>(engine, "create exec", &post(&format!("/containers/{container}/exec"), &wanted.to_string())).await?;
    let Created { id } = serde_json::from_slice(&created).map_err(|_| DockerError::Answer("create exec"))?;
    let id = utf8_percent_encode(&id, NON_ALPHANUMERIC);
    let start = post(&format!("/exec/{id}/start"), r#"{"Detach":false,"Tty":false}"#);
    let mut streams = Streams::default();
    converse::<R>(engine, "start exec", &start, &mut |piece| streams.take(piece, output)).await?;
    let inspected = ask::<R>(engine, "inspect exec", &request("GET", &format!("/exec/{id}/json"), "")).await?;
    let Inspected { exit_code } = serde_json::from_slice(&inspected).map_err(|_| DockerError::Answer("inspect exec"))?;
    exit_code.ok_or(DockerError::Answer("inspect exec"))
}

fn post(path: &str, body: &str) -> String {
    request("POST", path, &format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

fn request(method: &str, path: &str, rest: &str) -> String {
    let rest = if rest.is_empty() { "\r\n" } else { rest };
    format!("{method} {path} HTTP/1.1\r\nHost: docker\r\nUser-Agent: Consul Health Check\r\nConnection: close\r\n{rest}")
}

/// The body of the engine's answer.
async fn ask<R: Runtime>(engine: &Path, step: &'static str, request: &str) -> Result<Vec<u8>, DockerError> {
    let mut body = Vec::new();
    converse::<R>(engine, step, request, &mut |piece| keep(&mut body, piece)).await?;
    Ok(body)
}

fn keep(body: &mut Vec<u8>, piece: &[u8]) {
    body.extend_from_slice(&piece[..piece.len().min(LONGEST_ANSWER.saturating_sub(body.len()))]);
}

/// One request on a connection of its own. The body of a good answer goes to `sink`.
async fn converse<R: Runtime>(
    engine: &Path,
    step: &'static str,
    request: &str,
    sink: &mut (dyn FnMut(&[u8]) + Send),
) -> Result<(), DockerError> {
    let mut stream = R::unix_connect(engine).await.map_err(|cause| DockerError::Connect(engine.to_owned(), cause))?;
    stream.write_all(request.as_bytes()).await.map_err(DockerError::Stream)?;
    let mut reader = Reader::new(Body::Allowed);
    let (mut piece, mut pending, mut complaint) = (Vec::with_capacity(4096), Vec::new(), Vec::new());
    while !reader.is_done() {
        piece.clear();
        match stream.read_buf(&mut piece).await.map_err(DockerError::Stream)? {
            0 => reader.end().map_err(DockerError::Response)?,
            _ => reader.take(&piece, &mut |bytes| pending.extend_from_slice(bytes)).map_err(DockerError::Response)?,
        }
        if reader.head().is_some_and(is_good) {
            sink(&pending);
        } else {
            keep(&mut complaint, &pending);
        }
        pending.clear();
    }
    match reader.head().filter(|head| !is_good(head)) {
        None => Ok(()),
        Some(head) => {
            let said = serde_json::from_slice(&complaint).map(|Complaint { message }| message);
            let said = said.unwrap_or_else(|_| String::from_utf8_lossy(&complaint).trim().to_owned());
            Err(DockerError::Refused(step, head.status_line.clone(), said))
        }
    }
}

fn is_good(head: &Head) -> bool {
    matches!(head.status, 200..=299)
}

/// Takes both outputs apart from the frames that they come in: the stream's number, three zeros, the length, the content.
#[derive(Debug, Default)]
struct Streams {
    prefix: Vec<u8>,
    left: usize,
    is_raw: bool,
}

impl Streams {
    fn take(&mut self, mut bytes: &[u8], output: &mut Tail) {
        while !bytes.is_empty() {
            if self.is_raw {
                return output.write(bytes);
            }
            if self.left > 0 {
                let (content, rest) = bytes.split_at(self.left.min(bytes.len()));
                output.write(content);
                self.left -= content.len();
                bytes = rest;
                continue;
            }
            let (prefix, rest) = bytes.split_at((8 - self.prefix.len()).min(bytes.len()));
            self.prefix.extend_from_slice(prefix);
            bytes = rest;
            if let [stream, x, y, z, a, b, c, d] = self.prefix[..] {
                // No frame: what a terminal writes comes as it is.
                self.is_raw = stream > 2 || [x, y, z] != [0; 3];
                self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                let prefix = std::mem::take(&mut self.prefix);
                if self.is_raw {
                    output.write(&prefix);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::seconds;
    use super::super::{ProbeSetting, run};
    use super::Streams;
    use crate::health::Verdict;
    use crate::model::{CheckStatus, Probe};
    use crate::runtime::{Runtime, Tail, tokio::Tokio};
    use std::path::PathBuf;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    /// What an engine answers to the connections it gets, in turn, and what it was asked.
    fn against(test: &str, answers: &[&str]) -> (Verdict, Vec<String>) {
        let path: PathBuf = std::env::temp_dir().join(format!("muster-docker-{test}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let done = Tokio::block_on(async {
            let listener = UnixListener::bind(&path).expect("binds");
            let engine = Tokio::spawn(async move {
                let mut asked = Vec::new();
                for answer in answers {
                    let (mut stream, _) = listener.accept().await.expect("accepts");
                    let mut request = vec![0; 4096];
                    let n = stream.read(&mut request).await.expect("reads");
                    asked.push(String::from_utf8_lossy(&request[..n]).into_owned());
                    stream.write_all(answer.as_bytes()).await.expect("writes");
                }
                asked
            });
            let setting = ProbeSetting { docker: path.clone(), ..ProbeSetting::default() };
            let probe = Probe::Docker { container: "web/1".into(), shell: "/bin/sh".into(), args: vec!["check".into(), "it".into()] };
            let verdict = run::<Tokio>(&probe, seconds(10), 4096, &setting).await;
            (verdict, engine.await.expect("serves"))
        });
        std::fs::remove_file(&path).expect("removes");
        done
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn the_exit_code_of_an_exec_decides_and_its_outputs_are_kept() {
        let started =
            "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n\u{1}\0\0\0\0\0\0\u{3}out\u{2}\0\0\0\0\0\0\u{4} err";
        for (code, status) in [(0, CheckStatus::Passing), (1, CheckStatus::Warning), (127, CheckStatus::Critical)] {
            let inspected = answer("200 OK", &format!(r#"{{"ID":"abc","Running":false,"ExitCode":{code}}}"#));
            let name = format!("exit-{code}");
            let (verdict, asked) = against(&name, &[&answer("201 Created", r#"{"Id":"abc"}"#), started, &inspected]);
            assert_eq!((verdict.status, verdict.output.as_str()), (status, "out err"));
            assert!(asked[0].starts_with("POST /containers/web%2F1/exec HTTP/1.1\r\n"), "{}", asked[0]);
            assert!(asked[0].contains(r#""Cmd":["/bin/sh","-c","check it"]"#), "{}", asked[0]);
            assert!(asked[1].starts_with("POST /exec/abc/start HTTP/1.1\r\n") && asked[2].starts_with("GET /exec/abc/json HTTP/1.1\r\n"));
        }
    }

    #[test]
    fn an_engine_that_refuses_or_is_not_there_is_critical() {
        let (verdict, _) = against("refusal", &[&answer("404 Not Found", r#"{"message":"No such container: web/1"}"#)]);
        let said = "docker: create exec: 404 Not Found: No such container: web/1";
        assert_eq!((verdict.status, verdict.output.as_str()), (CheckStatus::Critical, said));
        let (verdict, _) = against("nonsense", &[&answer("201 Created", "hello")]);
        assert_eq!(verdict.output, "docker: create exec: the engine's answer cannot be read");
        let probe = Probe::Docker { container: "web".into(), shell: String::new(), args: vec!["true".into()] };
        let setting = ProbeSetting { docker: "/no/such/socket".into(), ..ProbeSetting::default() };
        let verdict = Tokio::block_on(run::<Tokio>(&probe, seconds(5), 4096, &setting));
        assert_eq!(verdict.output, "dial unix /no/such/socket: connect: no such file or directory");
    }

    #[test]
    fn frames_are_taken_apart_however_they_are_cut() {
        let framed = b"\x01\0\0\0\0\0\0\x05hello\x02\0\0\0\0\0\0\x06 world";
        for cut in 1..framed.len() {
            let (mut streams, mut output) = (Streams::default(), Tail::new(100));
            framed.chunks(cut).for_each(|piece| streams.take(piece, &mut output));
            assert_eq!(output.bytes(), b"hello world", "cut into pieces of {cut}");
        }
        let (mut streams, mut output) = (Streams::default(), Tail::new(100));
        streams.take(b"a terminal writes this", &mut output);
        assert_eq!(output.bytes(), b"a terminal writes this");
    }
}
