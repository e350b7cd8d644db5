//! A Postgres that goes away and comes back: mail stays at its source meanwhile, no mail is blamed, and the work goes on by itself.

use std::sync::{Arc, Mutex};

use deskd::store::Db;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::harness::daemon::Home;
use crate::harness::look;
use crate::harness::rows::{rows, until};
use crate::harness::{postgres, scratch};

/// A wire to the database that can be cut.
struct Wire {
    port: u16,
    target: u16,
    accepting: Mutex<Option<JoinHandle<()>>>,
    connections: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Wire {
    async fn to(target: u16) -> Wire {
        let wire = Wire {
            port: crate::harness::free_port(),
            target,
            accepting: Mutex::default(),
            connections: Arc::default(),
        };
        wire.mend().await;
        wire
    }

    async fn mend(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        let (connections, target) = (self.connections.clone(), self.target);
        let accepting = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let joined = tokio::spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(("127.0.0.1", target)).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
                connections.lock().unwrap().push(joined);
            }
        });
        *self.accepting.lock().unwrap() = Some(accepting);
    }

    /// All connections break off, and no new one comes about.
    async fn cut(&self) {
        let accepting = self.accepting.lock().unwrap().take().unwrap();
        accepting.abort();
        let _ = accepting.await;
        for connection in self.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }
}

#[tokio::test]
async fn while_the_database_is_away_mail_stays_in_its_folder_and_afterwards_all_of_it_is_worked_on() {
    let folder = scratch("db_away");
    let Some(database) = postgres::fresh("away").await else { return };
    let port: u16 = database.url.rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap();
    let wire = Wire::to(port).await;
    let url = database.url.replace(&format!(":{port}/"), &format!(":{}/", wire.port));
    let more = format!(
        "[security]\ndns = \"none\"\n[store]\nurl = \"{url}\"\n[smtp]\noutbox = \"outbox\"\n\
         [[maildir]]\nname = \"drop\"\naddress = \"support@northwind.example\"\npath = \"inbox\"\n"
    );
    let home = Home::new(folder.path(), &more);
    let mut process = home.run();
    process.ready().await;
    let db = Db::open(&database.url).await.unwrap();
    let mut sent = 0;
    for round in 0..3 {
        // Some of them are in hand when the wire is cut.
        for number in 0..8 {
            sent += 1;
            let name = format!("{round}-{number}");
            home.drop_in(&name, mail(&name).as_bytes());
        }
        let kept = format!("SELECT source_key FROM inbound WHERE source_key LIKE '{round}-%'");
        let kept: &'static str = Box::leak(kept.into_boxed_str());
        if round > 0 {
            until::<(String,)>(&db, "some of them", kept, |rows| !rows.is_empty()).await;
        }
        let before = home.log().len();
        wire.cut().await;
        home.drop_in(&format!("{round}-cut"), mail(&format!("{round}-cut")).as_bytes());
        sent += 1;
        look::until("it says that the database is away", async || {
            home.log()[before..].contains("the database cannot be reached")
        })
        .await;
        assert!(folder.path().join(format!("inbox/new/{round}-cut")).exists(), "it waits at its source");
        wire.mend().await;
        let sql = "SELECT subject FROM ticket";
        until::<(String,)>(&db, "a ticket for each", sql, |rows| rows.len() == sent).await;
    }
    let fates = rows::<(String, i64)>(&db, "SELECT COALESCE(fate, ''), attempts FROM inbound").await;
    assert!(fates.len() == sent && fates.iter().all(|row| row.0 == "ticket"), "{fates:?}");
    process.stop().await;
    db.close().await;
    database.remove().await;
}

fn mail(name: &str) -> String {
    format!(
        "From: Person {name} <p{name}@acme-dental.example>\r\nTo: support@northwind.example\r\nSubject: Printer {name}\r\n\
         Message-ID: <{name}@acme-dental.example>\r\n\r\nThe printer {name} is empty.\r\n"
    )
}
