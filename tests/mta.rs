//! The harness's own Postfix: STARTTLS is offered, mail goes on by LMTP, other domains are refused.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::harness::postfix::{Options, Postfix};

/// Takes one mail by LMTP and gives its recipient and text.
fn take_one(listener: TcpListener) -> JoinHandle<(String, String)> {
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut out = stream.try_clone().unwrap();
        out.write_all(b"220 desk LMTP\r\n").unwrap();
        let (mut recipient, mut text, mut body) = (String::new(), String::new(), false);
        for line in BufReader::new(stream).lines() {
            let line = line.unwrap();
            if body && line == "." {
                out.write_all(b"250 kept\r\n").unwrap();
                break;
            } else if body {
                text.push_str(&format!("{line}\n"));
                continue;
            }
            body = line == "DATA";
            if let Some(address) = line.strip_prefix("RCPT TO:") {
                recipient = address.split(' ').next().unwrap().to_owned();
            }
            out.write_all(if body { b"354 go on\r\n" } else { b"250 ok\r\n" }).unwrap();
        }
        (recipient, text)
    })
}

/// Says each line and gives the last line of each answer.
fn talk(address: SocketAddr, lines: &[&str]) -> (Vec<String>, String) {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut out = stream.try_clone().unwrap();
    let mut answers = BufReader::new(stream).lines().map(Result::unwrap);
    let mut all = String::new();
    let mut answer = || {
        loop {
            let line = answers.next().unwrap();
            all.push_str(&format!("{line}\n"));
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    };
    let mut last = vec![answer()];
    for line in lines {
        out.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        last.push(answer());
    }
    (last, all)
}

#[test]
fn the_private_postfix_takes_mail_and_hands_it_over_by_lmtp() {
    let lmtp = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options { lmtp: lmtp.local_addr().unwrap(), sasl: None, domains: &["northwind.example"] };
    let Some(postfix) = Postfix::start(&options) else { return };
    assert!(postfix.ca.starts_with("-----BEGIN CERTIFICATE-----"), "clients can trust it");
    let taken = take_one(lmtp);
    let (answers, all) = talk(
        postfix.address,
        &[
            "EHLO client.example",
            "MAIL FROM:<jane@acme-dental.example>",
            "RCPT TO:<bob@elsewhere.example>",
            "RCPT TO:<support+r7@northwind.example>",
            "DATA",
            "Subject: the printer\r\n\r\nIt burns.\r\n.",
            "QUIT",
        ],
    );
    assert!(all.contains("250-STARTTLS"), "{all}");
    assert!(answers[3].starts_with("554"), "no relay: {all}");
    assert!(answers[6].starts_with("250"), "{all}{}", postfix.log());
    let (recipient, text) = taken.join().unwrap();
    assert_eq!(recipient, "<support+r7@northwind.example>");
    assert!(text.contains("Subject: the printer\n") && text.contains("It burns."), "{text}{}", postfix.log());
}
