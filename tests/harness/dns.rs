//! A DNS server on loopback that knows a few TXT records and can fail or keep silent.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{RData, Record};
use tokio::net::UdpSocket;

#[derive(Clone, Copy, PartialEq)]
pub enum Mood {
    Well,
    ServFail,
    Silent,
}

#[derive(Clone)]
pub struct Dns {
    pub address: SocketAddr,
    records: Arc<Mutex<HashMap<String, String>>>,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<usize>>,
}

impl Dns {
    pub async fn start(mood: Mood) -> Dns {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mood = Arc::new(Mutex::new(mood));
        let dns = Dns { address: socket.local_addr().unwrap(), records: Arc::default(), mood, asked: Arc::default() };
        let serving = dns.clone();
        tokio::spawn(async move {
            let mut buffer = [0u8; 4096];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                *serving.asked.lock().unwrap() += 1;
                if let Some(answer) = serving.answer(&buffer[..length]) {
                    let _ = socket.send_to(&answer, peer).await;
                }
            }
        });
        dns
    }

    pub fn txt(&self, name: &str, value: &str) {
        self.records.lock().unwrap().insert(format!("{name}."), value.to_owned());
    }

    /// From now on.
    pub fn turns(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::Silent {
            return None;
        }
        let query = Message::from_vec(query).ok()?;
        let mut answer = query.clone();
        answer.metadata.message_type = MessageType::Response;
        let asked = query.queries.first()?;
        let found = self.records.lock().unwrap().get(&asked.name().to_string().to_lowercase()).cloned();
        match found {
            _ if mood == Mood::ServFail => answer.metadata.response_code = ResponseCode::ServFail,
            Some(text) => {
                let parts =
                    text.as_bytes().chunks(250).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
                answer.add_answer(Record::from_rdata(asked.name().clone(), 300, RData::TXT(TXT::new(parts))));
            }
            None => answer.metadata.response_code = ResponseCode::NXDomain,
        }
        answer.to_vec().ok()
    }
}
