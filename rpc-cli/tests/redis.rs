//! `slot --stdin` beside a real redis-server: the same slot for every key.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How many keys are compared.
const KEYS: usize = 10_000;

/// Longest wait for the server to start, on a machine that has other things to do.
const START: Duration = Duration::from_secs(30);

/// How often it is started: two ports lost to others in a row is luck, three is something else.
const TRIES: usize = 3;

/// A server of our own, which ends with the test.
struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    /// A server and a connection to it. A free port may be taken before the server is up; then others are tried.
    fn start(dir: &Path) -> (Self, TcpStream) {
        for _ in 0..TRIES {
            let mut redis = Self::spawn(dir);
            if let Some(stream) = redis.connect() {
                return (redis, stream);
            }
        }
        panic!("redis-server ended {TRIES} times before it listened: run it by hand to see why");
    }

    fn spawn(dir: &Path) -> Self {
        // A node of a cluster also takes the port 10000 above its own, unless told another one.
        let (port, bus) = two_free_ports();
        let child = Command::new("redis-server")
            .args(["--cluster-enabled", "yes", "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"])
            .args(["--port", &port.to_string(), "--cluster-port", &bus.to_string()])
            .arg("--dir")
            .arg(dir)
            .stdout(Stdio::null())
            .spawn();
        match child {
            Ok(child) => Self { child, port },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                panic!("this test compares with a real Redis: install redis-server (apt-get install redis-server)")
            }
            Err(error) => panic!("redis-server does not start: {error}"),
        }
    }

    /// A connection, or nothing if the server has ended.
    fn connect(&mut self) -> Option<TcpStream> {
        let started = Instant::now();
        while self.child.try_wait().expect("waits").is_none() {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Ok(stream) => return Some(stream),
                Err(error) => assert!(started.elapsed() < START, "redis-server does not listen: {error}"),
            }
            thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn two_free_ports() -> (u16, u16) {
    let listeners = [0; 2].map(|any: u16| TcpListener::bind(("127.0.0.1", any)).expect("a free port"));
    let [a, b] = listeners.each_ref().map(|listener| listener.local_addr().expect("bound").port());
    (a, b)
}

/// Keys without line ends, full of braces, some of them no text.
fn keys(random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let byte = |random: &mut fastrand::Rng| match random.u8(..8) {
        0 | 1 => b'{',
        2 | 3 => b'}',
        4 => match random.u8(..) {
            b'\n' => b'\r',
            byte => byte,
        },
        _ => random.alphanumeric() as u8,
    };
    (0..KEYS).map(|_| (0..random.usize(..24)).map(|_| byte(random)).collect()).collect()
}

/// Asks for all slots at once, and reads the answers while the questions are still being written.
fn keyslots(stream: &TcpStream, keys: &[Vec<u8>]) -> Vec<String> {
    let mut question = Vec::new();
    for key in keys {
        write!(question, "*3\r\n$7\r\nCLUSTER\r\n$7\r\nKEYSLOT\r\n${}\r\n", key.len()).expect("writes to memory");
        question.extend_from_slice(key);
        question.extend_from_slice(b"\r\n");
    }
    stream.set_read_timeout(Some(START)).expect("a socket");
    thread::scope(|scope| {
        scope.spawn(|| (&*stream).write_all(&question).expect("redis-server reads"));
        let mut answers = BufReader::new(stream).lines();
        let mut next = || answers.next().expect("an answer").expect("redis-server writes");
        keys.iter().map(|_| next().strip_prefix(':').expect("an integer").to_owned()).collect()
    })
}

#[test]
fn slots_equal_those_of_a_real_redis_server() {
    let seed = fastrand::u64(..);
    let keys = keys(&mut fastrand::Rng::with_seed(seed));
    let dir = tempfile::tempdir().expect("a directory");
    let (_redis, stream) = Redis::start(dir.path());
    let theirs = keyslots(&stream, &keys);

    let mut input = tempfile::tempfile_in(dir.path()).expect("a file");
    input.write_all(&keys.join(&b'\n')).and_then(|()| input.write_all(b"\n")).expect("writes");
    io::Seek::rewind(&mut input).expect("rewinds");
    let output =
        Command::new(env!("CARGO_BIN_EXE_wherever")).args(["slot", "--stdin"]).stdin(input).output().expect("runs");
    assert!(output.status.success(), "{output:?}");
    let ours: Vec<String> = String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect();

    assert_eq!((ours.len(), theirs.len()), (KEYS, KEYS));
    for ((key, ours), theirs) in keys.iter().zip(&ours).zip(&theirs) {
        assert_eq!(ours, theirs, "key {} (seed {seed})", key.escape_ascii());
    }
    let distinct: HashSet<&String> = ours.iter().collect();
    assert!(distinct.len() > KEYS / 4, "the keys were too much alike to show anything (seed {seed})");
}
