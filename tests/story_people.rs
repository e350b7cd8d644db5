//! Who is on a ticket: all are named to the tech and to each other, and nobody whom no mail can reach.

use deskd::words::Status;

use crate::harness::story::told;
use crate::story::from_jane;

const SAM: &str = "Sam Ortiz <sam@northwind.example>";

#[tokio::test]
async fn everybody_whom_a_plain_reply_reaches_is_named_to_the_tech_and_to_each_other() {
    told("people_named", async |story, _| {
        story.mail(&from_jane("firewall", "Firewall", "Please look at the firewall log.")).await;
        let assignment = story.mailed_one("assignment");
        assert!(assignment.mail.text.contains("A plain reply goes to Jane Roe."), "{}", assignment.mail.text);
        story.mail(&assignment.answer(SAM, "#cc t;m@acme-dental.example")).await;
        assert!(story.mailed_one("not_sent").mail.text.contains("is no mail address"));
        story.mail(&assignment.answer(SAM, "#cc tom@acme-dental.example")).await;
        story.mailed();
        let again = from_jane("again", "Re: Firewall", "It is the one in the hall.")
            .replace("\r\nDate:", "\r\nIn-Reply-To: <firewall@acme-dental.example>\r\nDate:");
        story.mail(&again).await;
        let told = story.mailed_one("client_message");
        let named = "A plain reply goes to Jane Roe, Tom Lee.";
        assert!(told.mail.text.contains(named), "{}", told.mail.text);

        story.mail(&told.answer(SAM, "I see it now.")).await;
        let relays: Vec<_> = story.mailed().into_iter().filter(|sent| sent.kind == "relay").collect();
        let mut reached: Vec<_> = relays.iter().map(|sent| sent.to.as_str()).collect();
        reached.sort_unstable();
        assert_eq!(reached, ["jane@acme-dental.example", "tom@acme-dental.example"]);
        for relay in &relays {
            let field = |list: &[deskd::mail::Mailbox]| list.iter().map(|one| one.address.clone()).collect::<Vec<_>>();
            assert_eq!(field(&relay.mail.to), ["jane@acme-dental.example"], "{}", relay.to);
            assert_eq!(field(&relay.mail.cc), ["tom@acme-dental.example"], "{}", relay.to);
        }
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_address_that_no_mail_can_be_written_to_makes_a_ticket_that_shows_it() {
    told("people_impossible", async |story, _| {
        let raw = from_jane("comma", "Printer", "My printer prints nothing.")
            .replacen("jane@acme-dental.example", "jane;roe@acme-dental.example", 1)
            .replace("\r\nDate:", "\r\nCc: a;b@acme-dental.example\r\nDate:");
        let inbound = story.mail(&raw).await;
        assert_eq!(inbound.fate.as_deref(), Some("ticket"), "{:?}", inbound.reason);
        let number = inbound.ticket.unwrap();
        assert_eq!(story.ticket(number).await.status, Status::Unsorted);
        let [message] = story.messages(number).await.try_into().unwrap();
        assert!(message.sender_name.contains("jane;roe@acme-dental.example"), "{}", message.sender_name);
        assert!(message.text.contains("prints nothing"));
        assert!(story.mailed().iter().all(|sent| sent.to.ends_with("@northwind.example")), "nobody else to write to");
        story.end().await;
    })
    .await;
}
