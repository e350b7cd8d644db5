//! A telephone system that posts its calls names the callers by number.

use deskd::words::{Status, TicketNumber};
use serde_json::json;

use crate::harness::story::Sent;
use crate::hooks::told;

const SAM: &str = "Sam Ortiz <sam@northwind.example>";
const ANA: &str = "Ana Diaz <ana@northwind.example>";

fn tech_of(sent: &Sent) -> String {
    [SAM, ANA].into_iter().find(|tech| tech.contains(&sent.to)).unwrap().to_owned()
}

#[tokio::test]
async fn a_telephone_system_names_a_caller_by_number() {
    told("hook_pbx", async |story, door| {
        let call = |id: &str, caller: &str| json!({ "call": id, "caller": caller, "did": "100" });
        assert_eq!(door.tell("pbx", &call("1", "13125550100")).await.0, 200);
        assert_eq!(door.tell("pbx", &call("2", "13125550155")).await.0, 200);
        assert_eq!(door.tell("pbx", &call("3", "anonymous")).await.0, 200);
        story.quiet().await;
        let known = story.ticket(TicketNumber(1001)).await;
        assert_eq!((known.client.unwrap().0.as_str(), known.requester_name.unwrap().as_str()), ("acme", "Jane Roe"));
        for unknown in [1002, 1003] {
            assert_eq!(story.ticket(TicketNumber(unknown)).await.status, Status::Unsorted);
        }
        // One without a mail address, at a firm without a line for text messages: the answer goes where mail leaves, and fails there.
        story.mailed();
        assert_eq!(door.tell("pbx", &call("4", "15005550100")).await.0, 200);
        story.quiet().await;
        let mailed = story.mailed();
        assert_eq!(mailed.iter().map(|sent| sent.kind.as_str()).collect::<Vec<_>>(), ["assignment"]);
        story.mail(&mailed[0].answer(&tech_of(&mailed[0]), "I call you back, John.")).await;
        story.quiet().await;
        let told = story.mailed_one_of("undeliverable");
        assert!(told.mail.text.contains("no [[phone]] or [[chat]] of the config reaches them"), "{}", told.mail.text);
        story.end().await;
    })
    .await;
}
