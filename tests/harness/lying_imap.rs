//! A scripted IMAP server that lies: a closure answers each command line with raw bytes, or hangs up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// What the server does with a command; `TAG` in the bytes becomes the command's tag.
pub enum Act {
    Say(String),
    SayAndHangUp(String),
    /// Says the first, and then to each further line what the closure makes of it, while that begins with `+`.
    Ask(String, Box<dyn Fn(&str) -> String + Send + Sync>),
    /// Says `begin`, then `piece` so many times, then `end`.
    Flood {
        begin: String,
        piece: Vec<u8>,
        times: usize,
        end: String,
    },
    /// Never answers.
    Hang,
}

pub struct LyingImap {
    pub port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl LyingImap {
    /// `script(connection, command)`: connections count from 1, the command comes without its tag; `None` is the honest answer.
    pub async fn start(script: impl Fn(usize, &str) -> Option<Act> + Send + Sync + 'static) -> LyingImap {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let counted = AtomicUsize::new(0);
        let script = Arc::new(script);
        let task = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
                let script = Arc::clone(&script);
                tokio::spawn(async move {
                    let _ = serve(socket, number, &*script).await;
                });
            }
        });
        LyingImap { port, task }
    }
}

impl Drop for LyingImap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    socket: tokio::net::TcpStream,
    number: usize,
    script: &(impl Fn(usize, &str) -> Option<Act> + Sync),
) -> std::io::Result<()> {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"* OK ready\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
        match script(number, command).unwrap_or_else(|| Act::Say(honest(command))) {
            Act::Say(text) => write.write_all(text.replace("TAG", tag).as_bytes()).await?,
            Act::SayAndHangUp(text) => {
                write.write_all(text.replace("TAG", tag).as_bytes()).await?;
                return Ok(());
            }
            Act::Ask(text, answer) => {
                let mut said = text;
                while said.starts_with('+') {
                    write.write_all(said.as_bytes()).await?;
                    let Some(line) = lines.next_line().await? else { return Ok(()) };
                    said = answer(&line);
                }
                write.write_all(said.replace("TAG", tag).as_bytes()).await?;
            }
            Act::Flood { begin, piece, times, end } => {
                write.write_all(begin.as_bytes()).await?;
                for _ in 0..times {
                    write.write_all(&piece).await?;
                }
                write.write_all(end.replace("TAG", tag).as_bytes()).await?;
            }
            Act::Hang => std::future::pending().await,
        }
    }
    Ok(())
}

/// An empty mailbox with everything a client could want, except IDLE.
fn honest(command: &str) -> String {
    let first = command.split(' ').next().unwrap_or_default();
    match first {
        "CAPABILITY" => "* CAPABILITY IMAP4rev1 MOVE UIDPLUS\r\nTAG OK\r\n".to_owned(),
        "SELECT" => {
            "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT 100] n\r\nTAG OK [READ-WRITE] done\r\n".to_owned()
        }
        "LIST" if command.ends_with("\"\"") => "* LIST (\\Noselect) \"/\" \"\"\r\nTAG OK\r\n".to_owned(),
        "LIST" => "* LIST () \"/\" \"Processed\"\r\nTAG OK\r\n".to_owned(),
        _ => "TAG OK done\r\n".to_owned(),
    }
}
