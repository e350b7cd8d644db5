//! SIGHUP on the real process: a good config is used at once, a bad one is refused and the old one stays, and what needs a restart is named.

use std::path::Path;

use deskd::store::Db;

use crate::harness::daemon::{Home, Process};
use crate::harness::receiver::{self, Receiver};
use crate::harness::rows::until;
use crate::harness::{each_url, look};

const GLOBEX: &str =
    "[[client]]\nkey = \"globex\"\nname = \"Globex\"\ndomains = [\"globex.example\"]\ndefault_category = \"project\"\n";

fn config(url: &str, more: &str) -> String {
    format!(
        "[security]\ndns = \"none\"\n[store]\nurl = \"{url}\"\n[smtp]\noutbox = \"outbox\"\n\
         [[maildir]]\nname = \"drop\"\naddress = \"support@northwind.example\"\npath = \"inbox\"\n{more}"
    )
}

fn mail(name: &str) -> String {
    format!(
        "From: Hank <hank@globex.example>\r\nTo: support@northwind.example\r\nSubject: {name}\r\n\
         Message-ID: <{name}@globex.example>\r\n\r\nThe printer {name} is empty.\r\n"
    )
}

struct Scene {
    home: Home,
    process: Process,
    db: Db,
}

impl Scene {
    async fn set(folder: &Path, url: &str) -> Scene {
        let home = Home::new(folder, &config(url, ""));
        let mut process = home.run();
        process.ready().await;
        Scene { home, process, db: Db::open(url).await.unwrap() }
    }

    /// Client and status of the ticket that Hank's mail becomes.
    async fn becomes(&self, name: &'static str) -> (String, String) {
        self.home.drop_in(name, mail(name).as_bytes());
        let sql = "SELECT subject, COALESCE(client, ''), status FROM ticket";
        let rows = until::<(String, String, String)>(&self.db, name, sql, |rows| rows.iter().any(|row| row.0 == name));
        let (_, client, status) = rows.await.into_iter().find(|row| row.0 == name).unwrap();
        (client, status)
    }

    /// What the log says more after a reload with this config.
    async fn reload(&mut self, more: &str) -> String {
        self.reload_with(str::to_owned, more).await
    }

    /// The same with the whole text of the config changed by `change`.
    async fn reload_with(&mut self, change: impl Fn(&str) -> String, more: &str) -> String {
        let before = self.home.log().len();
        self.home.write(more);
        let text = std::fs::read_to_string(self.home.config()).unwrap();
        std::fs::write(self.home.config(), change(&text)).unwrap();
        self.process.reload().await;
        self.home.log()[before..].to_owned()
    }
}

#[tokio::test]
async fn a_changed_config_is_used_from_the_next_mail_on_and_a_bad_one_changes_nothing() {
    each_url("reload", async |folder, url| {
        let mut scene = Scene::set(folder, url).await;
        assert_eq!(scene.becomes("first").await, (String::new(), "unsorted".to_owned()), "nobody knows Globex yet");

        let said = scene.reload(&config(url, GLOBEX)).await;
        assert!(said.contains("the config was read again"), "{said}");
        let known = ("globex".to_owned(), "new".to_owned());
        assert_eq!(scene.becomes("second").await, known);

        let said = scene.reload(&config(url, "[[client]]\nkey = \"globex\"\nnmae = \"Globex\"\n")).await;
        assert!(said.contains("deskd.toml:") && said.contains("nmae"), "the place and the word: {said}");
        assert!(said.contains("the new config is not used, the old one stays"), "{said}");
        assert_eq!(scene.becomes("third").await, known);

        // A template that cannot be used is found as late as when the texts are made.
        std::fs::create_dir_all(folder.join("words/templates/en")).unwrap();
        std::fs::write(folder.join("words/templates/en/acknowledgement.html"), "{{ unclosed").unwrap();
        let said = scene.reload_with(|text| format!("templates = \"words\"\n{text}"), &config(url, "")).await;
        assert!(said.contains("the new config is not used") && said.contains("acknowledgement.html"), "{said}");
        assert_eq!(scene.becomes("fourth").await, known);
        scene.process.stop().await;
        scene.db.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_the_old_config_stays() {
    each_url("restart", async |folder, url| {
        let mut scene = Scene::set(folder, url).await;
        let other = folder.join("other.db");
        let store = config(&format!("sqlite:{}", other.display()), GLOBEX);
        let listen = config(url, &format!("{GLOBEX}[web]\nlisten = \"127.0.0.1:{}\"\n", crate::harness::free_port()));
        for (more, named) in [(store, "store"), (listen, "web.listen")] {
            let said = scene.reload(&more).await;
            assert!(said.contains(&format!("restart needed: {named} changed")), "{named}: {said}");
        }
        let domain = |text: &str| text.replace("domain = \"northwind.example\"", "domain = \"northwind.test\"");
        let said = scene.reload_with(domain, &config(url, GLOBEX)).await;
        assert!(said.contains("restart needed: firm.domain changed"), "{said}");
        // Of none of them a part was taken over.
        assert_eq!(scene.becomes("first").await, (String::new(), "unsorted".to_owned()));
        assert!(!other.exists());
        scene.process.stop().await;
        scene.db.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_program_is_told_from_the_reload_on_that_names_it_and_no_more_once_it_is_gone() {
    each_url("reload_webhook", async |folder, url| {
        let crm = Receiver::start().await;
        let mut scene = Scene::set(folder, url).await;
        scene.becomes("first").await;
        let webhook = receiver::config("crm", &crm.url, folder, "events = [\"created\"]");
        scene.reload(&config(url, &format!("{GLOBEX}{webhook}"))).await;
        scene.becomes("second").await;
        look::until("the second is told", async || crm.heard("\"second\"")).await;
        scene.reload(&config(url, GLOBEX)).await;
        scene.becomes("third").await;
        scene.process.stop().await;
        let told: Vec<String> =
            crm.told().iter().map(|delivery| delivery.json()["data"]["ticket"]["subject"].to_string()).collect();
        assert_eq!(told, ["\"second\""]);
        scene.db.close().await;
    })
    .await;
}
