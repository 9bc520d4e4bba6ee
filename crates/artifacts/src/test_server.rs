//! A small HTTP/1.1 server on loopback for tests: it answers, forgets ranges, cuts off and lies as it is told.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::{Cache, Mirrors, Pace, Supply};

/// A request as far as the tests look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// First byte of the range that was asked for.
    pub(crate) from: Option<usize>,
}

/// What to answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<String>,
    /// The length that is announced; the body's when absent.
    pub(crate) announced: Option<usize>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn whole(body: &[u8]) -> Self {
        Self { status: 200, body: body.to_vec(), ..Self::default() }
    }

    /// `content` as a server with ranges gives it.
    pub(crate) fn ranged(content: &[u8], asked: &Asked) -> Self {
        let Some(from) = asked.from else { return Self::whole(content) };
        if from >= content.len() {
            return Self::status(416);
        }
        let range = format!("Content-Range: bytes {from}-{}/{}", content.len() - 1, content.len());
        Self { status: 206, headers: vec![range], body: content[from..].to_vec(), announced: None }
    }

    /// Announces everything but closes the connection after `count` bytes of the body.
    pub(crate) fn cut_after(mut self, count: usize) -> Self {
        self.announced = Some(self.body.len());
        self.body.truncate(count);
        self
    }
}

pub(crate) struct TestServer {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (asked, stop, answer) = (asked.clone(), stop.clone(), Arc::new(answer));
            move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let (asked, answer) = (asked.clone(), answer.clone());
                    std::thread::spawn(move || serve(&stream.unwrap(), &asked, &*answer));
                }
            }
        });
        Self { port, asked, stop, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// A supply whose only source this is, with pauses too short to notice.
    pub(crate) fn supply(&self, cache: &Cache) -> Supply {
        supply_from(cache, &[self.url()])
    }
}

/// A supply with these sources and no other.
pub(crate) fn supply_from(cache: &Cache, urls: &[String]) -> Supply {
    let mut supply = Supply::new(cache.clone());
    supply.mirrors = Mirrors::new(urls, true).unwrap();
    let short = Duration::from_millis(1);
    supply.pace = Pace { first_pause: short, longest_pause: short, ..Pace::default() };
    supply
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes `accept`; when it fails the listener is gone already.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.thread.take().map(JoinHandle::join);
    }
}

/// One request a connection: a client never finds a connection that a test closed on purpose.
fn serve(stream: &TcpStream, asked: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Reply) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(path) = lines.next().and_then(|line| Some(line.split(' ').nth(1)?.to_owned())) else { return };
    let headers: Vec<String> =
        lines.take_while(|line| !line.is_empty()).map(|it| it.to_lowercase()).collect();
    let from = headers
        .iter()
        .find_map(|line| line.strip_prefix("range: bytes=")?.trim_end_matches('-').parse().ok());
    let request = Asked { path, from };
    asked.lock().unwrap().push(request.clone());
    let reply = answer(&request);
    let length = reply.announced.unwrap_or(reply.body.len());
    let mut head =
        format!("HTTP/1.1 {} told\r\nContent-Length: {length}\r\nConnection: close\r\n", reply.status);
    reply.headers.iter().for_each(|line| head += &format!("{line}\r\n"));
    // The client may hang up when it has seen enough.
    let _ = (&*stream).write_all(format!("{head}\r\n").as_bytes());
    let _ = (&*stream).write_all(&reply.body);
    let _ = stream.shutdown(Shutdown::Both);
}
