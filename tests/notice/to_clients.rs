//! What clients read, word for word.

use super::first;

#[test]
fn relay_reads_like_this() {
    insta::assert_snapshot!(first("relay"), @r##"
    Re: Front desk printer is down

    Sam Ortiz, Northwind IT, about your request #1042:

    Hi Jane,

    the print server had lost its network address. I gave it a fixed one, and the printer works again.

    Sam

    Too large for this mail, so not attached: driver-pack.zip

    --
    Northwind IT · request #1042 · just reply to this mail
    "##);
}

#[test]
fn resolution_reads_like_this() {
    insta::assert_snapshot!(first("resolution"), @r##"
    Re: Front desk printer is down

    Sam Ortiz, Northwind IT, about your request #1042:

    Hi Jane,

    the print server had lost its network address. I gave it a fixed one, and the printer works again.

    Sam

    With this your request is resolved. If it is not, just reply and we take it up
    again.

    How did we do?
    Good: https://desk.northwind.example/survey/mfzwizlkpqxexdrrtjwb2zkcni?answer=good
    Fair: https://desk.northwind.example/survey/mfzwizlkpqxexdrrtjwb2zkcni?answer=fair
    Bad: https://desk.northwind.example/survey/mfzwizlkpqxexdrrtjwb2zkcni?answer=bad
    Or reply with one word: good, fair or bad.

    --
    Northwind IT · request #1042 · just reply to this mail
    "##);
}

#[test]
fn waiting_reminder_reads_like_this() {
    insta::assert_snapshot!(first("waiting_reminder"), @r##"
    Re: Front desk printer is down

    Hello Jane Roe,

    we still need your answer to go on with your request #1042.

    Sam Ortiz wrote:

      | Does the printer show a message on its own display?
      | Which one?

    Without an answer we take it as solved and close it: Wed 25 Nov. You can
    reopen it at any time by replying.

    --
    Northwind IT · request #1042 · just reply to this mail
    "##);
}

#[test]
fn closed_notice_reads_like_this() {
    insta::assert_snapshot!(first("closed_notice"), @r##"
    Re: Front desk printer is down

    Hello Jane Roe,

    we have not heard from you, so we take your request #1042 as solved.

    If it is not, just reply to this mail: we take it up again.

    --
    Northwind IT · request #1042 · just reply to this mail
    "##);
}
