//! What managers read, word for word.

use super::first;

#[test]
fn unsorted_digest_reads_like_this() {
    insta::assert_snapshot!(first("unsorted_digest"), @r##"
    2 unsorted requests

    Please write above this line

    At least one looks like an outage. These came from people nobody vouches for.
    Nobody works on them, and nobody was answered. Reply with the lines you want
    done:

    #1043 P1 outage: Server down at our new office!
    From Rob New <rob@unknown.example>, today 13:35
    rob@unknown.example is not known, and no client has the domain
      | Hello, nobody can work here since 8. We are the new Acme branch.

    #1043 accept acme
    #1043 spam

    #1044 P4 request: Quote
    From Rob New <rob@unknown.example>, today 13:35
    rob@unknown.example is not known, and no client has the domain
      | Hello, nobody can work here since 8. We are the new Acme branch.

    #1044 accept
    #1044 spam
    "##);
}

#[test]
fn late_list_reads_like_this() {
    insta::assert_snapshot!(first("late_list"), @r##"
    2 old mails became tickets

    Please write above this line

    The inbox of support held mail over 3 days old when deskd saw it first. Each
    became a ticket; nobody was sent an acknowledgement.

    #1001 P3 Acme Dental: Old request
        Sat 14 Nov, 14:05, Jane Roe, with Sam Ortiz
    #1001 P3 Jane Roe: Old request
        Sat 14 Nov, 14:05, Jane Roe, nobody has it
    "##);
}

#[test]
fn storm_reads_like_this() {
    insta::assert_snapshot!(first("storm"), @r##"
    PAUSED: too much automatic mail to robot@shop.example

    Please write above this line

    Automatic mail to robot@shop.example is paused: 31 since today 13:15.

    Until: tomorrow 13:05
    Subjects: Your order, Your order

    Most likely two programs answer each other. Mail from people goes on as ever;
    nothing was lost.
    "##);
}

#[test]
fn undeliverable_reads_like_this() {
    insta::assert_snapshot!(first("undeliverable"), @r##"
    #1042 NOT DELIVERED to jane@acme-dental.example

    Please write above this line

    A mail to jane@acme-dental.example will not arrive. The client does not know
    yet.

    Ticket: #1042
    Subject: Re: Front desk printer is down
    Server: 550 5.1.1 no such user
    Tried: 1 time since today 14:04

    Call the client, or put the address right and run: deskd outbox retry 5120
    "##);
}

#[test]
fn undelivered_reads_like_this() {
    insta::assert_snapshot!(first("undelivered"), @r##"
    NOT TOLD: crm missed 14 events

    Please write above this line

    The webhook crm did not take 14 events, and deskd has given up. Nothing is
    lost: they are kept.

    Since: today 13:25
    Last answer: https://crm.northwind.example/deskd cannot take it now: 503 Service Unavailable

    See them with:
    deskd webhooks list --webhook crm
    Once the program is well again, send them anew with:
    deskd webhooks replay --failed --webhook crm
    "##);
}

#[test]
fn quarantined_reads_like_this() {
    insta::assert_snapshot!(first("quarantined"), @r##"
    QUARANTINED: a mail to support that deskd has set aside

    Please write above this line

    deskd has set a mail aside, so it is no ticket. It is kept whole.

    Source: support, today 13:59
    From: jane@acme-dental.example
    Subject: Fwd: Fwd: Fwd:
    Size: 1368 KiB
    Reason: reading it took over 30 s

    Read it in the mailbox itself and answer its sender from there. To try it
    again: deskd inbound retry 771
    "##);
}

#[test]
fn no_candidate_reads_like_this() {
    insta::assert_snapshot!(first("no_candidate"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    Nobody can take #1042: P2 degradation, Acme Dental.
    First answer due today 14:45 CST (in 40 min).

    Skill wanted: network
    - Sam Ortiz is away until Mon 30 Nov
    - Ana Lima lacks the skill network

    Reply with #assign and a login, or #take it yourself.

    Subject: Front desk printer is down
    From: Jane Roe <jane@acme-dental.example>, today 13:45

      | Hi,
      |
      | the printer at the front desk shows "offline" since this morning. Patients are waiting for their papers, we write them by hand now.
      |
      | Could somebody look at it today?
      |
      | Thanks
      | Jane

    --
    A plain reply is an internal note; the client does not see it.
    One tap:
      Take it: mailto:…&body=%23take%0D%0A
    "##);
}

#[test]
fn source_down_reads_like_this() {
    insta::assert_snapshot!(first("source_down"), @r##"
    SOURCE DOWN: support

    Please write above this line

    support cannot be reached since today 13:54. New requests there are not seen.

    Error: imap.northwind.example refuses the password of support@northwind.example

    Put the new password into the credential support-imap and reload deskd.
    "##);
}
