//! Webhooks that come in at a fixed rate, whatever the answers take: how long each waited for its 200, which is the commit.

use std::time::Duration;

use deskd::store::Db;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::memory::{end, start};
use crate::{drain, free_port, office};

const CONNECTIONS: usize = 64;

pub async fn run(rate: usize, seconds: usize) {
    let folder = office::folder();
    let url = format!("sqlite:{}", folder.path().join("desk.db").display());
    let port = free_port();
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder.path().join("secret"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let hook = format!(
        "{}[web]\nlisten = \"127.0.0.1:{port}\"\n[[hook]]\nname = \"alerts\"\nkind = \"alertmanager\"\nauth = \"bearer\"\n\
         secret = {{ file = \"secret\" }}\nclient = \"client1\"\n",
        office::DROP
    );
    office::config(folder.path(), &url, &hook);
    println!("fsyncs of 4 KiB: {:.0} a second", office::fsync_rate(folder.path()));
    let (child, _) = start(folder.path()).await;
    let pace = Duration::from_secs_f64(CONNECTIONS as f64 / rate as f64);
    let begun = Instant::now() + Duration::from_millis(100);
    let each = rate * seconds / CONNECTIONS;
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|sender| {
            // Spread over one step, so that they do not come in bursts.
            let first = begun + pace.mul_f64(sender as f64 / CONNECTIONS as f64);
            tokio::spawn(async move { send(port, sender, each, first, pace).await })
        })
        .collect();
    let mut waits = Vec::new();
    for sender in senders {
        waits.extend(sender.await.unwrap());
    }
    let took = begun.elapsed().as_secs_f64();
    waits.sort_unstable();
    let at = |percent: usize| waits[(waits.len() * percent / 100).min(waits.len() - 1)].as_secs_f64() * 1e3;
    let db = Db::open(&url).await.unwrap();
    let rows = drain::one(&db, "SELECT COUNT(*) FROM inbound").await;
    let done = drain::one(&db, "SELECT COUNT(*) FROM inbound WHERE fate IS NOT NULL").await;
    println!(
        "{} webhooks in {took:.1} s ({:.0} a second, {rate} wanted), every one answered 200: {rows} rows, {done} of them worked on already\n\
         from its moment to the 200: median {:.1} ms, 99 % {:.1} ms, longest {:.1} ms",
        waits.len(),
        waits.len() as f64 / took,
        at(50),
        at(99),
        at(100)
    );
    assert_eq!(usize::try_from(rows).unwrap(), waits.len(), "a row for each 200");
    end(child).await;
}

/// One connection that is kept; its deliveries wait for each other, and the wait counts.
async fn send(port: u16, sender: usize, count: usize, first: Instant, pace: Duration) -> Vec<Duration> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut waits = Vec::with_capacity(count);
    let mut answer = vec![0; 4096];
    for number in 0..count {
        let due = first + pace * u32::try_from(number).unwrap();
        tokio::time::sleep_until(due).await;
        let alert = (sender * count + number) % 1_000;
        let body = format!(
            r#"{{"version":"4","status":"firing","alerts":[{{"status":"firing","fingerprint":"{alert:016x}","labels":{{"alertname":"HostDown","instance":"host{alert}:9100","severity":"warning"}},"annotations":{{"summary":"host{alert} is down"}}}}]}}"#
        );
        let request = format!(
            "POST /hooks/alerts HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer secret\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut read = 0;
        while !answer[..read].ends_with(b"}") {
            let more = stream.read(&mut answer[read..]).await.unwrap();
            assert!(more > 0, "the connection was closed: {}", String::from_utf8_lossy(&answer[..read]));
            read += more;
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
        waits.push(due.elapsed());
    }
    waits
}
